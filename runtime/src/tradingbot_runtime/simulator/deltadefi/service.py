"""DeltaDeFi's side of the simulator, put together: its routes stand beside Binance's, on the same port."""

from aiohttp import web

from tradingbot_runtime.simulator.deltadefi.admin import Admin
from tradingbot_runtime.simulator.deltadefi.rest import RestApi
from tradingbot_runtime.simulator.deltadefi.streams import Streams
from tradingbot_runtime.simulator.deltadefi.venue import DeltaDeFiVenue


class DeltaDeFi:
    def __init__(self, venue: DeltaDeFiVenue) -> None:
        self.streams = Streams(venue)
        self._parts = (RestApi(venue, self.streams), self.streams, Admin(venue, self.streams))

    def add_routes(self, app: web.Application) -> None:
        for part in self._parts:
            part.add_routes(app)
