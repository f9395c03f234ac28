"""The control stream between the operator and a pod: one websocket, JSON text frames, each one a message below.

The operator connects (TLS with the bot's own certificate, `Authorization: Bearer <token>`), says `Hello`, and is
answered with a `SlotReport` at once, at every change, and every second. Every message from the operator carries the
leader's term; a pod answers a term lower than the highest it has seen with `CommandRefused` and does nothing.
"""

import msgspec

from tradingbot_runtime.model.events import TradingState

CONTROL_PORT = 8443
CONTROL_PATH = "/v1/control"
HTTP_PORT = 8080  # /healthz /readyz /metrics /state
SHUTDOWN_WITHIN_S = 25  # after SIGTERM a slot insists on an empty venue for so long; the pod's grace follows from it
HEARTBEAT_S = 1.0
MARKOUT_HORIZON = "10s"
MAX_FRAME_BYTES = 1_000_000
STALE_TERM = "StaleTerm"
APPLIED, RESTART_REQUIRED, REJECTED = "Applied", "RestartRequired", "Rejected"  # what became of a configuration
ENDED = "Ended"  # the last line of a process' log but for refusals; it has `exit_code` and `never_traded`
MANUAL_HALT = "ManualHalt"  # by a person: the kill-switch file, or the control stream
GLOBAL_HALT = "GlobalHalt"  # by a person, for all bots that a TradingHalt selects
BY_HAND = frozenset({MANUAL_HALT, GLOBAL_HALT})
RESUMED_MOST = 100  # halts that a report lists as released


class ControlMessage(msgspec.Struct, frozen=True, tag=True, kw_only=True, rename="camel"):
    """A text frame; `type` names the message."""


class FromOperator(ControlMessage, frozen=True, kw_only=True):
    term: int  # `leaseTransitions` of the operators' Lease


class Hello(FromOperator, frozen=True, kw_only=True):
    """First message of a connection."""

    operator: str  # the leader's identity, for logs


class Configure(FromOperator, frozen=True, kw_only=True):
    """A slot configuration (`SlotConfig.document()`); answered by `ConfigAnswered`."""

    document: str


class Drain(FromOperator, frozen=True, kw_only=True):
    """Send no more orders and, by `onStop`, cancel all and confirm; holds until the process ends."""

    reason: str
    flatten: bool = False  # then close the position, too


class HaltTrading(FromOperator, frozen=True, kw_only=True):
    """Stop now, for a person: latched; answered by `HaltAnswered`."""

    by: str
    message: str = ""
    flatten: bool = False  # close the position, too
    id: str = ""  # one that the operator has given it; ordered again, also after its resume, it changes nothing
    reason: str = MANUAL_HALT


class Resume(FromOperator, frozen=True, kw_only=True):
    """A person releases this halt and no other; answered by `HaltAnswered`."""

    halt_id: str
    by: str


class Halt(ControlMessage, frozen=True, kw_only=True):
    """A latched halt: `id` names this very one, for the person who resumes it."""

    id: str
    reason: str
    at_ns: int
    message: str
    market: str = ""  # that broke a limit; empty: the whole slot
    policy: str = "CancelAll"  # what follows, as `risk.onBreach`
    by: str = "runtime"  # who or what halted
    value: str = ""  # what was measured
    limit: str = ""  # that it broke


class QuotingReport(ControlMessage, frozen=True, kw_only=True):
    """How a market was quoted, as sums since the process started; money is a decimal of the quote asset."""

    orders: int  # sent, replacements among them
    refused: int  # of those, by the venue
    fills: int  # with a mid of their moment: turnover is theirs
    turnover: str
    profit: str  # realised and not, fees paid
    marked: int  # fills that were looked at again after MARKOUT_HORIZON
    marked_turnover: str
    markout: str  # what those have gained by then


class MarketReport(ControlMessage, frozen=True, kw_only=True):
    market: str
    position: str  # decimal, base asset, signed
    open_orders: int  # not proved closed, unknown ones included
    unknown_orders: int
    reason: str = ""  # why it cannot quote although it should; empty: it can, or it should not
    message: str = ""
    quoting: QuotingReport | None = None
    live_orders_left: int = 0  # mode Paper: orders of an earlier life in mode Live that may be at the venue


class VenueReport(ControlMessage, frozen=True, kw_only=True):
    """A venue as this slot sees it; without prices, counts and times, which change all the time."""

    venue: str
    reachable: bool  # it has answered, and every stream that the slot needs is open
    authenticated: bool | None = None  # None: not known yet, or nothing here needs a key
    message: str = ""  # what is wrong
    key_since_ns: int = 0  # the venue has taken the credentials that are in use, which are no older; 0: none


class ClosingStatement(ControlMessage, frozen=True, kw_only=True):
    """The account of a market that this process will not trade any more: the next slot goes on from there."""

    id: str  # names this very one
    market: str
    venue: str  # as its two fields below: of the orders
    symbol: str
    paper: bool
    summary: str  # for people
    account: str  # `core.carried.CarriedAccount` as JSON; empty: this slot has never known the market
    follows: str = ""  # the statement of another slot that was taken over last; empty: none


class SlotReport(ControlMessage, frozen=True, kw_only=True):
    """All that the operator knows of a slot."""

    slot: int
    pod_uid: str
    draining: bool = False  # it has heard a Drain: whatever comes, this process sends no new order
    never_traded: bool = False  # proved: no order has ever gone from this slot to a venue
    account_uid: str = ""  # of the ServiceAccount whose token it uses; empty: not known
    bot_number: str = ""  # marks its orders: eight hexadecimal digits, of the first bot that its volume belonged to
    state: TradingState
    reason: str
    message: str
    ready: bool  # the start barrier is passed and trading goes on, or is off because somebody wants it so
    config_hash: str
    epoch: int
    markets: tuple[MarketReport, ...]
    venues: tuple[VenueReport, ...] = ()
    halts: tuple[Halt, ...] = ()
    resumed: tuple[str, ...] = ()  # ids of the halts that were released last: what is in neither list is not known
    closed: tuple[ClosingStatement, ...] | None = None  # None: a runtime that knows nothing of it


class ConfigAnswered(ControlMessage, frozen=True, kw_only=True):
    """What became of a `Configure`."""

    config_hash: str
    outcome: str  # APPLIED, RESTART_REQUIRED or REJECTED
    message: str = ""


class HaltAnswered(ControlMessage, frozen=True, kw_only=True):
    """What became of `HaltTrading` or `Resume`: whether it was done, and the halts that hold now."""

    halt_id: str
    done: bool
    message: str = ""
    halts: tuple[str, ...] = ()


class CommandRefused(ControlMessage, frozen=True, kw_only=True):
    reason: str  # StaleTerm | Unreadable
    message: str


OperatorMessage = Hello | Configure | Drain | HaltTrading | Resume
PodMessage = SlotReport | ConfigAnswered | HaltAnswered | CommandRefused
