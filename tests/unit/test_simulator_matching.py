"""Matching against a recorded market: the rules one by one, then all of them at random."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.examples import examples
from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.book import Book
from tradingbot_runtime.simulator.market_events import DepthChanged, TradePrinted
from tradingbot_runtime.simulator.matching import (
    Executed,
    Execution,
    Expired,
    MatchingEngine,
    Submission,
    TimeInForce,
)

Levels = dict[int, int]


def engine_with(bids: Levels, asks: Levels) -> MatchingEngine:
    engine = MatchingEngine(Book())
    show(engine, bids, asks)
    return engine


def show(engine: MatchingEngine, bids: Levels, asks: Levels) -> list[Execution]:
    """Set levels of the recorded book."""
    number = engine.book.update_id + 1
    engine.book.apply_depth(
        DepthChanged(
            symbol="X",
            time_ns=0,
            first_id=number,
            last_id=number,
            bids=tuple((Ticks(p), Lots(q)) for p, q in bids.items()),
            asks=tuple((Ticks(p), Lots(q)) for p, q in asks.items()),
        )
    )
    return engine.on_book()


def sold(engine: MatchingEngine, price: int, lots: int) -> list[Execution]:
    """The recording prints a trade whose aggressor sold."""
    return engine.on_trade(
        TradePrinted(symbol="X", time_ns=0, trade_id=1, price=Ticks(price), lots=Lots(lots), buyer_is_maker=True)
    )


def order(number: int, side: Side, price: int | None, lots: int, **options: Any) -> Submission:  # noqa: ANN401
    limit = None if price is None else Ticks(price)
    return Submission(order_id=number, side=side, price=limit, lots=Lots(lots), **options)


def bid(number: int, price: int, lots: int) -> Submission:
    return order(number, Side.BUY, price, lots)


def fill(number: int, price: int, lots: int, *, maker: bool = True) -> Executed:
    return Executed(order_id=number, price=Ticks(price), lots=Lots(lots), maker=maker)


def test_an_order_waits_behind_the_quantity_that_its_level_shows() -> None:
    engine = engine_with({100: 5}, {101: 5})
    assert engine.place(bid(1, 100, 3)) == []
    assert sold(engine, 100, 4) == []
    assert sold(engine, 100, 3) == [fill(1, 100, 2)]


def test_a_shrinking_level_moves_the_queue_up_and_a_growing_one_does_not() -> None:
    engine = engine_with({100: 5}, {101: 5})
    engine.place(bid(1, 100, 3))
    show(engine, {100: 2}, {})
    show(engine, {100: 9}, {})
    assert sold(engine, 100, 3) == [fill(1, 100, 1)]


def test_a_trade_through_the_price_fills_at_the_orders_own_price_and_without_a_queue() -> None:
    engine = engine_with({100: 5}, {101: 5})
    engine.place(bid(1, 100, 3))
    assert sold(engine, 99, 2) == [fill(1, 100, 2)]


def test_one_printed_trade_never_fills_more_than_its_quantity() -> None:
    engine = engine_with({90: 1}, {110: 5})
    engine.place(bid(1, 100, 3))
    engine.place(bid(2, 99, 3))
    assert sold(engine, 98, 4) == [fill(1, 100, 3), fill(2, 99, 1)]


def test_better_price_goes_first_then_the_earlier_order() -> None:
    engine = engine_with({90: 1}, {110: 5})
    engine.place(bid(1, 100, 2))
    engine.place(bid(2, 100, 2))
    engine.place(bid(3, 101, 2))
    assert sold(engine, 100, 5) == [fill(3, 101, 2), fill(1, 100, 2), fill(2, 100, 1)]


def test_a_book_that_crosses_a_resting_order_fills_it_with_what_crossed_and_only_once() -> None:
    engine = engine_with({99: 5}, {102: 5})
    engine.place(bid(1, 100, 10))
    assert show(engine, {}, {100: 4}) == [fill(1, 100, 4)]
    assert show(engine, {}, {103: 1}) == []
    assert show(engine, {}, {100: 6}) == [fill(1, 100, 2)]


def test_a_marketable_order_takes_level_by_level_and_rests_with_what_is_left() -> None:
    engine = engine_with({99: 5}, {101: 2, 102: 2, 103: 9})
    assert engine.place(bid(1, 102, 6)) == [fill(1, 101, 2, maker=False), fill(1, 102, 2, maker=False)]
    assert engine.cancel(1) == 2


def test_what_was_taken_stays_taken_until_the_recording_shows_more() -> None:
    engine = engine_with({99: 5}, {101: 2})
    engine.place(order(1, Side.BUY, None, 2))
    assert engine.place(order(2, Side.BUY, None, 1)) == [Expired(order_id=2, self_trade=False)]
    show(engine, {}, {101: 3})
    assert engine.place(order(3, Side.BUY, None, 2))[0] == fill(3, 101, 1, maker=False)


def test_immediate_or_cancel_expires_with_its_rest_and_fill_or_kill_takes_all_or_nothing() -> None:
    engine = engine_with({99: 5}, {101: 2})
    assert engine.place(order(1, Side.BUY, 101, 3, time_in_force=TimeInForce.FOK)) == [
        Expired(order_id=1, self_trade=False)
    ]
    assert engine.place(order(2, Side.BUY, 101, 3, time_in_force=TimeInForce.IOC)) == [
        fill(2, 101, 2, maker=False),
        Expired(order_id=2, self_trade=False),
    ]


def test_orders_of_the_account_do_not_trade_with_each_other_the_resting_one_expires() -> None:
    engine = engine_with({90: 5}, {110: 5})
    engine.place(order(1, Side.SELL, 100, 3))
    assert engine.place(bid(2, 100, 3)) == [Expired(order_id=1, self_trade=True)]
    assert engine.cancel(1) is None
    assert engine.cancel(2) == 3


def test_what_stands_before_an_own_order_at_its_price_is_taken_without_touching_it() -> None:
    engine = engine_with({90: 5}, {100: 4})
    engine.place(order(1, Side.SELL, 100, 3))
    assert engine.place(bid(2, 100, 4)) == [fill(2, 100, 4, maker=False)]
    assert engine.cancel(1) == 3


def test_a_post_only_order_that_would_take_is_not_accepted() -> None:
    engine = engine_with({99: 5}, {101: 2})
    assert engine.would_take(Side.BUY, Ticks(101))
    assert not engine.would_take(Side.BUY, Ticks(100))
    with pytest.raises(ValueError, match="post-only"):
        engine.place(order(1, Side.BUY, 101, 1, post_only=True))


@st.composite
def actions(draw: st.DrawFn) -> tuple[str, tuple[int, ...]]:
    kind = draw(st.sampled_from(["place", "place", "book", "trade", "cancel"]))
    price, lots = draw(st.integers(95, 105)), draw(st.integers(0, 6))
    return kind, (draw(st.integers(0, 1)), price, lots, draw(st.integers(0, 2)))


class Model:
    """What the executions must obey, whatever the market does."""

    def __init__(self) -> None:
        self.engine = engine_with({98: 4}, {102: 4})
        self.orders: dict[int, Submission] = {}
        self.executed: dict[int, int] = {}
        self.closed: set[int] = set()

    def apply(self, kind: str, numbers: tuple[int, ...]) -> None:
        which, price, lots, extra = numbers
        side = (Side.BUY, Side.SELL)[which]
        if kind == "place" and lots:
            submission = order(len(self.orders) + 1, side, price, lots, time_in_force=list(TimeInForce)[extra])
            self.orders[submission.order_id] = submission
            self.check(self.engine.place(submission))
        elif kind == "book":
            # A recorded book is never crossed: each side stays on its own side of the middle.
            bids = {min(price, 99): lots} if which == 0 else {}
            asks = {max(price, 101): lots} if which == 1 else {}
            self.check(show(self.engine, bids, asks))
        elif kind == "trade" and lots:
            executions = self.engine.on_trade(
                TradePrinted(
                    symbol="X", time_ns=0, trade_id=1, price=Ticks(price), lots=Lots(lots), buyer_is_maker=which == 0
                )
            )
            assert sum(e.lots for e in executions if isinstance(e, Executed)) <= lots
            self.check_priority(executions)
            self.check(executions)
        elif kind == "cancel" and extra in self.orders:
            left = self.engine.cancel(extra)
            assert left is None or left == self.orders[extra].lots - self.executed.get(extra, 0)
            if left is not None:
                self.closed.add(extra)

    def check(self, executions: list[Execution]) -> None:
        for execution in executions:
            number = execution.order_id
            assert number not in self.closed, "a closed order trades no more"
            submission = self.orders[number]
            if isinstance(execution, Expired):
                self.closed.add(number)
                continue
            assert execution.lots > 0
            assert submission.price is not None
            assert (execution.price - submission.price) * submission.side.sign <= 0, "never worse than the limit"
            self.executed[number] = self.executed.get(number, 0) + execution.lots
            assert self.executed[number] <= submission.lots, "never more than ordered"
            if self.executed[number] == submission.lots:
                self.closed.add(number)

    def check_priority(self, executions: list[Execution]) -> None:
        """Fills of one event go by price, then by time; a later order gets nothing while an earlier one has a rest."""
        filled = [(self.orders[e.order_id], e) for e in executions if isinstance(e, Executed)]
        keys = [(-o.side.sign * (o.price or 0), o.order_id) for o, _ in filled]
        assert keys == sorted(keys)
        for submission, execution in filled[:-1]:
            done = self.executed.get(submission.order_id, 0) + execution.lots
            assert done == submission.lots, "the one before in the queue is filled first"


@settings(max_examples=examples(300))
@given(st.lists(actions(), max_size=40))
def test_no_sequence_of_orders_and_market_moves_breaks_the_rules_of_matching(
    sequence: list[tuple[str, tuple[int, ...]]],
) -> None:
    model = Model()
    for kind, numbers in sequence:
        model.apply(kind, numbers)
