"""Matching for a book of which only the top is known. Pure.

An order inside the spread stands before everybody. One at the best price stands behind what is shown there when it
arrives, and one behind the best price, whose level nobody shows, behind all that its level shows when that becomes the
best one: whoever is seen first counts as having been there first.
"""

from tradingbot_runtime.config.paper import QueueModel
from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.book import Book
from tradingbot_runtime.simulator.market_events import TradePrinted
from tradingbot_runtime.simulator.matching import Execution, MatchingEngine, Resting


class TopEngine(MatchingEngine):
    def __init__(self, book: Book, queue: QueueModel) -> None:
        super().__init__(book)
        self._is_proportional = queue is QueueModel.PROPORTIONAL
        self._unseen: set[int] = set()  # orders whose level has not been the best one since they arrived
        self._shown_before: dict[Side, tuple[Ticks, Lots]] = {}  # best level at the former look, less trades since

    def cancel(self, order_id: int) -> Lots | None:
        self._unseen.discard(order_id)
        return super().cancel(order_id)

    def on_book(self) -> list[Execution]:
        executions = super().on_book()
        for side in Side:
            ladder = self.book.side(side)
            best = ladder.best()
            if best is not None:
                self._shown_before[side] = (best, ladder.at(best))
        return executions

    def on_trade(self, trade: TradePrinted) -> list[Execution]:
        side = Side.BUY if trade.buyer_is_maker else Side.SELL
        price, shown = self._shown_before.get(side, (None, 0))
        if price == trade.price:  # what is gone from the level by trades was not withdrawn
            self._shown_before[side] = (trade.price, Lots(max(shown - trade.lots, 0)))
        return super().on_trade(trade)

    def _ahead(self, side: Side, price: Ticks, order_id: int) -> Lots:
        best = self.book.side(side).best()
        if best is not None and (best - price) * side.sign > 0:
            self._unseen.add(order_id)
        return super()._ahead(side, price, order_id)

    def _move_up(self, order: Resting) -> None:
        ladder = self.book.side(order.side)
        if order.price != ladder.best():
            return
        shown = ladder.at(order.price)
        if order.order_id in self._unseen:
            self._unseen.discard(order.order_id)
            order.ahead = shown
            return
        before, lots = self._shown_before.get(order.side, (None, 0))
        if self._is_proportional and before == order.price and shown < lots:
            order.ahead = Lots(order.ahead - order.ahead * (lots - shown) // lots)
        order.ahead = min(order.ahead, shown)
