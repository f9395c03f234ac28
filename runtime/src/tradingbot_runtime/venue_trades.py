"""The account's trades, read on from where the reading stopped: what the stream did not tell, in this life or before.

The cursor is kept in the journal, and moves only after every fill of its page is kept; reading a trade twice changes
nothing.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import structlog
from msgspec.structs import replace

from tradingbot_runtime.core.order_ids import decode
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import Nanos, OrderId
from tradingbot_runtime.venues.protocols import Trade, TradeCursor

log = structlog.get_logger("trades")

PAGES_A_READING = 10
LOOKUPS_A_READING = 20
OTHERS_KEPT = 2_000
DAY_NS = 86_400 * 1_000_000_000
MS = 1_000_000


def cursor_key(ledger: str) -> str:
    """Where the journal keeps the cursor of a market."""
    return f"trades of {ledger}"


def first_reading_key(ledger: str) -> str:
    """Where the journal keeps that a market's trades are read for the first time, by a start that is not through."""
    return f"first reading of {ledger}"


@dataclass(slots=True)
class VenueTrades:
    market: LiveMarket
    now_ns: Callable[[], Nanos]
    is_ours: Callable[[OrderId], bool]
    newest_epoch: int = 0  # among the orders that are not known
    _not_known: dict[str, None] = field(default_factory=dict)  # by the venue's id: only this slot can have sent them
    _is_judged: bool = False  # whether they have been; what comes later is told by other means
    _owners: OrderedDict[str, OrderId | None] = field(default_factory=OrderedDict)  # by the venue's order id

    @property
    def orders_not_known(self) -> int:
        """How many have traded that only this slot can have sent, and that no earlier start has told of."""
        return len(self._not_known)

    def judged(self) -> None:
        """A start has told of them, and a person decides: the next start reads some of them again, and is silent."""
        self._is_judged = True
        if self._not_known:
            told = [*self._told(), *self._not_known][-OTHERS_KEPT:]
            self.market.journal.put(self._told_key, msgspec.json.encode(told).decode())
            self._not_known.clear()

    def _told(self) -> list[str]:
        text = self.market.journal.meta(self._told_key)
        return msgspec.json.decode(text, type=list[str]) if text else []

    @property
    def _told_key(self) -> str:
        return f"orders told of {self.market.ledger}"

    async def read_all(self) -> None:
        """Until nothing is left: what is not read is missing in the position. Raises VenueError."""
        while not await self.read():
            log.info("TradesBeingRead", market=self.market.name, orders=len(self._owners))

    async def read(self) -> bool:
        """Take in what is new; whether that is all. Raises VenueError; what was read by then is kept."""
        market = self.market
        for _ in range(PAGES_A_READING):
            page = await market.gateway.trades(market.instrument, self._cursor())
            lookups = 0
            for trade in page.trades:
                if not self._is_known(trade):
                    lookups += 1
                    if lookups > LOOKUPS_A_READING:
                        return False  # the cursor stays: the rest at the next reading
                    await self._look_up(trade)
                self._take(trade)
            if self._is_judged:
                self.judged()
            self._keep(page.cursor)
            if not page.more:
                return True
        return False

    def _cursor(self) -> TradeCursor:
        """At the first reading: from midnight UTC, so that a lost journal's trades of the day are found again."""
        kept = self.market.journal.meta(self._key)
        if kept is not None:
            return msgspec.json.decode(kept, type=TradeCursor)
        now_ns = self.now_ns()
        return TradeCursor(since_ms=(now_ns - now_ns % DAY_NS) // MS)

    def _keep(self, cursor: TradeCursor) -> None:
        text = msgspec.json.encode(cursor).decode()
        if text != self.market.journal.meta(self._key):
            self.market.journal.put(self._key, text)

    @property
    def _key(self) -> str:
        return cursor_key(self.market.ledger)

    def _owner(self, trade: Trade) -> OrderId | None:
        """Our id of the trade's order, as far as memory goes."""
        if trade.fill.order_id:
            return trade.fill.order_id
        known = self.market.engine.market.orders.named(trade.venue_order_id)
        return known.id if known is not None else self._owners.get(trade.venue_order_id)

    def _is_known(self, trade: Trade) -> bool:
        return self._owner(trade) is not None or trade.venue_order_id in self._owners

    async def _look_up(self, trade: Trade) -> None:
        """Whose order it was: one of the journal's, one of ours by the venue's client id, or another's."""
        market = self.market
        kept = market.journal.order_named(market.ledger, trade.venue_order_id)
        if kept is not None:
            owner: OrderId | None = kept
        else:
            owner = await market.gateway.order_id(market.instrument, trade.venue_order_id)
            self._note(owner, trade)
        self._owners[trade.venue_order_id] = owner
        while len(self._owners) > OTHERS_KEPT:
            self._owners.popitem(last=False)

    def _note(self, owner: OrderId | None, trade: Trade) -> None:
        """An order that the venue has traded, and that no row of the journal names so."""
        ours = owner is not None and self.is_ours(owner)
        if ours and owner is not None and self.market.journal.order(owner) is None:
            self.newest_epoch = max(self.newest_epoch, key.epoch if (key := decode(owner)) else 0)
        elif owner is not None or not self.market.gateway.exclusive or self._is_anothers(trade):
            return
        if trade.venue_order_id not in self._told():
            self._not_known[trade.venue_order_id] = None

    def _is_anothers(self, trade: Trade) -> bool:
        """Of the slot that traded this market before, whose account has been taken over."""
        taken_over_ns = self.market.journal.accounts.taken_over_ns(self.market.ledger)
        return 0 < trade.fill.venue_time_ns <= taken_over_ns

    def _take(self, trade: Trade) -> None:
        owner = self._owner(trade)
        if owner is not None and self.is_ours(owner):
            self.market.handle(replace(trade.fill, order_id=owner))
