"""The simulator's wire: what Binance's documentation promises, asked by an independent client."""

import asyncio
import base64
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from harness.binance_client import BinanceClient, Ed25519Signer, Reply, binance_client, open_socket
from harness.simulator import SimulatorProcess, depth_diff, trade

Scenario = Callable[[BinanceClient], Awaitable[None]]
SIGNER = Ed25519Signer()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """No market of its own: the tests say what happens in it."""
    key = SIGNER.write_public(tmp_path_factory.mktemp("keys"))
    options = ("--empty", "--ed25519-public-key", str(key), "--balance", "BTC=1000",
               "--balance", "USDT=100000000",
               "--orders-per-10s", "10000", "--weight-per-minute", "1000000")  # fmt: skip
    with SimulatorProcess(*options) as process:
        process.admin.play([
            depth_diff((1, 100), [["60000.00", "1.5"], ["59999.00", "2"]], [["60010.00", "1"], ["60011.00", "2"]]),
        ])  # fmt: skip
        yield process


def run(simulator: SimulatorProcess, scenario: Scenario, signer: Callable[[str], str] | None = None) -> None:
    async def body() -> None:
        async with binance_client(simulator, signer) as client:
            await asyncio.wait_for(scenario(client), 20)

    asyncio.run(body())


def error(reply: Reply) -> tuple[int, int, str]:
    return reply.status, reply.body["code"], reply.body["msg"]


