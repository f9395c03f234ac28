"""What the API server may answer other than yes, for those who ask it through `cluster`."""


class ApiError(Exception):
    """The API server did not do it; try again later."""


class ApiUnavailable(ApiError):
    """No answer, or one that says nothing about the request."""


class ApiRefused(ApiError):
    """The API server said no; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class NotFound(ApiRefused):
    """404."""


class Conflict(ApiRefused):
    """409: somebody else was faster, or it exists already. Also a failed test of a JSON patch (422)."""
