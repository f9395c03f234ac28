"""What an answer over REST proves about an order at Binance, whoever gives it."""

import asyncio

import pytest

from harness.binance_rest import listening, saying
from harness.engines import BTC
from harness.waiting import met
from tradingbot_runtime.model import (
    Cancel,
    CancelRejected,
    Lots,
    OrderAccepted,
    OrderDenied,
    OrderEvent,
    OrderId,
    OrderRejected,
    OutcomeLost,
    Place,
    Side,
    Ticks,
)
from tradingbot_runtime.venues.binance.requests import requests
from tradingbot_runtime.venues.binance.signing import Credentials, HmacSigner

PLACE = Place(order_id=OrderId("ab" * 16), side=Side.BUY, price=Ticks(5_900_000), quantity=Lots(100))
CANCEL = Cancel(order_id=OrderId("cd" * 16))
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
    keys = Credentials("key", HmacSigner(b"made up"))
    async with listening(f"http://127.0.0.1:{port}", lambda: keys, command) as (orders, heard):
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
