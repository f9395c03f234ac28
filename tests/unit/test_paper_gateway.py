"""The paper venue as a gateway: what is random is the same every time, and what is on its way is not over."""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal

from harness.engines import BTC
from harness.waiting import met
from tradingbot_runtime.config import VenueSpec
from tradingbot_runtime.config.paper import Paper
from tradingbot_runtime.core.order_ids import OrderIds
from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.model import (
    AnyEvent,
    Cancel,
    CancelRejected,
    Lots,
    Nanos,
    OrderAccepted,
    OrderFilled,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    Place,
    ReferenceTicked,
    Side,
    Ticks,
)
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.venues.link import VenueLink
from tradingbot_runtime.venues.paper.gateway import PaperGateway

TOP = ReferenceTicked(time_ns=Nanos(10**18), bid=Ticks(6_000_000), bid_lots=Lots(10), ask=Ticks(6_000_010),
                      ask_lots=Lots(10), update_id=1)  # fmt: skip
ORDERS = 40


@dataclass
class Bench:
    paper: Paper
    opens: bool = True  # with a first price
    events: list[AnyEvent] = field(default_factory=list)
    ids: OrderIds = field(default_factory=lambda: OrderIds(7, 0, 1))
    gateway: PaperGateway = field(init=False)

    def __post_init__(self) -> None:
        spec = VenueSpec.model_validate({"environment": "Production", "type": "Binance"})
        link = VenueLink("paper", spec, lambda: Nanos(10**18), None, KnownSecrets())
        self.gateway = PaperGateway(
            link, lambda: Nanos(10**18), lambda _, event: self.events.append(event), lambda *_: None, self.paper
        )
        if self.opens:
            self.gateway.on_tick(BTC, TOP)

    def place(self, *, post_only: bool = True) -> OrderId:
        order_id = self.ids.ahead(0)
        self.ids.use(order_id)
        price = Ticks(6_000_010) if not post_only else Ticks(5_999_000)
        self.gateway.send(BTC, Approved(Place(order_id=order_id, side=Side.BUY, price=price, quantity=Lots(20),
                                              post_only=post_only)))  # fmt: skip
        return order_id

    async def until(self, count: int) -> None:
        await met(lambda: len(self.events) >= count, f"{count} events", lambda: str(self.events))


def told(paper: Paper) -> tuple[list[OrderId], dict[OrderId, OrderStatus]]:
    """Of which orders the answer was lost, and what the venue says of each when asked."""

    async def scenario() -> tuple[list[OrderId], dict[OrderId, OrderStatus]]:
        bench = Bench(paper)
        order_ids = [bench.place() for _ in range(ORDERS)]
        await bench.until(ORDERS)
        lost = [event.order_id for event in bench.events if isinstance(event, OutcomeLost)]
        return lost, {order_id: (await bench.gateway.order(BTC, order_id)).status for order_id in order_ids}

    return asyncio.run(scenario())


def test_the_same_answers_are_lost_every_time_and_others_with_another_seed() -> None:
    paper = Paper(latency_ns=1_000_000, lost_answers=Decimal("0.5"), seed=3)
    lost, found = told(paper)

    assert (lost, found) == told(paper)
    assert lost != told(paper.model_copy(update={"seed": 4}))[0]
    assert {found[order_id] for order_id in lost} == {OrderStatus.OPEN, OrderStatus.ABSENT}
    assert {status for order_id, status in found.items() if order_id not in lost} == {OrderStatus.OPEN}


def test_no_answer_is_lost_unless_that_is_asked_for() -> None:
    assert told(Paper(latency_ns=1_000_000))[0] == []


def test_an_order_that_has_not_arrived_yet_is_absent_and_not_over() -> None:
    async def scenario() -> None:
        bench = Bench(Paper(latency_ns=50_000_000))
        order_id = bench.place()
        assert (await bench.gateway.order(BTC, order_id)).status is OrderStatus.ABSENT
        await bench.until(1)
        assert isinstance(bench.events[0], OrderAccepted)
        assert (await bench.gateway.order(BTC, order_id)).status is OrderStatus.OPEN

    asyncio.run(scenario())


def test_an_order_of_an_earlier_process_is_over() -> None:
    async def scenario() -> OrderReported:
        return await Bench(Paper()).gateway.order(BTC, OrderId("of an earlier life"))

    assert asyncio.run(scenario()).status is OrderStatus.CANCELED


def test_what_takes_pays_the_takers_fee_on_what_was_shown() -> None:
    async def scenario() -> list[OrderFilled]:
        bench = Bench(Paper(latency_ns=0, taker_fee_bps=Decimal(20)))
        bench.place(post_only=False)
        await bench.until(3)
        return [event for event in bench.events if isinstance(event, OrderFilled)]

    (fill,) = asyncio.run(scenario())
    assert (fill.quantity, fill.price, fill.maker) == (10, 6_000_010, False), "ten of twenty were shown"
    assert fill.fee == 10 * BTC.lot_units * 20 // 10_000


def test_before_the_first_price_a_cancel_finds_nothing_and_an_order_is_refused() -> None:
    """A killed bot withdraws its former life's orders as soon as it is started again."""

    async def scenario() -> tuple[AnyEvent, ...]:
        bench = Bench(Paper(latency_ns=1_000_000), opens=False)
        bench.gateway.send(BTC, Approved(Cancel(order_id=OrderId("of an earlier life"))))
        await bench.until(1)
        bench.place()
        await bench.until(2)
        return tuple(bench.events)

    gone, refused = asyncio.run(scenario())
    assert isinstance(gone, CancelRejected)
    assert gone.gone
    assert isinstance(refused, OrderRejected)
