"""What an answer over REST proves about an order at Binance, whoever gives it."""

import asyncio

import pytest
from msgspec.structs import replace

from harness.binance_rest import listening, saying
from harness.engines import BTC
from harness.waiting import met
from tradingbot_runtime.core.orders import Order, OrderState, advance
from tradingbot_runtime.errors import VenueRefused
from tradingbot_runtime.model import (
    Cancel,
    CancelRejected,
    Lots,
    Nanos,
    OrderAccepted,
    OrderDenied,
    OrderEvent,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    Place,
    Side,
    Ticks,
)
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.venues.binance.queries import BinanceQueries
from tradingbot_runtime.venues.binance.requests import requests
from tradingbot_runtime.venues.binance.rest import BinanceRest
from tradingbot_runtime.venues.binance.signing import Credentials, HmacSigner

PLACE = Place(order_id=OrderId("ab" * 16), side=Side.BUY, price=Ticks(5_900_000), quantity=Lots(100))
CANCEL = Cancel(order_id=OrderId("cd" * 16))
KEYS = Credentials("key", HmacSigner(b"made up"))
PLACED = '{"symbol":"BTCUSDT","orderId":12,"transactTime":6}'
ANSWERS = [
    (200, PLACED, OrderAccepted),
    (200, PLACED[:20], OutcomeLost),
    (200, "{}", OutcomeLost),
    (200, "", OutcomeLost),
    (302, PLACED, OutcomeLost),
    (400, '{"code":-2010,"msg":"Order would immediately match and take."}', OrderRejected),
    (400, '{"code":-2010,"msg":"Duplicate order sent."}', OutcomeLost),
    (400, '{"code":-1006,"msg":"unexpected"}', OutcomeLost),
    (400, '{"code":-1013,"msg":"Filter failure: LOT_SIZE"}', OrderRejected),
    (403, "<html>not by the venue</html>", OutcomeLost),
    (408, "", OutcomeLost),
    (429, '{"code":-1015,"msg":"Too many new orders."}', OrderRejected),
    (418, "", OrderRejected),
    (500, "", OutcomeLost),
    (503, '{"code":-1008,"msg":"busy"}', OutcomeLost),
    (504, '{"code":-1007,"msg":"Timeout waiting for response from backend server."}', OutcomeLost),
    (0, "", OutcomeLost),
]


async def answered(port: int, command: Place | Cancel) -> OrderEvent:
    """The event that follows from what is said at `port`."""
    async with listening(f"http://127.0.0.1:{port}", lambda: KEYS, command) as (orders, heard):
        orders.send(requests(BTC, command)[0])
        await met(lambda: heard.events, "an event")
    (event,) = heard.events
    return event


@pytest.mark.parametrize(("status", "body", "event"), ANSWERS)
def test_what_an_answer_over_rest_proves_about_an_order(status: int, body: str, event: type[OrderEvent]) -> None:
    async def scenario() -> None:
        async with saying(status, body) as port:
            assert type(await answered(port, PLACE)) is event

    asyncio.run(scenario())


def test_a_cancel_over_rest_is_lost_or_refused_by_the_same_table() -> None:
    async def scenario() -> None:
        async with saying(504, "") as port:
            assert isinstance(await answered(port, CANCEL), OutcomeLost)
        async with saying(400, '{"code":-2011,"msg":"Unknown order sent."}') as port:
            gone = await answered(port, CANCEL)
        assert isinstance(gone, CancelRejected)
        assert gone.gone

    asyncio.run(scenario())


def test_where_no_connection_is_made_the_order_has_not_left() -> None:
    async def scenario() -> None:
        async with saying(200, "") as port:
            pass
        assert isinstance(await answered(port, PLACE), OrderDenied)

    asyncio.run(scenario())


async def shown(code: int, message: str) -> OrderReported:
    """The order, by a venue that refuses to show it."""
    async with saying(400, f'{{"code":{code},"msg":"{message}"}}') as port:
        rest = BinanceRest(f"http://127.0.0.1:{port}", lambda: KEYS, KnownSecrets())
        try:
            return await BinanceQueries("binance", rest).order(BTC, PLACE.order_id, Nanos(1))
        finally:
            await rest.close()


@pytest.mark.parametrize("state", [OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.OPEN, OrderState.LOST])
def test_an_order_that_binance_has_archived_is_over_whatever_was_known_of_it(state: OrderState) -> None:
    """A refusal that stays for ever would keep a start waiting for ever."""
    report = asyncio.run(shown(-2026, "Order was canceled or expired with no executed qty over 90 days ago."))

    assert (report.status, report.executed) == (OrderStatus.CANCELED, 0)
    order = Order(PLACE.order_id, PLACE.side, PLACE.price, PLACE.quantity, state=state, venue_time_ns=1)
    assert advance(order, report) == (replace(order, state=OrderState.CANCELED, seen=True), None)


def test_of_other_refusals_to_show_an_order_only_one_says_that_there_is_none() -> None:
    assert asyncio.run(shown(-2013, "Order does not exist.")).status is OrderStatus.ABSENT
    with pytest.raises(VenueRefused):
        asyncio.run(shown(-1121, "Invalid symbol."))
