"""What the API server may answer other than yes, for those who ask it through `cluster`."""


class ApiError(Exception):
    """The API server did not do it; try again later."""


class ApiUnavailable(ApiError):
    """No answer, or one that says nothing about the request."""


class ApiRefused(ApiError):
    """The API server said no; `status` is HTTP's, `what` the object as kind/name, `words` what it said of it."""

    def __init__(self, status: int, message: str, what: str = "", words: str = "") -> None:
        self.status = status
        self.what = what
        self.words = words or message
        super().__init__(message)


class BelongsToSomebodyElse(ApiRefused):
    """An object of that name is there, and is none of ours."""

    def __init__(self, what: str) -> None:
        super().__init__(409, f"{what} belongs to somebody else; it is waited for", what,
                         "there is one of that name already, which is not this bot's")  # fmt: skip


class NotFound(ApiRefused):
    """404."""


class Conflict(ApiRefused):
    """409: somebody else was faster, or it exists already. Also a failed test of a JSON patch (422)."""
