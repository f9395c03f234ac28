"""What tracing costs an order where trading waits for it; without it there is nothing that could cost."""

from pathlib import Path

from harness.cost import cost_ns
from harness.engines import BTC
from harness.shown import Shown
from harness.told_journal import BUY, MARKET, START, decided
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import Lots, Nanos, OrderCanceled, OrderId, Place, Side, Ticks
from tradingbot_runtime.tracing.exporting import Exporting
from tradingbot_runtime.tracing.order_lives import OrderLives
from tradingbot_runtime.tracing.order_steps import Written
from tradingbot_runtime.tracing.order_tracing import TracedJournal

ORDER = Order(BUY, Side.BUY, Ticks(6_000_000), Lots(1_000))
DECIDED = decided(START, Place(order_id=BUY, side=Side.BUY, price=Ticks(6_000_000), quantity=Lots(1_000)))


def test_telling_of_a_commit_costs_the_order_path_at_most_3_microseconds(tmp_path: Path, shown: Shown) -> None:
    told: list[Written] = []
    with Journal(tmp_path / "plain.sqlite3") as plain:
        commit = cost_ns(lambda _: plain.write(MARKET, [DECIDED], [ORDER]))
    with TracedJournal(tmp_path / "traced.sqlite3", told.append, lambda *_: None) as traced:
        traced.write(MARKET, [DECIDED], [ORDER])
        assert len(told) == 1
        traced.abandon()  # it commits nothing more: what is left of a write is the telling
        telling = cost_ns(lambda _: traced.write(MARKET, [DECIDED], [ORDER]))

    shown.seen("a commit of an order, waiting for its fsync", commit / 1_000, "us")
    shown.at_most("telling of it to who traces", telling, "ns", 3_000)


def test_the_life_of_an_order_costs_the_thread_that_traces_at_most_a_millisecond(shown: Shown) -> None:
    exporting = Exporting({"service.name": "bench"})
    lives = OrderLives(exporting.tracer, exporting.ids)
    lives.market(MARKET, BTC)

    def life(number: int) -> None:
        order = Order(OrderId(f"{number:032x}"), Side.BUY, Ticks(6_000_000), Lots(1_000))
        placed = Place(order_id=order.id, side=Side.BUY, price=order.price, quantity=order.quantity)
        lives.take(Written(MARKET, (decided(START, placed),), (order,)))
        canceled = OrderCanceled(time_ns=Nanos(START + 1), order_id=order.id)
        over = Order(order.id, order.side, order.price, order.quantity, Lots(0), OrderState.CANCELED)
        lives.take(Written(MARKET, (canceled,), (over,)))

    costs = cost_ns(life)
    assert len(lives) == 0
    shown.at_most("spans of an order, beside the order path", costs / 1_000, "us", 1_000)
