"""Websockets: the API's sessions and event stream, and the market streams, as Binance documents them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from harness.binance_client import BinanceClient, Ed25519Signer, binance_client, open_socket
from harness.log_lines import entries
from harness.simulator import SimulatorProcess, book_ticker, depth_diff, trade

Scenario = Callable[[BinanceClient], Awaitable[None]]
SIGNER = Ed25519Signer()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """No market of its own: the tests say what happens in it."""
    key = SIGNER.write_public(tmp_path_factory.mktemp("keys"))
    with SimulatorProcess("--empty", "--ed25519-public-key", str(key)) as process:
        process.admin.play([depth_diff((1, 100), [["60000.00", "1.5"]], [["60010.00", "1"]])])
        yield process


def run(simulator: SimulatorProcess, scenario: Scenario, signer: Callable[[str], str] | None = None) -> None:
    async def body() -> None:
        async with binance_client(simulator, signer) as client:
            await asyncio.wait_for(scenario(client), 20)

    asyncio.run(body())


def test_the_websocket_api_serves_a_logged_on_session_and_its_event_stream(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        async with open_socket(client, client.simulator.websocket_api) as socket:
            assert (await socket.call("ping"))["status"] == 200
            refused = await socket.call("userDataStream.subscribe")
            assert (refused["status"], refused["error"]["code"]) == (401, -2015)
            logon = await socket.call("session.logon", client.api_parameters())
            assert logon["result"]["apiKey"] == client.simulator.api_key
            assert (await socket.call("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
            now = time.time_ns() // 1_000_000
            order = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT_MAKER", "price": "60005.00",
                     "quantity": "0.02", "newClientOrderId": "by-socket", "timestamp": now}  # fmt: skip
            await socket.socket.send_json({"id": 1, "method": "order.place", "params": order})
            assert (await socket.event("executionReport"))["X"] == "NEW"
            client.simulator.admin.play([trade(200, "60006.00", "0.005", buyer_is_maker=False)])
            filled = await socket.until(lambda f: f.get("event", {}).get("x") == "TRADE")
            event = filled["event"]
            assert (event["X"], event["l"], event["L"]) == ("PARTIALLY_FILLED", "0.00500000", "60005.00000000")
            assert (event["N"], event["m"], filled["subscriptionId"]) == ("USDT", True, 0)
            position = await socket.event("outboundAccountPosition")
            assert {entry["a"] for entry in position["B"]} == {"BTC", "USDT"}
            question = client.api_parameters(symbol="BTCUSDT", origClientOrderId="by-socket")
            status = await socket.call("order.status", question)
            assert status["result"]["executedQty"] == "0.00500000"
            assert {limit["rateLimitType"] for limit in status["rateLimits"]} == {"REQUEST_WEIGHT", "ORDERS"}
            canceled = await socket.call("openOrders.cancelAll", client.api_parameters(symbol="BTCUSDT"))
            assert [order["status"] for order in canceled["result"]] == ["CANCELED"]
            unknown = await socket.call("order.cancel", client.api_parameters(symbol="BTCUSDT", orderId=1))
            assert (unknown["status"], unknown["error"]["code"]) == (400, -2011)

    run(simulator, scenario, SIGNER.sign)


def test_an_hmac_key_cannot_log_a_session_on_but_signs_its_subscription(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        async with open_socket(client, client.simulator.websocket_api) as socket:
            assert (await socket.call("session.logon", client.api_parameters()))["status"] == 400
            subscribed = await socket.call("userDataStream.subscribe.signature", client.api_parameters())
            assert subscribed["result"] == {"subscriptionId": 0}
            client.simulator.admin.deposit("USDT", "5")
            assert (await socket.event("balanceUpdate"))["d"] == "5.00000000"
            bad = await socket.call("account.status", {**client.api_parameters(), "timestamp": 1})
            assert bad["error"]["code"] == -1021
            assert (await socket.call("no.such.method"))["error"]["code"] == -1020

    run(simulator, scenario)


def test_streams_are_raw_or_combined_and_can_be_changed(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        base = client.simulator.stream
        async with (
            open_socket(client, f"{base}?streams=btcusdt@bookTicker/btcusdt@trade") as combined,
            open_socket(client, f"{base}/ws/btcusdt@bookTicker") as raw,
        ):
            client.simulator.admin.play([
                book_ticker(500, ("60000.00", "1.50000"), ("60010.00", "2")),
                trade(501, "60010.00", "1", buyer_is_maker=False),
            ])  # fmt: skip
            data = {"u": 500, "s": "BTCUSDT", "b": "60000.00000000", "B": "1.50000000", "a": "60010.00000000",
                    "A": "2.00000000"}  # fmt: skip
            assert await combined.json() == {"stream": "btcusdt@bookTicker", "data": data}
            assert await raw.json() == data
            assert (await combined.json())["data"]["t"] == 501
            await raw.socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 7})
            assert await raw.json() == {"result": None, "id": 7}
            await raw.socket.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 8})
            await raw.json()
            await raw.socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 9})
            assert (await raw.json())["result"] == ["btcusdt@trade"]
            await raw.socket.send_str("{broken")
            assert "error" in await raw.json()
            client.simulator.admin.play([trade(502, "60010.00", "1", buyer_is_maker=False)])
            assert (await raw.json())["t"] == 502

    run(simulator, scenario)


def test_a_stream_that_nothing_will_ever_come_on_is_told() -> None:
    async def scenario(client: BinanceClient) -> None:
        names = "btcusdt@ticker/btcusdt@bookTicker/btcusdt@depth5@100ms/btcusdt@kline_1m/xrpusdt@trade"
        async with open_socket(client, f"{client.simulator.stream}?streams={names}"):
            pass

    with SimulatorProcess("--empty") as simulator:
        run(simulator, scenario)
    told = [entry["stream"] for entry in entries(simulator.log) if entry["event"] == "StreamNotSimulated"]
    assert told == ["btcusdt@ticker", "xrpusdt@trade"]
