"""The public order book of one symbol, built from whatever a recording has: tops, diffs, snapshots.

Pure. `changed` collects the levels touched since the last `take_changes`, so that what is published as diffs and what
REST depth shows are the same book at every update id, also where tops and snapshots told us more than the diffs did.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator

from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.market_events import DepthChanged, DepthSnapshot, Level, TopChanged

_RECENT_DIFFS = 256  # a REST snapshot in a recording is at most some seconds older than the diffs around it


class Ladder:
    """One side, best price first."""

    __slots__ = ("_keys", "_lots", "_sign", "side")

    def __init__(self, side: Side) -> None:
        self.side = side
        self._sign = -side.sign  # keys ascend from the best price outwards: negated prices for bids
        self._keys: list[int] = []
        self._lots: dict[Ticks, Lots] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Level]:
        for key in self._keys:
            price = Ticks(key * self._sign)
            yield price, self._lots[price]

    def best(self) -> Ticks | None:
        return Ticks(self._keys[0] * self._sign) if self._keys else None

    def at(self, price: Ticks) -> Lots:
        return self._lots.get(price, Lots(0))

    def reaches(self, price: Ticks, limit: Ticks) -> bool:
        """Whether an order on the other side with this limit may take `price`."""
        return (limit - price) * self._sign >= 0

    def set(self, price: Ticks, lots: Lots) -> bool:
        """Set the absolute quantity of a level; True when that changed something."""
        before = self._lots.get(price)
        if lots == (before or 0):
            return False
        if not lots:
            del self._lots[price]
            del self._keys[bisect_left(self._keys, price * self._sign)]
            return True
        self._lots[price] = lots
        if before is None:
            insort(self._keys, price * self._sign)
        return True

    def better_than(self, price: Ticks) -> list[Ticks]:
        return [Ticks(key * self._sign) for key in self._keys[: bisect_left(self._keys, price * self._sign)]]

    def prices(self) -> list[Ticks]:
        return [Ticks(key * self._sign) for key in self._keys]


class Book:
    """Bids and asks with the id of the newest update they contain."""

    def __init__(self) -> None:
        self.bids = Ladder(Side.BUY)
        self.asks = Ladder(Side.SELL)
        self.update_id = 0
        self.stale_tops = 0
        self.uncrossed = 0  # levels dropped because a newer one on the other side proves them gone
        self._top: TopChanged | None = None
        self._recent: deque[DepthChanged] = deque(maxlen=_RECENT_DIFFS)
        self._changed: dict[Side, set[Ticks]] = {Side.BUY: set(), Side.SELL: set()}

    def side(self, side: Side) -> Ladder:
        return self.bids if side is Side.BUY else self.asks

    def apply_top(self, top: TopChanged) -> None:
        """A top proves that nothing is inside it, and the quantities of two levels."""
        if top.update_id <= self.update_id:
            self.stale_tops += 1
            return
        self._top = top
        self.update_id = top.update_id
        self._enforce(top)

    def apply_depth(self, change: DepthChanged) -> None:
        self._recent.append(change)
        self._set_levels(change)
        self.update_id = max(self.update_id, change.last_id)
        if self._top is not None and self._top.update_id > change.last_id:
            self._enforce(self._top)  # the top is newer than this diff
        self._uncross({price for price, lots in change.bids if lots})

    def apply_snapshot(self, snapshot: DepthSnapshot) -> None:
        """Replace the book, then bring it up to date with the newer diffs and the newer top that are known."""
        for ladder, levels in ((self.bids, snapshot.bids), (self.asks, snapshot.asks)):
            known = {price for price, lots in levels if lots}
            for price in ladder.prices():
                if price not in known:
                    self._set(ladder, price, Lots(0))
            for price, lots in levels:
                self._set(ladder, price, lots)
        for change in self._recent:
            if change.last_id > snapshot.last_id:
                self._set_levels(change)
        self.update_id = max(self.update_id, snapshot.last_id)
        if self._top is not None and self._top.update_id > snapshot.last_id:
            self._enforce(self._top)

    def clear(self) -> None:
        """Forget all levels and what they came from (a recording starts over); the update id stays."""
        self._top = None
        self._recent.clear()
        for ladder in (self.bids, self.asks):
            for price in ladder.prices():
                self._set(ladder, price, Lots(0))

    def take_changes(self) -> dict[Side, list[Level]]:
        """Levels touched since the last call, with their quantities now, best first."""
        taken = {
            side: [(price, self.side(side).at(price)) for price in sorted(prices, reverse=side is Side.BUY)]
            for side, prices in self._changed.items()
        }
        self._changed = {Side.BUY: set(), Side.SELL: set()}
        return taken

    def _set(self, ladder: Ladder, price: Ticks, lots: Lots) -> None:
        if ladder.set(price, lots):
            self._changed[ladder.side].add(price)

    def _set_levels(self, change: DepthChanged) -> None:
        for price, lots in change.bids:
            self._set(self.bids, price, lots)
        for price, lots in change.asks:
            self._set(self.asks, price, lots)

    def _uncross(self, fresh_bids: set[Ticks]) -> None:
        """A recording that lost a diff leaves levels that trade no more; what was just set proves them gone."""
        while (bid := self.bids.best()) is not None and (ask := self.asks.best()) is not None and bid >= ask:
            self.uncrossed += 1
            if bid in fresh_bids:
                self._set(self.asks, ask, Lots(0))
            else:
                self._set(self.bids, bid, Lots(0))

    def _enforce(self, top: TopChanged) -> None:
        for ladder, (price, lots) in ((self.bids, top.bid), (self.asks, top.ask)):
            for inside in ladder.better_than(price):
                self._set(ladder, inside, Lots(0))
            self._set(ladder, price, lots)
