"""What DeltaDeFi's answers prove (reference/runtime.md 3.3 and 9.6): one table, by code and by what was asked.

Source: DeltaDeFi API documentation, "Status code"; an error's body is `{"error": text, "code": number}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from tradingbot_runtime.errors import CredentialsRefused, OutcomeUnknown, VenueError, VenueRefused, counted_as
from tradingbot_runtime.model import TOO_MANY_OPEN, WOULD_TAKE


class Phase(StrEnum):
    """What was asked. Only a submit and a cancel change what is in the market."""

    BUILD = "Build"
    SUBMIT = "Submit"
    CANCEL = "Cancel"
    QUESTION = "Question"


class Proof(StrEnum):
    REFUSED = "Refused"  # a definite no: nothing has happened
    UNKNOWN = "Unknown"  # may have happened
    EXPIRED = "Expired"  # what was built was not submitted, and no longer can be
    DONE = "Done"  # it had been submitted before: ask how it stands
    GONE = "Gone"  # no such open order: most often it has just been filled


class Effect(StrEnum):
    """What else follows, whatever was asked."""

    NONE = ""
    LOCKED = "Locked"  # nothing is taken until trading is unlocked
    SLOWER = "Slower"
    HALT = "Halt"  # no retry mends it: a person must
    RECONCILE = "Reconcile"  # the venue holds other balances than we think


@dataclass(frozen=True, slots=True)
class Meaning:
    """`submit` and `cancel` are the proofs where they differ from a refusal. A refused build is never in doubt."""

    reason: str
    submit: Proof = Proof.REFUSED
    cancel: Proof = Proof.REFUSED
    effect: Effect = Effect.NONE


_R, _U = Proof.REFUSED, Proof.UNKNOWN

MEANINGS: Mapping[int, Meaning] = {
    4000: Meaning("InvalidRequest"),
    4010: Meaning("Unauthorized", effect=Effect.HALT),
    4050: Meaning("InsufficientBalance", effect=Effect.RECONCILE),
    4100: Meaning("MinQuantity"),
    4101: Meaning("BadPrice"),
    4102: Meaning("BadPrice"),
    4103: Meaning("BadQuantity"),
    4104: Meaning(WOULD_TAKE),
    4105: Meaning("InvalidRequest"),
    4106: Meaning("UnknownSymbol"),
    4107: Meaning("BadQuantity"),
    4108: Meaning("InvalidRequest"),
    4109: Meaning("NoLiquidity"),
    4110: Meaning(TOO_MANY_OPEN),
    4111: Meaning("PriceTooHigh"),
    4112: Meaning("PriceTooLow"),
    4200: Meaning("NoSuchOrder", submit=_U, cancel=Proof.GONE),
    4201: Meaning("NotOpen", submit=_U, cancel=Proof.GONE),
    4202: Meaning("BadOrderState", submit=_U, cancel=Proof.GONE),
    4290: Meaning("RateLimited", submit=_U, cancel=_U, effect=Effect.SLOWER),
    4300: Meaning("TransactionExpired", submit=Proof.EXPIRED, cancel=_U),
    4301: Meaning("UtxoSpent", submit=Proof.EXPIRED, cancel=_U),
    4302: Meaning("AlreadySubmitted", submit=Proof.DONE, cancel=_U),
    4400: Meaning("NoSuchUser", effect=Effect.HALT),
    4406: Meaning("NoOperationKey", effect=Effect.HALT),
    4407: Meaning("SignatureRefused", effect=Effect.HALT),
    5000: Meaning("VenueError", submit=_U, cancel=_U),
    5001: Meaning("VenueBusy", submit=_U, cancel=_U),
    5002: Meaning("TradingLocked", submit=_U, cancel=_U, effect=Effect.LOCKED),
}
NO_SUCH_ORDER = 4200
# Answers without a body of the venue's: its own code is missing, the HTTP status speaks.
_BY_STATUS: Mapping[int, int] = {401: 4010, 429: 4290}
_CLIENT_ERRORS = range(400, 500)
_OWN_TROUBLES = 5000  # the venue's codes from here on


class _Refusal(msgspec.Struct):
    code: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an error answer means."""

    proof: Proof
    reason: str  # a code in CamelCase
    effect: Effect
    code: int
    message: str

    @property
    def is_usual(self) -> bool:
        """A part of every day: the market moved first, or the order was just filled."""
        return self.proof is Proof.GONE or self.reason == WOULD_TAKE

    def as_error(self, asked: str) -> VenueError:
        """`asked`: what was, with its address."""
        if self.proof is Proof.UNKNOWN:
            return OutcomeUnknown(f"DeltaDeFi answered {asked} with {self.message} ({self.code or self.reason})")
        kind = CredentialsRefused if self.effect is Effect.HALT else VenueRefused
        return kind(self.code, self.message, counted_as(self.code, MEANINGS))


def outcome(phase: Phase, status: int, body: bytes) -> Outcome:
    """The meaning of an HTTP `status` of 400 or more with this body.

    A code that is not in the table, and an answer that the venue itself did not write (a proxy's), prove nothing about
    a submit or a cancel. Nor do they of a build, which is harmless: without its answer there is nothing to submit.
    """
    refusal = _refusal(body)
    meaning = MEANINGS.get(refusal.code)
    lent = MEANINGS.get(_BY_STATUS.get(status, 0))
    if meaning is None:
        reason, effect = (lent.reason, lent.effect) if lent else (f"Http{status // 100}xx", Effect.NONE)
        meaning = Meaning(reason, submit=_U, cancel=_U, effect=effect)
    is_the_venues_no = 0 < refusal.code < _OWN_TROUBLES or lent is not None
    plain = _R if status in _CLIENT_ERRORS and is_the_venues_no else _U
    proofs = {Phase.BUILD: plain, Phase.SUBMIT: meaning.submit, Phase.CANCEL: meaning.cancel, Phase.QUESTION: plain}
    message = refusal.error[:200] or f"HTTP {status}"
    return Outcome(proofs[phase], meaning.reason, meaning.effect, refusal.code, message)


def _refusal(body: bytes) -> _Refusal:
    try:
        return msgspec.json.decode(body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Refusal()
