"""What counting for /metrics costs where trading waits for it; all else is read at a scrape."""

from time import perf_counter_ns

from harness.cost import cost_ns
from harness.shown import Shown
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.live import MarketHealth
from tradingbot_runtime.logs import in_detail
from tradingbot_runtime.model import Lots, OrderId, Place, Side, Ticks
from tradingbot_runtime.orders_counted import count

PLACED = (Place(order_id=OrderId("o1"), side=Side.BUY, price=Ticks(1), quantity=Lots(1)),)
SENT = Order(OrderId("o1"), Side.BUY, Ticks(1), Lots(1))
TAKEN = Order(OrderId("o1"), Side.BUY, Ticks(1), Lots(1), state=OrderState.OPEN, seen=True)


def test_a_level_that_is_off_costs_a_tick_next_to_nothing(shown: Shown) -> None:
    assert not in_detail()
    shown.at_most("asking whether details are told, of a tick", cost_ns(lambda _: in_detail()), "ns", 300)


def test_counting_costs_a_tick_at_most_a_microsecond_and_an_order_three(shown: Shown) -> None:
    health = MarketHealth()

    def tick(_: int) -> None:
        perf_counter_ns()  # when it came in hand

    def order(_: int) -> None:
        """Of its whole life: sent, acknowledged, filled."""
        began = perf_counter_ns()
        health.tick_to_order.observe(perf_counter_ns() - began)
        health.orders.commanded(PLACED)
        health.orders.said("OrderAccepted")
        health.orders.became(SENT, TAKEN)
        count(health.fills, "buy")
        count(health.volume, "buy", 123_456_789_012)

    shown.at_most("counting, of a tick", cost_ns(tick), "ns", 1_000)
    shown.at_most("counting, of an order's whole life", cost_ns(order), "ns", 3_000)
    assert health.orders.sent == sum(health.tick_to_order.counts)