async def handshake(port: int, path: str) -> bytes:
    """The headers that a websocket's opening is answered with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: simulator\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    headers = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()
    await writer.wait_closed()
    return headers


def test_every_response_says_that_it_comes_from_a_simulator(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        assert (await client.get("ping")).headers["X-Simulator"] == "tradingbot"
        assert (await client.private("GET", "order", symbol="NOPE")).headers["X-Simulator"] == "tradingbot"
        assert b"X-Simulator: tradingbot" in await handshake(client.simulator.port, "/stream")
        assert b"X-Simulator: tradingbot" in await handshake(client.simulator.port, "/ws-api/v3")
        assert client.simulator.admin.identity()["simulator"] == "tradingbot"

    run(simulator, scenario)


def test_public_requests_have_binances_shapes(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        info = (await client.get("exchangeInfo", symbol="BTCUSDT")).body["symbols"][0]
        filters = {entry["filterType"]: entry for entry in info["filters"]}
        assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
        assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
        assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
        depth = (await client.get("depth", symbol="BTCUSDT", limit=1)).body
        assert depth["bids"] == [["60000.00000000", "1.50000000"]]
        assert depth["asks"] == [["60010.00000000", "1.00000000"]]
        one = (await client.get("ticker/bookTicker", symbol="BTCUSDT")).body
        assert (await client.get("ticker/bookTicker")).body == [one]
        client.simulator.admin.play([trade(5, "60005.00", "0.2", buyer_is_maker=True)])
        assert (await client.get("trades", symbol="BTCUSDT")).body[-1]["price"] == "60005.00000000"
        candle = (await client.get("klines", symbol="BTCUSDT", interval="1m")).body[-1]
        assert (len(candle), candle[4]) == (12, "60005.00000000")
        assert abs((await client.get("time")).body["serverTime"] - time.time() * 1000) < 5000

    run(simulator, scenario)


@pytest.mark.parametrize("signer", [None, SIGNER.sign], ids=["hmac", "ed25519"])
def test_an_order_lives_from_placing_to_cancel(
    simulator: SimulatorProcess, signer: Callable[[str], str] | None
) -> None:
    async def scenario(client: BinanceClient) -> None:
        placed = await client.place("BUY", "59000.00", "0.01000", newClientOrderId="mine", newOrderRespType="RESULT")
        assert (placed.status, placed.body["status"], placed.body["price"]) == (200, "NEW", "59000.00000000")
        assert int(placed.headers["X-MBX-ORDER-COUNT-10S"]) >= 1
        assert int(placed.headers["X-MBX-USED-WEIGHT-1M"]) >= 1
        found = await client.private("GET", "order", symbol="BTCUSDT", origClientOrderId="mine")
        assert found.body["orderId"] == placed.body["orderId"]
        assert [o["clientOrderId"] for o in (await client.private("GET", "openOrders")).body] == ["mine"]
        cancel = await client.private("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")
        assert (cancel.body["status"], cancel.body["origClientOrderId"]) == ("CANCELED", "mine")
        assert cancel.body["clientOrderId"] != "mine"
        assert (await client.private("GET", "openOrders", symbol="BTCUSDT")).body == []
        again = await client.private("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")
        assert error(again) == (400, -2011, "Unknown order sent.")

    run(simulator, scenario, signer)


def test_what_is_wrong_with_a_signed_request_is_said_with_binances_code(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        now = time.time_ns() // 1_000_000
        good = client.signed({})
        expected = {
            -2014: await client.send("GET", "account", good, key=""),
            -2015: await client.send("GET", "account", good, key="f" * 64),
            -1022: await client.send("GET", "account", good[:-4] + "0000"),
            -1102: await client.send("GET", "account", f"timestamp={now}"),
            -1131: await client.private("GET", "account", recvWindow=60001),
        }
        for code, reply in expected.items():
            assert reply.body["code"] == code
        assert expected[-2014].status == expected[-2015].status == 401
        late = await client.private("GET", "account", timestamp=now - 5500)
        assert error(late) == (400, -1021, "Timestamp for this request is outside of the recvWindow.")
        assert (await client.private("GET", "account", timestamp=now - 5500, recvWindow=60000)).status == 200
        early = await client.private("GET", "account", timestamp=now + 3000)
        assert error(early)[2] == "Timestamp for this request was 1000ms ahead of the server's time."
        microseconds = await client.private("GET", "account", timestamp=time.time_ns() // 1000)
        assert microseconds.status == 200

    run(simulator, scenario)


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        ({"symbol": "btcusdt"}, -1100, "Illegal characters found in parameter 'symbol'"),
        ({"side": "LONG"}, -1117, "Invalid side."),
        ({"type": "ICEBERG"}, -1116, "Invalid orderType."),
        ({"type": "LIMIT"}, -1102, "Mandatory parameter 'timeInForce' was not sent"),
        ({"type": "LIMIT", "timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({"quantity": ""}, -1102, "Mandatory parameter 'quantity' was not sent"),
        ({"quantity": "1e-3"}, -1100, "Illegal characters found in parameter 'quantity'"),
        ({"quantity": "0.0000000001"}, -1111, "Parameter 'quantity' has too much precision."),
        ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"price": "59000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "0.00"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "60.00"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        ({"price": "60010.00"}, -2010, "Order would immediately match and take."),
        ({"quantity": "8000"}, -2010, "Account has insufficient balance for requested action."),
        ({"newClientOrderId": "ä"}, -1100, "Illegal characters found in parameter 'newClientOrderId'"),
        ({"newClientOrderId": "x" * 37}, -1100, "Illegal characters found in parameter 'newClientOrderId'"),
        ({"type": "MARKET", "quantity": "", "price": ""}, -1102, "Param 'origQty' or 'quoteOrderQty' must be sent"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_order_is_said_with_binances_code(
    simulator: SimulatorProcess, changes: dict[str, str], code: int, message: str
) -> None:
    async def scenario(client: BinanceClient) -> None:
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "price": "59000.00", "quantity": "0.01"}
        reply = await client.private("POST", "order", **{**order, **changes})
        assert reply.status == 400
        assert reply.body["code"] == code
        assert reply.body["msg"].startswith(message)
        assert client.simulator.admin.open_orders() == []

    run(simulator, scenario)


def test_questions_about_orders_that_do_not_exist_are_refused(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        asked = await client.private("GET", "order", symbol="BTCUSDT", origClientOrderId="never-placed")
        assert error(asked) == (400, -2013, "Order does not exist.")
        assert error(await client.private("DELETE", "openOrders", symbol="BTCUSDT"))[1] == -2011
        assert error(await client.private("GET", "order", symbol="BTCUSDT"))[1] == -1102

    run(simulator, scenario)


def test_a_client_order_id_is_unique_among_open_orders(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        assert (await client.place("BUY", "59000.00", "0.01", newClientOrderId="twice")).status == 200
        again = await client.place("BUY", "59000.00", "0.01", newClientOrderId="twice")
        assert error(again) == (400, -2010, "Duplicate order sent.")
        assert len((await client.private("DELETE", "openOrders", symbol="BTCUSDT")).body) == 1
        assert (await client.place("BUY", "59000.00", "0.01", newClientOrderId="twice")).status == 200
        await client.private("DELETE", "openOrders", symbol="BTCUSDT")

    run(simulator, scenario)


def test_trades_are_listed_from_an_id_of_an_order_and_to_a_limit(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        ids = []
        for number in range(3):
            placed = await client.place("BUY", "60001.00", "0.01000", newClientOrderId=f"t{number}")
            ids.append(placed.body["orderId"])
            client.simulator.admin.play([trade(100 + number, "60001.00", "0.01", buyer_is_maker=True)])
        trades = (await client.private("GET", "myTrades", symbol="BTCUSDT")).body[-3:]
        assert [entry["orderId"] for entry in trades] == ids
        assert trades[0]["commission"] == "0.00001000"
        assert (trades[0]["commissionAsset"], trades[0]["isMaker"], trades[0]["isBuyer"]) == ("BTC", True, True)
        later = await client.private("GET", "myTrades", symbol="BTCUSDT", fromId=trades[1]["id"])
        assert later.body == trades[1:]
        first = await client.private("GET", "myTrades", symbol="BTCUSDT", fromId=trades[0]["id"], limit=1)
        assert first.body == trades[:1]
        assert (await client.private("GET", "myTrades", symbol="BTCUSDT", orderId=ids[2])).body == trades[2:]
        future = int(time.time() * 1000) + 60_000
        assert (await client.private("GET", "myTrades", symbol="BTCUSDT", startTime=future)).body == []

    run(simulator, scenario)


def test_garbage_is_refused_and_harms_nothing(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        url = f"{simulator.rest}/api/v3/order"
        headers = {"X-MBX-APIKEY": simulator.api_key, "Content-Type": "application/x-www-form-urlencoded"}
        async with client.session.post(url, data=b"\xff\x00&timestamp=1", headers=headers) as reply:
            assert (reply.status, (await reply.json())["code"]) == (400, -1021)
        assert error(await client.get("exchangeInfo", symbols="[broken"))[1] == -1130
        async with open_socket(client, simulator.websocket_api) as socket:
            for text in ("{broken", "[]", '{"id": 1}', '{"id": 1, "method": "time", "params": []}'):
                await socket.socket.send_str(text)
                assert (await socket.json())["error"]["code"] == -1130
            assert (await socket.call("time"))["status"] == 200

    run(simulator, scenario)


def test_latency_delays_every_request() -> None:
    async def scenario(client: BinanceClient) -> None:
        for path in ("time", "ping"):
            started = time.monotonic()
            assert (await client.get(path)).status == 200
            assert time.monotonic() - started >= 0.15

    with SimulatorProcess("--empty", "--latency-ms", "150") as far:
        run(far, scenario)


def test_requests_beyond_the_limits_are_refused_with_a_time_to_wait() -> None:
    async def scenario(client: BinanceClient) -> None:
        # Three orders in ten seconds: ten at once are too many, also where a window ends among them.
        replies = [await client.place("BUY", "100.00", "1") for _ in range(10)]
        refused = next(reply for reply in replies if reply.status == 429)
        assert (refused.body["code"], refused.headers["Retry-After"]) == (-1015, "1")
        assert 3 <= sum(reply.status == 200 for reply in replies) <= 6
        infos = [await client.get("exchangeInfo") for _ in range(8)]
        assert -1003 in [reply.body.get("code") for reply in infos]

    with SimulatorProcess("--empty", "--orders-per-10s", "3", "--weight-per-minute", "60") as strict:
        run(strict, scenario)


def test_the_simulator_ends_with_0_on_sigterm_and_with_2_on_a_mistake(tmp_path: Path) -> None:
    with SimulatorProcess("--empty") as process:

        async def scenario(client: BinanceClient) -> None:
            async with open_socket(client, process.stream), open_socket(client, process.websocket_api):
                assert await asyncio.to_thread(process.stop) == 0

        run(process, scenario)
    with pytest.raises(AssertionError, match="code 2"), SimulatorProcess("--recording", str(tmp_path / "missing")):
        pass
    with pytest.raises(AssertionError, match="code 2"), SimulatorProcess("--symbol", "NOPE"):
        pass
