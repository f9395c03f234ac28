"""What paper orders may fill: never better than the book allows, never more than was shown or traded."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from tradingbot_runtime.config.paper import QueueModel
from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.book import Book
from tradingbot_runtime.simulator.market_events import DepthSnapshot, TradePrinted
from tradingbot_runtime.simulator.matching import Executed, Execution, Submission, TimeInForce
from tradingbot_runtime.venues.paper.matching import TopEngine

BUY, SELL = Side.BUY, Side.SELL


@dataclass
class Bench:
    queue: QueueModel = QueueModel.CONSERVATIVE
    engine: TopEngine = field(init=False)
    updates: int = 0
    orders: int = 0

    def __post_init__(self) -> None:
        self.engine = TopEngine(Book(), self.queue)

    def top(self, bid: int, bid_lots: int, ask: int, ask_lots: int) -> list[Execution]:
        self.updates += 1
        self.engine.book.apply_snapshot(
            DepthSnapshot(symbol="X", time_ns=0, last_id=self.updates, bids=((Ticks(bid), Lots(bid_lots)),),
                          asks=((Ticks(ask), Lots(ask_lots)),))
        )  # fmt: skip
        return self.engine.on_book()

    def trade(self, price: int, lots: int, *, seller_took: bool = True) -> list[Execution]:
        return self.engine.on_trade(
            TradePrinted(symbol="X", time_ns=0, trade_id=1, price=Ticks(price), lots=Lots(lots),
                         buyer_is_maker=seller_took)
        )  # fmt: skip

    def place(self, side: Side, price: int, lots: int, *, rests: bool = True) -> list[Execution]:
        self.orders += 1
        force = TimeInForce.GTC if rests else TimeInForce.IOC
        return self.engine.place(
            Submission(order_id=self.orders, side=side, price=Ticks(price), lots=Lots(lots), time_in_force=force)
        )


def filled(executions: list[Execution]) -> int:
    return sum(e.lots for e in executions if isinstance(e, Executed))


def test_an_order_fills_only_with_what_is_left_of_a_trade_behind_the_queue() -> None:
    bench = Bench()
    bench.top(100, 7, 102, 5)
    bench.place(BUY, 100, 4)

    assert filled(bench.trade(100, 5)) == 0
    assert filled(bench.trade(100, 3)) == 1, "two of three were ahead of it"
    assert filled(bench.trade(100, 9, seller_took=False)) == 0, "a buyer took: bids do not fill"
    assert filled(bench.trade(100, 9)) == 3


def test_a_trade_through_the_price_fills_at_the_orders_price_and_no_more_than_was_traded() -> None:
    bench = Bench()
    bench.top(100, 7, 102, 5)
    bench.place(BUY, 100, 4)
    executions = bench.trade(99, 3)

    assert executions == [Executed(order_id=1, price=Ticks(100), lots=Lots(3), maker=True)]


def test_withdrawn_orders_stood_behind_as_long_as_that_is_possible_or_by_share() -> None:
    conservative, proportional = Bench(), Bench(QueueModel.PROPORTIONAL)
    for bench in (conservative, proportional):
        bench.top(100, 10, 102, 5)
        bench.place(BUY, 100, 4)
        bench.top(100, 20, 102, 5)  # ten more, behind it
        bench.top(100, 12, 102, 5)  # eight of twenty are withdrawn

    assert filled(conservative.trade(100, 10)) == 0
    assert filled(proportional.trade(100, 10)) == 4, "four of its ten have left"


def test_what_was_traded_away_was_not_withdrawn() -> None:
    bench = Bench(QueueModel.PROPORTIONAL)
    bench.top(100, 10, 102, 5)
    bench.place(BUY, 100, 4)
    bench.top(100, 20, 102, 5)
    bench.trade(100, 4)
    bench.top(100, 16, 102, 5)

    assert filled(bench.trade(100, 6)) == 0, "six are still ahead"
    assert filled(bench.trade(100, 1)) == 1


def test_an_order_behind_the_best_price_stands_behind_all_that_is_shown_when_its_level_becomes_the_best() -> None:
    bench = Bench()
    bench.top(100, 1, 102, 5)
    bench.place(BUY, 99, 4)
    bench.top(99, 6, 102, 5)

    assert filled(bench.trade(99, 6)) == 0
    assert filled(bench.trade(99, 2)) == 2


def test_an_order_inside_the_spread_has_nobody_ahead() -> None:
    bench = Bench()
    bench.top(100, 7, 103, 5)
    bench.place(BUY, 101, 4)

    assert filled(bench.trade(101, 3)) == 3


def test_what_takes_gets_the_shown_level_and_no_level_that_was_shown_once() -> None:
    bench = Bench()
    bench.top(100, 7, 104, 50)
    bench.top(100, 7, 102, 5)  # what is at 104 now, nobody says
    executions = bench.place(BUY, 110, 9, rests=False)

    assert executions[0] == Executed(order_id=1, price=Ticks(102), lots=Lots(5), maker=False)
    assert filled(executions) == 5
    assert filled(bench.top(100, 7, 102, 5)) == 0
    assert filled(bench.place(BUY, 110, 9, rests=False)) == 0, "it is taken until less of it is shown"


tops = st.tuples(st.integers(95, 104), st.integers(1, 9), st.integers(1, 4), st.integers(1, 9))
trades = st.tuples(st.integers(94, 110), st.integers(1, 9), st.booleans())
places = st.tuples(st.sampled_from([BUY, SELL]), st.integers(94, 110), st.integers(1, 12), st.booleans())
steps = st.lists(st.one_of(tops, trades, places), max_size=60)


@given(st.sampled_from(QueueModel), steps)
def test_nobody_fills_better_than_the_book_allows_or_with_more_than_was_shown_or_traded(
    queue: QueueModel, script: list[tuple[object, ...]]
) -> None:
    bench = Bench(queue)
    limits: dict[int, tuple[Side, int]] = {}
    bid, bid_lots, ask, ask_lots = 100, 5, 102, 5
    bench.top(bid, bid_lots, ask, ask_lots)
    for step in script:
        match step:
            case (Side() as side, int(price), int(lots), bool(rests)):
                limits[bench.orders + 1] = (side, price)
                executions = bench.place(side, price, lots, rests=rests)
                room, best = (ask_lots, ask) if side is BUY else (bid_lots, bid)
                for e in (e for e in executions if isinstance(e, Executed)):
                    assert (e.price, e.maker) == (best, False)
            case (int(price), int(lots), bool(seller_took)):
                executions, room = bench.trade(price, lots, seller_took=seller_took), lots
                for e in (e for e in executions if isinstance(e, Executed)):
                    side, limit = limits[e.order_id]
                    assert side is (BUY if seller_took else SELL)
                    assert (limit - price) * side.sign >= 0, "the trade reached the order's price"
            case (int(new_bid), int(new_bid_lots), int(width), int(new_ask_lots)):
                bid, bid_lots, ask, ask_lots = new_bid, new_bid_lots, new_bid + width, new_ask_lots
                executions, room = bench.top(bid, bid_lots, ask, ask_lots), max(bid_lots, ask_lots)
                for e in (e for e in executions if isinstance(e, Executed)):
                    side, limit = limits[e.order_id]
                    assert (limit - (ask if side is BUY else bid)) * side.sign >= 0, "the book crossed the order"
            case _:
                raise AssertionError(step)
        for e in (e for e in executions if isinstance(e, Executed) and e.maker):
            assert e.price == limits[e.order_id][1], "what rests fills at its own price"
        for side in Side:
            of_side = [e for e in executions if isinstance(e, Executed) and limits[e.order_id][0] is side]
            assert filled(list(of_side)) <= room
