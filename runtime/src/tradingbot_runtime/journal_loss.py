"""A journal that lacks something, found at the start barrier: rebuilt from the venue's trades, or a halt.

Looks before anything is reconciled, because that withdraws the orders that tell; judges after it, because that reads
the trades.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from tradingbot_runtime.beginning import begin_at_zero
from tradingbot_runtime.config import Mode
from tradingbot_runtime.core.continuity import JOURNAL_LOST, Continuity, Evidence, Judgement, judge
from tradingbot_runtime.core.order_ids import decode, number_text
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.market_reports import live_orders_left
from tradingbot_runtime.reconcile import Reconciler
from tradingbot_runtime.risk_memory import forget_former_accounts
from tradingbot_runtime.slot import Slot
from tradingbot_runtime.venue_trades import cursor_key, first_reading_key

log = structlog.get_logger("journal")


@dataclass(slots=True)
class JournalLoss:
    slot: Slot
    _epochs: dict[str, int] = field(default_factory=dict)  # by market, the newest of ours at the venue
    _left: dict[str, int] = field(default_factory=dict)  # by market, open orders of an exclusive account, not known
    _others: dict[str, Counter[str]] = field(default_factory=dict)  # by market, open orders of other bots of ours
    _cursors: dict[str, bool] = field(default_factory=dict)  # by market, whether there was one before this start

    async def look(self, live: LiveMarket) -> None:
        """Raises VenueError."""
        listed = await live.gateway.open_orders(live.instrument)
        keys = [key for order in listed if (key := decode(order.order_id)) is not None]
        ours = (self.slot.bot_number, self.slot.config.slot)
        self._others[live.name] = Counter(number_text(key.bot) for key in keys if key.bot != self.slot.bot_number)
        self._epochs[live.name] = max((key.epoch for key in keys if (key.bot, key.slot) == ours), default=0)
        if live.gateway.exclusive:
            named = (self.slot.journal.order_named(live.ledger, order.venue_order_id) for order in listed)
            self._left[live.name] = sum(1 for known in named if known is None)
        self._cursors[live.name] = self._was_read_before(live.ledger)

    def _was_read_before(self, ledger: str) -> bool:
        """By a start that came through: the cursor of one that was killed says nothing of the days before."""
        journal, first = self.slot.journal, first_reading_key(ledger)
        if journal.meta(cursor_key(ledger)) is None:
            journal.put(first, "yes")
        return not journal.meta(first)

    def settle(self, reconcilers: Iterable[Reconciler]) -> None:
        """Once for all markets, when the trades have been read. Paper orders are lost with the journal, and whole."""
        slot, reconcilers = self.slot, list(reconcilers)
        forget_former_accounts(slot.journal, [each.market.ledger for each in reconcilers])
        if slot.config.mode is Mode.PAPER:
            self._tell_what_live_left()
            self._through()
            return
        self._tell_of_others()
        markets, read = slot.markets.values(), [each.trades for each in reconcilers]
        newest = max((*self._epochs.values(), *(each.newest_epoch for each in read)), default=0)
        if newest >= slot.epoch:  # ids of this process would be those of another one
            slot.renumber(slot.journal.next_epoch(newest))
        judgement = judge(
            Evidence(
                behind=slot.journal.behind,
                epoch=slot.epoch_before,
                epoch_configured=slot.epoch_seen_before,
                epoch_at_venue=newest,
                orders_not_known=sum(each.orders_not_known for each in read),
                left_alone=sum(self._left.values()),
                has_cursor=all(self._cursors.values()),
                trades_are_named=not any(live.gateway.exclusive for live in markets),
            )
        )
        if judgement.continuity is not Continuity.WHOLE:
            self._tell(judgement)
        for each in reconcilers:
            each.trades.judged()
            if judgement.continuity is Continuity.LOST:
                each.balances.forget()
        self._through()

    def _through(self) -> None:
        """What this start has found is kept: the next one need not find it again."""
        for live in self.slot.markets.values():
            if self.slot.journal.meta(first := first_reading_key(live.ledger)):
                self.slot.journal.put(first, "")
        self.slot.journal.settle_behind()

    def _tell(self, judgement: Judgement) -> None:
        slot = self.slot
        log.warning("JournalBehind", continuity=judgement.continuity, message=judgement.message)
        if judgement.continuity is Continuity.LOST:
            # First of all: a process that is killed now has left nothing that a release would trade on.
            begun = begin_at_zero(slot, self._whole, f"{slot.config.slot}.{slot.epoch}")
            proof = (
                f"what is left of its orders: `tradingbot-runtime cancel-all {slot.journal.path}` withdraws and proves"
            )
            slot.halt_for(JOURNAL_LOST, "the start barrier", f"{judgement.message}; {begun}; {proof}")

    @property
    def _whole(self) -> frozenset[str]:
        """Markets whose trades tell all that the journal lacks, by themselves."""
        return frozenset(name for name, live in self.slot.markets.items()
                         if self._cursors[name] and not live.gateway.exclusive)  # fmt: skip

    def _tell_of_others(self) -> None:
        """Another bot's, or this one's from before journal and lock were lost: only a person knows which."""
        path = self.slot.journal.path
        for market, others in self._others.items():
            for number, count in others.items():
                what = ("open orders here are another bot's; where that is this bot's former life (its journal lost), "
                        f"withdraw them: tradingbot-runtime cancel-all {path} --former-bot {number}")  # fmt: skip
                log.warning("OrdersOfAnotherBot", market=market, orders=count, other_bot=number, message=what)

    def _tell_what_live_left(self) -> None:
        """Nobody withdraws them in mode Paper, which has no way to the account."""
        path = self.slot.journal.path
        what = ("orders of mode Live may still be at the venue: go back to Live with desiredState Stopped until the "
                f"bot is Flat; until then `tradingbot-runtime cancel-all {path}` withdraws them")  # fmt: skip
        for name, live in self.slot.markets.items():
            if left := live_orders_left(self.slot, live):
                log.warning("LiveOrdersLeft", market=name, orders=left, message=what)
