"""/simulator/deltadefi/*: for people, the demo, and tests."""

import msgspec
from aiohttp import web

from tradingbot_runtime.simulator.amounts import BadAmount, parse_amount
from tradingbot_runtime.simulator.deltadefi import wire
from tradingbot_runtime.simulator.deltadefi.streams import Streams
from tradingbot_runtime.simulator.deltadefi.venue import DeltaDeFiVenue
from tradingbot_runtime.simulator.deltadefi.wire import Json, Words
from tradingbot_runtime.simulator.refusals import Refusal

PREFIX = "/simulator/deltadefi"


class _Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seconds: float


class _Deposit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`amount` is a decimal string, negative for a withdrawal."""

    asset: str
    amount: str


class Admin:
    def __init__(self, venue: DeltaDeFiVenue, streams: Streams) -> None:
        self._venue = venue
        self._streams = streams

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(f"{PREFIX}/state", self.state)
        app.router.add_get(f"{PREFIX}/orders", self.orders)
        app.router.add_post(f"{PREFIX}/deposits", self.deposit)
        app.router.add_post(f"{PREFIX}/lock", self.lock)
        app.router.add_delete(f"{PREFIX}/lock", self.unlock)

    async def state(self, _: web.Request) -> web.Response:
        venue, now_ms = self._venue, self._venue.now_ms()
        start, end = venue.lock.cycle(now_ms)
        history = venue.desk.exchange.history
        return _json({
            "locked": venue.lock.locked(now_ms), "hydraCycle": {"start": wire.moment(start), "end": wire.moment(end)},
            "depth": {symbol: market.public.depth(now_ms) for symbol, market in venue.markets.items()},
            "openOrders": self._open(), "ordersPlaced": history.placed, "fills": history.filled,
            "balances": wire.balances(venue.holdings(), wire.decimal), "streamConnections": self._streams.connected,
        })  # fmt: skip

    async def orders(self, request: web.Request) -> web.Response:
        """Open orders; with `?all=1` every order that is still remembered, those that were only built included."""
        if request.query.get("all") != "1":
            return _json(self._open())
        entries = list(self._venue.desk.register.newest_first())[::-1]
        return _json([wire.order(entry, entry.order, Words.SDK) for entry in entries])

    async def deposit(self, request: web.Request) -> web.Response:
        try:
            deposit = msgspec.json.decode(await request.read(), type=_Deposit)
            sign = -1 if deposit.amount.startswith("-") else 1
            atoms = sign * parse_amount(deposit.amount.removeprefix("-"))
            self._venue.desk.exchange.deposit(deposit.asset.upper(), atoms, self._venue.now_ms())
        except (msgspec.DecodeError, BadAmount, Refusal) as wrong:
            return _json({"error": str(wrong)}, 400)
        self._venue.tell()
        return _json(wire.balances(self._venue.holdings(), wire.decimal))

    async def lock(self, request: web.Request) -> web.Response:
        """The Hydra head closes: trading is locked for so many seconds, then a new cycle begins."""
        try:
            seconds = msgspec.json.decode(await request.read(), type=_Lock).seconds
        except msgspec.DecodeError as wrong:
            return _json({"error": str(wrong)}, 400)
        self._venue.lock_trading(seconds)
        return _json({"locked": True})

    async def unlock(self, _: web.Request) -> web.Response:
        self._venue.lock.unlock(self._venue.now_ms())
        return _json({"locked": self._venue.lock.locked(self._venue.now_ms())})

    def _open(self) -> list[Json]:
        return [
            wire.order(entry, entry.order, Words.SDK)
            for market in self._venue.markets.values()
            for entry in self._venue.desk.open(market.pair)
        ]


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
