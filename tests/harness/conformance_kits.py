"""Each venue's part of the conformance suite: its gateway, its simulator, and how that is made to misbehave."""

import json
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from random import Random

from harness.conformance_bench import Bench, Kit, Prices, Truth, nothing, running
from harness.engines import BTC
from harness.runtime_process import STILL
from harness.simulator import Json, SimulatorProcess, trade
from tradingbot_runtime.clock import Clock
from tradingbot_runtime.config import VenueSpec
from tradingbot_runtime.config.paper import Paper
from tradingbot_runtime.core.order_ids import OrderIds
from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.model import Lots, Nanos, ReferenceTicked, Ticks
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.venues.binance.adapter import BinanceAdapter
from tradingbot_runtime.venues.binance.signing import Credentials, HmacSigner
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.deltadefi.adapter import DeltaDefiAdapter
from tradingbot_runtime.venues.deltadefi.credentials import DeltaDefiCredentials
from tradingbot_runtime.venues.feed import OnTick
from tradingbot_runtime.venues.link import VenueLink
from tradingbot_runtime.venues.paper.gateway import ONE_OF_TWO, PaperGateway
from tradingbot_runtime.venues.protocols import Feed
from tradingbot_runtime.venues.tape import PublicTrade

BOT = 7
BACKOFF = Backoff(lambda: 0.0)
COUNTED_S = 600.0
LIVES = count(1)  # every gateway's orders have ids of their own


def order_ids() -> OrderIds:
    return OrderIds(BOT, 0, next(LIVES))


@dataclass
class _Simulated:
    """What the simulator does for every venue that it speaks."""

    simulator: SimulatorProcess
    targets: Mapping[str, str]
    counted: str  # matches every request about orders and the account
    printed: Iterator[int] = field(default_factory=lambda: count(1))
    is_revoked: bool = False  # our key

    def revoke_key(self, bench: Bench) -> None:  # noqa: ARG002 - a Kit's
        self.is_revoked = True

    def fault(self, bench: Bench, kind: str, what: str, **options: float) -> None:  # noqa: ARG002 - as above
        self.simulator.admin.inject(kind, self.targets[what], **options)

    def heal(self, bench: Bench) -> None:  # noqa: ARG002 - as above
        self.simulator.admin.clear_faults()
        self.is_revoked = False

    def requests(self, bench: Bench) -> int:  # noqa: ARG002 - as above
        """A delay of nothing counts what it meets."""
        armed = self._armed()
        if not armed:
            self.simulator.admin.inject("delay", self.counted, seconds=COUNTED_S, delay_ms=0)
            return 0
        return sum(int(fault["hits"]) for fault in armed)

    def _armed(self) -> list[Json]:
        with urllib.request.urlopen(f"{self.simulator.rest}/simulator/faults", timeout=5) as answer:  # noqa: S310 - on loopback
            return [f for f in json.load(answer) if f["kind"] == "delay" and f["match"] == self.counted]

    def move_clock(self, bench: Bench, seconds: int) -> None:  # noqa: ARG002 - as above
        self.simulator.admin.inject("clock-step", step_ms=seconds * 1000)

    def lock(self, bench: Bench, seconds: float) -> None:  # noqa: ARG002 - as above
        self.simulator.admin.lock_trading(seconds)


@dataclass
class BinanceKit(_Simulated):
    name = "Binance"
    order_entry = "WebSocket"
    pause_s = 3.0  # as it is told with the refusal
    prices = Prices(Ticks(5_900_000), Ticks(6_100_000), Lots(1_000), Lots(1), Lots(5_000_000))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Bench]:
        simulator, bench = self.simulator, Bench(self, order_ids())
        endpoints = {"rest": simulator.rest, "stream": simulator.stream, "websocketApi": simulator.websocket_api}
        spec = VenueSpec.model_validate({"environment": "Simulated", "type": "Binance", "endpoints": endpoints,
                                         "orderEntry": self.order_entry})  # fmt: skip
        self.adapter = adapter = BinanceAdapter(
            "binance", spec, Clock().now_ns, BACKOFF, self.credentials, KnownSecrets()
        )
        try:
            await adapter.clock_offset_ns()
            bench.instrument = await adapter.instrument("BTCUSDT")
            bench.gateway = adapter.gateway(bench.ports(), {"BTCUSDT": bench.instrument})
            async with running(bench, adapter.upkeep):
                yield bench
        finally:
            await adapter.close()

    def credentials(self) -> Credentials:
        secret = "another" if self.is_revoked else self.simulator.secret
        return Credentials(self.simulator.api_key, HmacSigner(secret.encode()))

    def truth(self, bench: Bench, order: Order) -> Truth:
        mine = [o for o in self.simulator.admin.all_orders() if o["clientOrderId"] == order.id]
        executed = sum(bench.instrument.lots(o["executedQty"]) for o in mine)
        is_open = any(o["status"] in ("NEW", "PARTIALLY_FILLED") for o in mine)
        return Truth(is_open, is_open, Lots(executed), len(mine))

    def trade(self, bench: Bench, price: Ticks, lots: Lots) -> None:
        text, quantity = bench.instrument.price_text(price), bench.instrument.quantity_text(lots)
        self.simulator.admin.play([trade(next(self.printed), text, quantity, buyer_is_maker=True)])

    def feed(self, bench: Bench, on_tick: OnTick) -> Feed:
        return self.adapter.feed(bench.instrument, on_tick)


