"""The simulator's one process: routes, market task, start and stop."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog
from aiohttp import web

from tradingbot_runtime.os_errors import listening
from tradingbot_runtime.simulator import streams, websocket_api
from tradingbot_runtime.simulator.admin import IDENTITY, Admin
from tradingbot_runtime.simulator.deltadefi.service import DeltaDeFi
from tradingbot_runtime.simulator.generated import GeneratedMarket, Shape
from tradingbot_runtime.simulator.private_api import PrivateApi
from tradingbot_runtime.simulator.public_api import PublicApi
from tradingbot_runtime.simulator.recording import FrameReader
from tradingbot_runtime.simulator.replay import Replay
from tradingbot_runtime.simulator.rest import RestApi
from tradingbot_runtime.simulator.venue import SimulatedVenue

log = structlog.get_logger("simulator")
STOP_WITHIN_S = 1.0


class MarketSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where the market comes from. `recording` None: generated. `speed` None: as fast as clients follow.

    `empty`: from nowhere; there are only the frames that are posted to /simulator/frames. `beside`: symbols that no
    recording has, their market is made up beside one.
    """

    empty: bool = False
    recording: Path | None = None
    beside: tuple[str, ...] = ()
    speed: float | None = 1.0
    loop: bool = False
    wait: bool = False  # play the recording once somebody listens to a stream
    seed: int = 1
    shape: Shape = Shape()


class Server:
    """Everything that answers on one port."""

    def __init__(self, venue: SimulatedVenue, source: MarketSource, deltadefi: DeltaDeFi | None = None) -> None:
        self._venue = venue
        self._source = source
        self._deltadefi = deltadefi
        recorded = [] if source.recording is None else source.beside
        self._reader = FrameReader(
            listing for listing in venue.exchange.listings.values() if listing.symbol not in recorded
        )
        public, private = PublicApi(venue), PrivateApi(venue)
        self.streams = streams.MarketStreams(venue)
        self.websocket_api = websocket_api.WebsocketApi(venue, public, private)
        self._admin = Admin(venue, self.streams, self.websocket_api, self._reader)
        self.app = web.Application()
        RestApi(venue, public, private).add_routes(self.app)
        streams.add_routes(self.app, self.streams)
        websocket_api.add_routes(self.app, self.websocket_api)
        self._admin.add_routes(self.app)
        if deltadefi is not None:
            deltadefi.add_routes(self.app)
            self._admin.others.append(deltadefi.streams.disconnect)
        self.app.on_response_prepare.append(_identify)

    async def serve(self, host: str, port: int, stop: asyncio.Event, started: Callable[[int], None]) -> None:
        """Listen, call `started` with the port, play the market, until `stop`.

        Raises ConfigError when the address cannot be used, and UnusableRecording.
        """
        runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=STOP_WITHIN_S)
        await runner.setup()
        try:
            with listening(host, port):
                await web.TCPSite(runner, host, port).start()
            started(runner.addresses[0][1])
            await self._until(stop, self._market())
        finally:
            self.streams.disconnect_all()
            self.websocket_api.disconnect()
            if self._deltadefi is not None:
                self._deltadefi.streams.disconnect("*")
            await runner.cleanup()

    async def _until(self, stop: asyncio.Event, market: Awaitable[None]) -> None:
        """Run the market until `stop`; a recording that ends leaves the exchange open. A bug in it ends the process."""
        playing = asyncio.ensure_future(market)
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait((playing, stopping), return_when=asyncio.FIRST_COMPLETED)
            if playing in done:
                await playing
                await stopping
        finally:
            playing.cancel()
            stopping.cancel()
            await asyncio.gather(playing, stopping, return_exceptions=True)

    async def _market(self) -> None:
        source = self._source
        if source.recording is not None:
            replay = Replay(self._venue, self._reader, source.speed, self.streams.backlog)
            self._admin.replay = replay
            beside = [self._generate(source, source.beside)] if source.beside else []
            if source.wait:
                await self.streams.listened.wait()
            await asyncio.gather(replay.run(source.recording, loop=source.loop), *beside)
        elif not source.empty:
            await self._generate(source, tuple(self._venue.exchange.listings))

    async def _generate(self, source: MarketSource, symbols: tuple[str, ...]) -> None:
        listings = [self._venue.exchange.listing(symbol) for symbol in symbols]
        markets = [GeneratedMarket(listing, source.seed, source.shape) for listing in listings]
        pause_s = 1 / (source.shape.steps_per_s * (source.speed or 1.0))
        step_ns = 1_000_000_000 // source.shape.steps_per_s
        time_ns = self._venue.clock.now_ms() * 1_000_000
        while True:
            for market in markets:
                self._venue.feed_all(market.step(time_ns))
            time_ns += step_ns
            await asyncio.sleep(pause_s)


async def _identify(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["X-Simulator"] = IDENTITY
