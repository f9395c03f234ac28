"""Who hears what became of orders to Binance over REST, and a venue that always says the same."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from harness.engines import BTC
from tradingbot_runtime.model import Cancel, Nanos, OrderEvent, Place
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.venues.binance import answers
from tradingbot_runtime.venues.binance.replies import Frame
from tradingbot_runtime.venues.binance.rest import BinanceRest
from tradingbot_runtime.venues.binance.rest_orders import RestOrders
from tradingbot_runtime.venues.binance.signing import Credentials

WITHIN_S = 10.0


class Heard:
    """What a gateway makes of each answer."""

    def __init__(self, command: Place | Cancel) -> None:
        self.asked = answers.Asked(BTC, command, Nanos(1))
        self.events: list[OrderEvent] = []

    def on_reply(self, frame: Frame) -> None:
        try:
            if frame.error is None:
                self.events += answers.succeeded(self.asked, frame.result)
            else:
                self.events += answers.failed(self.asked, frame.status, frame.error)
        except (msgspec.DecodeError, ValueError) as error:
            self.events += answers.lost(self.asked, str(error))

    def on_unanswered(self, request_id: str, message: str) -> None:  # noqa: ARG002 - a listener's
        self.events += answers.lost(self.asked, message)

    def on_unsent(self, request_id: str, reason: str) -> None:  # noqa: ARG002 - as above
        self.events += answers.not_sent(self.asked, reason)


@asynccontextmanager
async def listening(
    address: str, keys: Callable[[], Credentials], command: Place | Cancel
) -> AsyncIterator[tuple[RestOrders, Heard]]:
    """Orders over REST, and who hears of them."""
    rest, heard = BinanceRest(address, keys, KnownSecrets()), Heard(command)
    orders = RestOrders(rest, heard)
    task = asyncio.ensure_future(orders.run_beside(asyncio.sleep(WITHIN_S)))
    try:
        yield orders, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await rest.close()


@asynccontextmanager
async def saying(status: int, body: str) -> AsyncIterator[int]:
    """A server that answers all with that; status 0: with the end of the connection."""

    async def answer(request: web.Request) -> web.Response:
        if not status and request.transport is not None:
            request.transport.abort()
        return web.Response(status=status or 200, text=body, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
