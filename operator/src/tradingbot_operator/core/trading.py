"""Whether the bot sends new orders: what its slots may do, and what hinders their markets all the same."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, no, unknown, yes
from tradingbot_operator.core.wording import listed
from tradingbot_runtime.model.events import TradingState

if TYPE_CHECKING:  # status.py imports this
    from tradingbot_operator.core.status import Picture, SlotPicture

# The worst state of a slot is the bot's; where a slot reads as Unknown, so does the bot.
TRADING: tuple[tuple[TradingState, Callable[[ConditionType, Reason, str], Observation], Reason], ...] = (
    (TradingState.HALTED, no, Reason.HALTED),
    (TradingState.FENCED, no, Reason.FENCED),
    (TradingState.VENUE_LOCKED, no, Reason.VENUE_LOCKED),
    (TradingState.DRAINED, no, Reason.DRAINING),
    (TradingState.STOPPED, no, Reason.STOPPED),
    (TradingState.STARTING, no, Reason.WARMUP),
    (TradingState.RECONCILING, no, Reason.WARMUP),
    (TradingState.REDUCING, yes, Reason.REDUCE_ONLY),
    (TradingState.ACTIVE, yes, Reason.ENABLED),
)
MAY_TRADE = frozenset({TradingState.REDUCING, TradingState.ACTIVE})
HINDERED = frozenset({Reason.ORDER_LOST, Reason.CANNOT_QUOTE})


def trading_enabled(p: "Picture") -> Observation:
    """A market that cannot quote although it may counts as one that may not."""
    if going := [pod.name for pod in p.unread if pod.stream.report and pod.stream.report.state in MAY_TRADE]:
        what = f"{listed(going)}: by a configuration that this operator cannot read"
        return yes(ConditionType.TRADING_ENABLED, Reason.ENABLED, what)
    trading = [s for s in p.slots if s.config.markets]
    if not trading:
        return no(
            ConditionType.TRADING_ENABLED, Reason.NO_MARKETS, "no slot has a market" if p.slots else "no slot runs"
        )
    for state, outcome, reason in TRADING:
        if state in MAY_TRADE and (found := hindered(trading)):
            return no(ConditionType.TRADING_ENABLED, *found)
        if slots := [s for s in trading if s.report and s.report.state is state]:
            return outcome(ConditionType.TRADING_ENABLED, reason, f"{slot_names(slots)}: {state}")
    return unknown(ConditionType.TRADING_ENABLED, Reason.NOT_REPORTED, f"no answer from {slot_names(trading)}")


def fenced(p: "Picture") -> Observation:
    """By the runtimes' own word. A slot that is not heard may have lost its Lease: then nobody knows."""
    if found := [s for s in p.slots if s.report and s.report.state is TradingState.FENCED]:
        said = found[0].report.message if found[0].report else ""
        return yes(ConditionType.FENCED, Reason.LEASE_LOST, f"{slot_names(found)}: {said}")
    if silent := [s for s in p.slots if s.pod and s.pod.started and s.report is None]:
        return unknown(ConditionType.FENCED, Reason.NOT_REPORTED, f"no answer from {slot_names(silent)}")
    return no(ConditionType.FENCED, Reason.NOT_FENCED, "no slot lacks its Lease")


def hindered(slots: "Sequence[SlotPicture]") -> tuple[Reason, str] | None:
    """Markets that cannot quote although their slot trades: the reason that only a person ends goes first."""
    found = [
        (
            market.reason != Reason.ORDER_LOST,
            f"slot {slot.ordinal}, market {market.market}: {market.reason}: {market.message}",
        )
        for slot in slots
        if slot.report and slot.report.state in MAY_TRADE
        for market in slot.report.markets
        if market.reason
    ]
    if not found:
        return None
    found.sort()
    reason = Reason.CANNOT_QUOTE if found[0][0] else Reason.ORDER_LOST
    return reason, "; ".join(text for _, text in found)


def slot_names(slots: "Sequence[SlotPicture]") -> str:
    return ("slot " if len(slots) == 1 else "slots ") + ", ".join(str(slot.ordinal) for slot in slots)
