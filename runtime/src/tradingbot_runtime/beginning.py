"""Markets of which only a part is known begin at zero: a market and the one that hedges it both, or neither.

One side of a pair that is rebuilt alone is worse than none: with the next release its residual would be hedged away, or
its position closed by a Flatten, though both sides together had nothing open.
"""

from collections.abc import Container, Sequence

import structlog

from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import PositionForgotten
from tradingbot_runtime.slot import Slot

log = structlog.get_logger("journal")

NAMED_MOST = 4  # a halt's message has room for so many; the log names all


def begin_at_zero(slot: Slot, whole: Container[str], why: str) -> str:
    """All markets, but those that are `whole` with their other side; what that means, for a person.

    To be called while the slot may not trade: the two sides of a pair hear of it one after the other. Raises
    JournalError.
    """
    lost = {leg.pair for leg in slot.config.legs if leg.name not in whole}
    begun = [slot.markets[leg.name] for leg in slot.config.legs if leg.pair in lost]
    found = [_held(live) for live in begun if live.engine.market.position.lots]
    for live in begun:
        _forget(slot, live, why)
    which = "every market begins" if len(begun) == len(slot.markets) else f"{_listed([m.name for m in begun])} begin"
    part = f"; only a part is known, {_listed(found)}, which does not count" if found else ""
    return f"{which} at zero, position and residual{part}: square the accounts by hand before you resume"


def _forget(slot: Slot, live: LiveMarket, why: str) -> None:
    """In the journal first: what a restart reads is what this process goes on with."""
    market, now_ns = live.engine.market, slot.now_ns()
    if market.position == Position(live.instrument):
        return
    log.warning("PositionForgotten", market=live.name, found=_held(live))
    instruments = live.instrument, slot.references[live.name]
    slot.journal.accounts.begin_at_zero(live.ledger, why, instruments, now_ns)
    live.handle(PositionForgotten(time_ns=now_ns))


def _held(live: LiveMarket) -> str:
    instrument = live.instrument
    return f"{instrument.quantity_text(live.engine.market.position.lots)} {instrument.base} of {live.name}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED_MOST
    return ", ".join(names[:NAMED_MOST]) + (f" and {more} more" if more > 0 else "")