@dataclass
class BinanceRestKit(BinanceKit):
    name = "Binance over REST"
    order_entry = "Rest"


@dataclass
class DeltaDefiKit(_Simulated):
    name = "DeltaDeFi"
    pause_s = 1.0  # it does not say for how long
    prices = Prices(Ticks(3_000), Ticks(4_000), Lots(1_000), Lots(100), Lots(100_000_000))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Bench]:
        simulator, bench = self.simulator, Bench(self, order_ids())
        endpoints = {"rest": simulator.rest, "stream": simulator.deltadefi_stream}
        spec = VenueSpec.model_validate({"environment": "Simulated", "type": "DeltaDeFi", "endpoints": endpoints})
        self.adapter = adapter = DeltaDefiAdapter(
            "deltadefi", spec, Clock().now_ns, BACKOFF, self._credentials, KnownSecrets()
        )
        try:
            bench.instrument = await adapter.instrument("ADAUSDM")
            await adapter.account_id()
            bench.gateway = adapter.gateway(bench.ports(), {})
            async with running(bench, adapter.upkeep):
                yield bench
        finally:
            await adapter.close()

    def _credentials(self) -> DeltaDefiCredentials:
        key = "another" if self.is_revoked else self.simulator.deltadefi_api_key
        return DeltaDefiCredentials(key, self.simulator.trading_password)

    def heal(self, bench: Bench) -> None:
        super().heal(bench)
        self.simulator.admin.unlock_trading()

    def truth(self, bench: Bench, order: Order) -> Truth:
        """The venue does not know our ids: what it was built as is what it is."""
        mine = [o for o in self.simulator.admin.deltadefi_orders() if o["id"] == order.venue_order_id]
        live = [o for o in mine if o["status"] != "building"]
        executed = sum(bench.instrument.lots(o["executed_base_qty"]) for o in live)
        is_in_book = any(o["status"] in ("open", "partially_filled") for o in live)
        is_open = is_in_book or any(o["status"] == "processing" for o in live)
        return Truth(is_open, is_in_book, Lots(executed), len(live))

    def trade(self, bench: Bench, price: Ticks, lots: Lots) -> None:
        """In the market that this one follows, of which it is a share, and stands farther out."""
        text, quantity = bench.instrument.price_text(Ticks(price + WIDEN)), bench.instrument.quantity_text(lots)
        frame = trade(next(self.printed), text, quantity, buyer_is_maker=True, symbol="ADAUSDT")
        self.simulator.admin.play([frame])

    def feed(self, bench: Bench, on_tick: OnTick) -> Feed:
        return self.adapter.feed(bench.instrument, on_tick)


WIDEN = 5
PAPER_TOP = ReferenceTicked(time_ns=Nanos(10**18), bid=Ticks(6_000_000), bid_lots=Lots(10**6), ask=Ticks(6_000_001),
                            ask_lots=Lots(10**6), update_id=1)  # fmt: skip


