"""Orders to Binance over REST: what leaves when, and what never waits behind what."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.binance_rest import listening
from harness.conformance_bench import Bench
from harness.conformance_kits import BACKOFF, BinanceKit, BinanceRestKit, order_ids
from harness.runtime_process import STILL, manifest, runtime
from harness.simulator import SimulatorProcess, until
from tradingbot_runtime.clock import Clock
from tradingbot_runtime.config import VenueSpec
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.model import (
    Cancel,
    CancelRejected,
    Lots,
    OrderAccepted,
    OrderId,
    OrderReported,
    OutcomeLost,
    Place,
    Side,
    Ticks,
)
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.venues.binance.adapter import BinanceAdapter
from tradingbot_runtime.venues.binance.requests import requests
from tradingbot_runtime.venues.binance.rest_orders import CANCELS_AT_ONCE, ORDERS_AT_ONCE
from tradingbot_runtime.venues.binance.signing import Credentials, Ed25519Signer

NOWHERE = "ws://127.0.0.1:1/ws-api/v3"  # nobody listens there
PLACE = Place(order_id=OrderId("ab" * 16), side=Side.BUY, price=Ticks(5_900_000), quantity=Lots(100))


@pytest.fixture(scope="module")
def kit() -> Iterator[BinanceKit]:
    with SimulatorProcess(*STILL) as simulator:
        yield BinanceRestKit(simulator, {"place": "POST /api/v3/order", "cancel": "DELETE /api/v3/order"}, "")


@asynccontextmanager
async def without_account_stream(kit: BinanceKit, order_entry: str) -> AsyncIterator[Bench]:
    """A gateway that has tried to connect and could not."""
    simulator, bench = kit.simulator, Bench(kit, order_ids())
    endpoints = {"rest": simulator.rest, "stream": simulator.stream, "websocketApi": NOWHERE}
    spec = VenueSpec.model_validate({"environment": "Simulated", "type": "Binance", "endpoints": endpoints,
                                     "orderEntry": order_entry})  # fmt: skip
    adapter = BinanceAdapter("binance", spec, Clock().now_ns, BACKOFF, kit.credentials, KnownSecrets())
    bench.instrument = await adapter.instrument("BTCUSDT")
    bench.gateway = adapter.gateway(bench.ports(), {"BTCUSDT": bench.instrument})
    task = asyncio.ensure_future(bench.gateway.run())
    try:
        await bench.until(lambda: False in bench.connections, "the connection is refused")
        yield bench
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await adapter.close()


@pytest.mark.parametrize("order_entry", ["WebSocket", "Rest"])
def test_while_nobody_would_hear_of_fills_no_order_leaves_and_cancels_go_over_rest(
    kit: BinanceKit, order_entry: str
) -> None:
    async def scenario() -> None:
        async with kit.open() as other:
            other.place("resting", kit.prices.away, kit.prices.lots)
            await other.until(lambda: other.order("resting").state is OrderState.OPEN, "it rests")
            async with without_account_stream(kit, order_entry) as bench:
                bench.place("blind", kit.prices.away, kit.prices.lots)
                assert bench.order("blind").state is OrderState.DENIED
                bench.gateway.send(bench.instrument, Approved(Cancel(order_id=other.named["resting"])))
                await bench.until(lambda: any(isinstance(e, OrderReported) for e in bench.log), "its answer")
            assert not kit.truth(other, other.order("resting")).is_open
            assert kit.truth(bench, bench.order("blind")).copies == 0

    asyncio.run(scenario())


def test_a_cancel_does_not_overtake_its_order(kit: BinanceKit) -> None:
    async def scenario() -> None:
        async with kit.open() as bench:
            kit.fault(bench, "delay", "place", count=1, delay_ms=400)
            bench.place("a", kit.prices.away, kit.prices.lots)
            bench.cancel("a")
            await bench.until(lambda: bench.order("a").state is OrderState.CANCELED, "canceled")
            assert not [e for e in bench.log if isinstance(e, CancelRejected | OutcomeLost)]
            await bench.agree()

    asyncio.run(scenario())


def test_what_waits_for_its_turn_stays_here_once_the_venue_wants_to_be_left_alone(kit: BinanceKit) -> None:
    counted = BinanceRestKit(kit.simulator, kit.targets, "DELETE /api/v3/order")

    async def scenario() -> None:
        async with kit.open() as bench:
            kit.fault(bench, "418", "place", count=1, retry_after_s=1)
            counted.requests(bench)
            bench.place("a", kit.prices.away, kit.prices.lots)
            bench.cancel("a")
            await bench.until(lambda: any(isinstance(e, OutcomeLost) for e in bench.log), "the cancel has not left")
            assert bench.order("a").state is OrderState.REJECTED
            assert counted.requests(bench) == 0

    asyncio.run(scenario())


def test_orders_that_find_no_turn_in_time_are_denied_and_cancels_do_not_wait_behind_them(kit: BinanceKit) -> None:
    async def scenario() -> None:
        async with kit.open() as bench:
            bench.place("resting", kit.prices.away, kit.prices.lots)
            await bench.until(lambda: bench.order("resting").state is OrderState.OPEN, "it rests")
            kit.fault(bench, "delay", "place", count=ORDERS_AT_ONCE, delay_ms=3000)
            names = [f"{number}" for number in range(ORDERS_AT_ONCE + CANCELS_AT_ONCE)]
            for name in names:
                bench.place(name, kit.prices.away, kit.prices.lots)
            bench.cancel("resting")
            await bench.until(lambda: bench.order("resting").state is OrderState.CANCELED, "canceled")
            assert not any(bench.order(name).is_closed or bench.order(name).seen for name in names)
            await bench.until(lambda: all(bench.order(n).state is not OrderState.SUBMITTING for n in names), "answered")
            late = [bench.order(name).state for name in names[ORDERS_AT_ONCE:]]
            assert late == [OrderState.DENIED] * CANCELS_AT_ONCE
            await bench.agree()
            await bench.empty()

    asyncio.run(scenario())


def test_what_was_given_up_on_does_not_leave_later(kit: BinanceKit) -> None:
    async def scenario() -> None:
        async with kit.open() as bench, listening(kit.simulator.rest, kit.credentials, PLACE) as (orders, heard):
            kit.fault(bench, "delay", "place", count=1, delay_ms=400)
            order_id = bench.new("a")
            (placing,) = requests(bench.instrument, msgspec.structs.replace(PLACE, order_id=order_id))
            (canceling,) = requests(bench.instrument, Cancel(order_id=order_id))
            orders.send(placing)
            orders.send(canceling)  # waits for the order's answer
            orders.forget(canceling.id)
            await bench.until(lambda: heard.events, "the order's answer")
            assert [type(event) for event in heard.events] == [OrderAccepted]
            await asyncio.sleep(0.2)  # what must not come has no moment to wait for
            assert {o["clientOrderId"] for o in kit.simulator.admin.open_orders()} == {order_id}
            await bench.gateway.cancel(bench.instrument, order_id)
            bench.named.clear()

    asyncio.run(scenario())


def test_an_ed25519_key_signs_orders_replacements_and_cancels_over_rest(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    pem = tmp_path / "public.pem"
    pem.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    class Ed25519Kit(BinanceRestKit):
        def credentials(self) -> Credentials:
            return Credentials(self.simulator.api_key, Ed25519Signer(key))

    async def scenario(kit: BinanceKit) -> None:
        async with kit.open() as bench:
            bench.place("a", kit.prices.away, kit.prices.lots)
            await bench.until(lambda: bench.order("a").state is OrderState.OPEN, "it rests")
            bench.replace("a", "b", kit.prices.away)
            await bench.until(lambda: bench.order("b").state is OrderState.OPEN, "replaced")
            bench.cancel("b")
            await bench.until(lambda: bench.order("b").state is OrderState.CANCELED, "canceled")
            await bench.agree()

    with SimulatorProcess(*STILL, "--ed25519-public-key", str(pem)) as simulator:
        asyncio.run(scenario(Ed25519Kit(simulator, {}, "")))


def test_a_running_bot_quotes_over_rest_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with SimulatorProcess(*STILL) as simulator:
        documents = manifest(simulator)
        documents[0]["spec"]["orderEntry"] = "Rest"
        placed = BinanceRestKit(simulator, {}, "POST /api/v3/order")
        bench = Bench(placed, order_ids())
        placed.requests(bench)
        with runtime(tmp_path, simulator, documents=documents) as bot:
            bot.start().until_quoting()
            assert placed.requests(bench) >= len(simulator.admin.open_orders()) > 0
            assert bot.logged("OutcomeLost") == []
            code, _ = bot.terminate()
            assert code == 0
            until(lambda: not simulator.admin.open_orders(), "the venue is empty")
