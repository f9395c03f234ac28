"""What a market remembers of orders does not grow without end, and the oldest goes first."""

from tradingbot_runtime.core.doubts import AGES_KEPT, Ages
from tradingbot_runtime.core.orders import CLOSED_KEPT, Orders
from tradingbot_runtime.model import Lots, Nanos, OrderAccepted, OrderCanceled, OrderId, Place, Side, Ticks


def live_and_die(orders: Orders, number: int) -> None:
    order_id, now_ns = OrderId(f"o{number}"), Nanos(1)
    orders.place(Place(order_id=order_id, side=Side.BUY, price=Ticks(1), quantity=Lots(1)))
    orders.apply(OrderAccepted(time_ns=now_ns, order_id=order_id, venue_order_id=f"v{number}"))
    orders.apply(OrderCanceled(time_ns=now_ns, order_id=order_id))


def test_the_closed_orders_that_are_remembered_are_bounded_with_their_names() -> None:
    orders = Orders()
    for number in range(CLOSED_KEPT + 3):
        live_and_die(orders, number)

    assert len(orders.closed) == CLOSED_KEPT
    assert len(orders._named) == CLOSED_KEPT  # noqa: SLF001 - the venue's names are what would grow
    assert orders.get(OrderId("o2")) is orders.named("v2") is None
    last = orders.named("v3")
    assert last is not None
    assert last.id == "o3"


def test_the_ages_that_are_kept_are_bounded_and_an_order_without_one_is_old() -> None:
    ages = Ages()
    now_ns = Nanos(10**18)
    for number in range(AGES_KEPT + 1):
        ages.sent(OrderId(f"o{number}"), now_ns)

    assert len(ages.sent_ns) == AGES_KEPT
    assert not ages.is_protected(OrderId("o0"), now_ns), "the sweep may miss it from now on"
    assert ages.is_protected(OrderId("o1"), now_ns)
    ages.acknowledged(OrderId("o0"), now_ns)
    assert not ages.took_ns, "an answer to what was forgotten measures nothing"