@dataclass
class PaperKit:
    name = "Paper"
    pause_s = 0.0
    prices = Prices(Ticks(5_900_000), Ticks(6_100_000), Lots(1_000), Lots(1), Lots(50_000_000))
    moved_ns: int = 0
    printed: Iterator[int] = field(default_factory=lambda: count(1))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Bench]:
        bench, clock = Bench(self, order_ids()), Clock()
        self.moved_ns = 0
        ports, usual = bench.ports(), Paper(latency_ns=2_000_000, capital=Decimal(100_000))
        unused = VenueSpec.model_validate({"environment": "Production", "type": "Binance"})
        link = VenueLink("paper", unused, clock.now_ns, None, KnownSecrets())
        link.instruments[BTC.symbol] = bench.instrument = BTC
        self.gateway = gateway = PaperGateway(
            link, lambda: Nanos(clock.now_ns() + self.moved_ns), ports.on_event, ports.on_connected, usual
        )
        gateway.on_tick(BTC, PAPER_TOP)
        bench.gateway = gateway
        async with running(bench, nothing):
            yield bench

    def fault(self, bench: Bench, kind: str, what: str, **options: float) -> None:  # noqa: ARG002 - a Kit's
        """Answers are lost and cancels are slow; there is nothing else between us and it."""
        match kind, what:
            case "accept-then-drop" | "accept-then-5xx", "place":
                self._lose(arrives=True)
            case "http-5xx", "place":
                self._lose(arrives=False)
            case "delay", "cancel":
                self.gateway.paper = Paper(latency_ns=int(options["delay_ms"]) * 1_000_000)
            case _:
                raise NotImplementedError(kind, what)

    def _lose(self, *, arrives: bool) -> None:
        """The next answer; whether the order arrives is drawn, after the delay and the loss itself."""
        self.gateway.paper = Paper(latency_ns=2_000_000, lost_answers=Decimal(1))
        for seed in count():
            draws = Random(seed)  # noqa: S311 - to be foreseen is its purpose
            if ([draws.random() for _ in range(3)][2] < ONE_OF_TWO) is arrives:
                self.gateway.random = Random(seed)  # noqa: S311 - as above
                return

    def heal(self, bench: Bench) -> None:  # noqa: ARG002 - a Kit's
        self.gateway.paper = Paper(latency_ns=2_000_000)

    def move_clock(self, bench: Bench, seconds: int) -> None:  # noqa: ARG002 - a Kit's
        self.moved_ns += seconds * 1_000_000_000

    def lock(self, bench: Bench, seconds: float) -> None:
        raise NotImplementedError

    def revoke_key(self, bench: Bench) -> None:
        raise NotImplementedError

    def requests(self, bench: Bench) -> int:
        raise NotImplementedError

    def truth(self, bench: Bench, order: Order) -> Truth:
        mine = [o for o in self.gateway.exchanges[bench.instrument.symbol].history if o.client_id == order.id]
        is_open = any(o.status.open for o in mine)
        return Truth(is_open, is_open, Lots(sum(o.executed for o in mine)), len(mine))

    def trade(self, bench: Bench, price: Ticks, lots: Lots) -> None:
        self.gateway.on_trade(bench.instrument, PublicTrade(next(self.printed), price, lots, True))  # noqa: FBT003 - a seller took

    def feed(self, bench: Bench, on_tick: OnTick) -> Feed:
        raise NotImplementedError


@contextmanager
def binance() -> Iterator[Kit]:
    targets = {"place": "order.place", "replace": "order.cancelReplace", "cancel": "order.cancel",
               "question": "GET /api/v3/*", "account": "user", "connection": "ws-api",
               "market": "btcusdt@bookTicker", "any": "order.*"}  # fmt: skip
    with SimulatorProcess(*STILL) as simulator:
        yield BinanceKit(simulator, targets, "*order*")


@contextmanager
def binance_rest() -> Iterator[Kit]:
    targets = {"place": "POST /api/v3/order", "replace": "POST /api/v3/order/cancelReplace",
               "cancel": "DELETE /api/v3/order", "question": "GET /api/v3/*", "account": "user", "connection": "ws-api",
               "market": "btcusdt@bookTicker", "any": "* /api/v3/order*"}  # fmt: skip
    with SimulatorProcess(*STILL) as simulator:
        yield BinanceRestKit(simulator, targets, "*order*")


@contextmanager
def deltadefi() -> Iterator[Kit]:
    targets = {"place": "POST /order/submit", "cancel": "POST /order/*/cancel", "question": "GET /accounts/*",
               "account": "/accounts/stream", "connection": "/accounts/stream", "market": "/market/depth/ADAUSDM",
               "any": "POST /order/*"}  # fmt: skip
    options = ("--venue", "deltadefi", "--symbol", "ADAUSDT", "--deltadefi-share", "1", "--deltadefi-widen", str(WIDEN),
               "--deltadefi-calls-per-second", "1000")  # fmt: skip
    with SimulatorProcess(*STILL, *options) as simulator:
        yield DeltaDefiKit(simulator, targets, "* /order/*")


@contextmanager
def paper() -> Iterator[Kit]:
    yield PaperKit()


KITS = {"Binance": binance, "Binance over REST": binance_rest, "DeltaDeFi": deltadefi, "Paper": paper}
