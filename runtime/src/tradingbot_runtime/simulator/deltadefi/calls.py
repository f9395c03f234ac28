"""What a request says, whatever route it came by."""

from collections.abc import Mapping

import msgspec

from tradingbot_runtime.simulator.deltadefi.refusals import Reason, Refusal

MAX_ROWS, DEFAULT_ROWS, MAX_PAGE = 250, 10, 1000


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`path`: the parts of the path that are variable."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    def named(self, name: str) -> str:
        """A query parameter that must be there. Raises Refusal."""
        if not self.query.get(name):
            raise Refusal(Reason.INVALID)
        return self.query[name]

    def whole(self, name: str, default: int | None, most: int) -> int:
        """A whole number from 1 to `most`; `default` None where it must be there. Raises Refusal."""
        text = self.query.get(name)
        if text is None and default is not None:
            return default
        if not text or not text.isascii() or not text.isdecimal() or not 1 <= int(text[:20]) <= most:
            raise Refusal(Reason.INVALID)
        return int(text)

    def page(self) -> slice:
        """Which rows are asked for. Raises Refusal."""
        rows = self.whole("limit", DEFAULT_ROWS, MAX_ROWS)
        first = (self.whole("page", 1, MAX_PAGE) - 1) * rows
        return slice(first, first + rows)
