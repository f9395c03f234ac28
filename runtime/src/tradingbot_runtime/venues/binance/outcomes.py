"""What Binance's answers prove (reference/runtime.md 3.3): a table from code to meaning.

Source: Binance spot API documentation, "Error codes" and "HTTP return codes": 5xx means that the execution status is
unknown and could have been a success.
"""

from enum import StrEnum

from tradingbot_runtime.errors import CredentialsRefused, OutcomeUnknown, VenueError, VenueRefused, counted_as
from tradingbot_runtime.model import TOO_MANY_OPEN, WOULD_TAKE
from tradingbot_runtime.venues.binance.replies import ReplyError

DUPLICATE = "Duplicate order sent."
REASONS = {  # of refusals that mean something to us, by their words: the code is the same for many
    "Order would immediately match and take.": WOULD_TAKE,
    "Filter failure: MAX_NUM_ORDERS": TOO_MANY_OPEN,
}
INSUFFICIENT_BALANCE = "Account has insufficient balance for requested action."


class Code:
    """Codes that mean something to us."""

    UNKNOWN = -1000
    DISCONNECTED = -1001
    TOO_MANY_REQUESTS = -1003
    UNEXPECTED_RESPONSE = -1006
    TIMEOUT = -1007
    SERVER_BUSY = -1008
    TOO_MANY_ORDERS = -1015
    INVALID_TIMESTAMP = -1021
    INVALID_SIGNATURE = -1022
    NEW_ORDER_REJECTED = -2010
    CANCEL_REJECTED = -2011
    NO_SUCH_ORDER = -2013
    BAD_KEY_FORMAT = -2014
    KEY_REFUSED = -2015
    REPLACE_FAILED_IN_PART = -2021
    REPLACE_FAILED = -2022
    ORDER_ARCHIVED = -2026  # cancelled or expired, with nothing executed, more than 90 days ago


# Codes that mean no more to us than a refusal, and that are usual enough to be counted by themselves.
_USUAL = {
    -1013,  # a filter of the market's, or the market is closed
    -1100,  # illegal characters
    -1102,  # a parameter is missing or malformed
    -1111,  # too precise
    -1121,  # no such symbol
}
CODES = frozenset({code for name, code in vars(Code).items() if not name.startswith("_")} | _USUAL)
CREDENTIALS_REFUSED = frozenset({Code.INVALID_SIGNATURE, Code.BAD_KEY_FORMAT, Code.KEY_REFUSED})


class Proof(StrEnum):
    REFUSED = "Refused"
    UNKNOWN = "Unknown"
    RATE_LIMITED = "RateLimited"

    def counted(self, code: int) -> str:
        return f"{self}{counted_as(code, CODES)}"


_PROOFS = {
    Code.UNKNOWN: Proof.UNKNOWN,
    Code.DISCONNECTED: Proof.UNKNOWN,
    Code.UNEXPECTED_RESPONSE: Proof.UNKNOWN,
    Code.TIMEOUT: Proof.UNKNOWN,
    Code.TOO_MANY_REQUESTS: Proof.RATE_LIMITED,
    Code.TOO_MANY_ORDERS: Proof.RATE_LIMITED,
}
_SERVER_ERRORS = 500
RATE_LIMIT_STATUSES = frozenset({418, 429})


def proof(status: int, code: int, message: str) -> Proof:
    """What an error answer proves about the request."""
    if status in RATE_LIMIT_STATUSES:
        return Proof.RATE_LIMITED
    if status >= _SERVER_ERRORS or message == DUPLICATE or not code:
        # A duplicate means that the id is in use: most likely by this very order, sent before. Ask.
        # Without a code it is not Binance's order entry that answers, but something on the way there.
        return Proof.UNKNOWN
    return _PROOFS.get(code, Proof.REFUSED)


def error(asked: str, status: int, refusal: ReplyError) -> VenueError:
    """The error to raise for an answer to a question or command; `asked`: which, with its address."""
    if proof(status, refusal.code, refusal.msg) is Proof.UNKNOWN:
        return OutcomeUnknown(f"Binance answered {asked} with status {status}: {refusal.msg} ({refusal.code})")
    return as_refused(refusal.code, refusal.msg)


def as_refused(code: int, message: str) -> VenueRefused:
    kind = CredentialsRefused if code in CREDENTIALS_REFUSED else VenueRefused
    return kind(code, message, counted_as(code, CODES))
