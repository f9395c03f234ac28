"""A journal that lacks something, found at the start barrier: rebuilt from the venue's trades, or a halt.

Looks before anything is reconciled, because that withdraws the orders that tell; judges after it, because that reads
the trades.
"""

from dataclasses import dataclass, field

import structlog

from tradingbot_runtime.config import Mode
from tradingbot_runtime.core.continuity import JOURNAL_LOST, Continuity, Evidence, judge
from tradingbot_runtime.core.order_ids import decode
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.slot import Slot
from tradingbot_runtime.venue_trades import cursor_key

log = structlog.get_logger("journal")


@dataclass(slots=True)
class JournalLoss:
    slot: Slot
    _epochs: dict[str, int] = field(default_factory=dict)  # by market, the newest of ours at the venue
    _cursors: dict[str, bool] = field(default_factory=dict)  # by market, whether there was one before this start

    async def look(self, live: LiveMarket) -> None:
        """Raises VenueError."""
        listed = await live.gateway.open_orders(live.instrument)
        keys = [key for order in listed if (key := decode(order.order_id)) is not None]
        ours = (self.slot.bot_number, self.slot.config.slot)
        self._epochs[live.name] = max((key.epoch for key in keys if (key.bot, key.slot) == ours), default=0)
        self._cursors[live.name] = self.slot.journal.meta(cursor_key(live.ledger)) is not None

    def settle(self) -> None:
        """Once for all markets, when the trades have been read. Paper orders are lost with the journal, and whole."""
        slot = self.slot
        if slot.config.mode is Mode.PAPER:
            slot.journal.settle_behind()
            return
        markets = slot.markets.values()
        judgement = judge(
            Evidence(
                behind=slot.journal.behind,
                epoch=slot.epoch_before,
                epoch_configured=slot.config.epoch,
                epoch_at_venue=max(self._epochs.values(), default=0),
                has_cursor=all(self._cursors.values()),
                trades_are_named=not any(live.gateway.exclusive for live in markets),
            )
        )
        if judgement.continuity is Continuity.WHOLE:
            return
        log.warning("JournalBehind", continuity=judgement.continuity, message=judgement.message)
        if judgement.continuity is Continuity.LOST:
            slot.halt_for(JOURNAL_LOST, "the start barrier", judgement.message)
        slot.journal.settle_behind()
