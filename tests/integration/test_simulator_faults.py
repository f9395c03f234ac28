"""Faults on request: each does what it says, to whom it says, as often as it says, and then it is over."""

import asyncio
import base64
import json
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator

import aiohttp
import pytest

from harness.binance_client import BinanceClient, Socket, binance_client, open_socket
from harness.simulator import Json, SimulatorProcess, book_ticker, depth_diff, until

Scenario = Callable[[BinanceClient], Awaitable[None]]
ORDER = "POST /api/v3/order"


@pytest.fixture(scope="module")
def process() -> Iterator[SimulatorProcess]:
    with SimulatorProcess("--empty") as started:
        started.admin.play([depth_diff((1, 9), [["60000.00", "1"]], [["60010.00", "1"]])])
        yield started


@pytest.fixture
def simulator(process: SimulatorProcess) -> Iterator[SimulatorProcess]:
    yield process
    process.admin.clear_faults()


def run(simulator: SimulatorProcess, scenario: Scenario) -> None:
    async def body() -> None:
        async with binance_client(simulator) as client:
            await asyncio.wait_for(scenario(client), 20)

    asyncio.run(body())


def placed(simulator: SimulatorProcess, client_id: str) -> bool:
    return client_id in [order["clientOrderId"] for order in simulator.admin.all_orders()]


def tick(simulator: SimulatorProcess, *quantities: str) -> None:
    """One bookTicker frame for each quantity at the bid."""
    number = simulator.admin.state()["symbols"]["BTCUSDT"]["updateId"]
    simulator.admin.play(
        [
            book_ticker(number + 1 + i, ("60000.00", quantity), ("60010.00", "1"))
            for i, quantity in enumerate(quantities)
        ]
    )


def quantity(frame: Json) -> float:
    return float(frame["B"])


@pytest.mark.parametrize(("kind", "status"), [("http-5xx", 503), ("429", 429), ("418", 418)])
def test_a_refused_request_has_done_nothing(simulator: SimulatorProcess, kind: str, status: int) -> None:
    async def scenario(client: BinanceClient) -> None:
        simulator.admin.inject(kind, ORDER, retry_after_s=7)
        reply = await client.place("BUY", "59000.00", "0.01", newClientOrderId=f"refused-{kind}")
        assert reply.status == status
        assert reply.headers.get("Retry-After") == (None if kind == "http-5xx" else "7")
        assert not placed(simulator, f"refused-{kind}")
        assert (await client.place("BUY", "59000.00", "0.01")).status == 200

    run(simulator, scenario)


def test_accepted_and_answered_with_5xx_the_order_is_in_the_market(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        simulator.admin.inject("accept-then-5xx", ORDER)
        reply = await client.place("BUY", "59000.00", "0.01", newClientOrderId="unknown-1")
        assert (reply.status, reply.body["code"]) == (504, -1007)
        found = await client.private("GET", "order", symbol="BTCUSDT", origClientOrderId="unknown-1")
        assert found.body["status"] == "NEW"

    run(simulator, scenario)


@pytest.mark.parametrize(("kind", "done"), [("accept-then-drop", True), ("drop", False), ("half-sent", True)])
def test_a_dropped_connection_leaves_the_client_without_an_answer(
    simulator: SimulatorProcess, kind: str, *, done: bool
) -> None:
    async def scenario(client: BinanceClient) -> None:
        simulator.admin.inject(kind, ORDER)
        with pytest.raises(aiohttp.ClientError):
            await client.place("BUY", "59000.00", "0.01", newClientOrderId=f"rest-{kind}")
        assert placed(simulator, f"rest-{kind}") is done
        simulator.admin.inject(kind, "order.place")
        async with open_socket(client, simulator.websocket_api) as connection:
            await connection.call("userDataStream.subscribe.signature", client.api_parameters())
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "price": "59000.00",
                     "quantity": "0.01", "newClientOrderId": f"socket-{kind}"}  # fmt: skip
            with pytest.raises(ConnectionError):
                await connection.call("order.place", client.api_parameters(**order))
        assert placed(simulator, f"socket-{kind}") is done

    run(simulator, scenario)


def test_a_request_that_is_under_way_arrives_although_its_sender_has_hung_up(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        simulator.admin.inject("delay", ORDER, delay_ms=400)
        order = client.signed({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "price": "59000.00",
                               "quantity": "0.01", "newClientOrderId": "late"})  # fmt: skip
        headers = {"X-MBX-APIKEY": simulator.api_key, "Content-Type": "application/x-www-form-urlencoded"}
        url, patience = f"{simulator.rest}/api/v3/order", aiohttp.ClientTimeout(total=0.1)
        with pytest.raises(TimeoutError):
            await client.session.post(url, data=order, headers=headers, timeout=patience)
        assert not placed(simulator, "late")
        await asyncio.to_thread(until, lambda: placed(simulator, "late"), "it takes effect", 5)

    run(simulator, scenario)


@pytest.mark.parametrize(("kind", "done"), [("lost-answer", True), ("lost-request", False)])
def test_a_request_that_is_never_answered_leaves_the_connection_alive(
    simulator: SimulatorProcess, kind: str, *, done: bool
) -> None:
    async def scenario(client: BinanceClient) -> None:
        simulator.admin.inject(kind, ORDER)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.place("BUY", "59000.00", "0.01", newClientOrderId=f"mute-{kind}"), 0.5)
        assert placed(simulator, f"mute-{kind}") is done
        simulator.admin.inject(kind, "order.place")
        async with open_socket(client, simulator.websocket_api) as connection:
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "price": "59000.00",
                     "quantity": "0.01", "newClientOrderId": f"mute-socket-{kind}"}  # fmt: skip
            await connection.socket.send_json({"id": "mute", "method": "order.place",
                                               "params": client.api_parameters(**order)})  # fmt: skip
            await connection.socket.send_json({"id": "heard", "method": "ping"})
            assert (await connection.json())["id"] == "heard"
        assert placed(simulator, f"mute-socket-{kind}") is done

    run(simulator, scenario)


def test_a_garbled_answer_is_no_json_and_the_order_is_in(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        simulator.admin.inject("garbage", ORDER)
        with pytest.raises(json.JSONDecodeError):
            await client.place("BUY", "59000.00", "0.01", newClientOrderId="garbled")
        assert placed(simulator, "garbled")
        simulator.admin.inject("garbage", "ping")
        async with open_socket(client, simulator.websocket_api) as connection:
            await connection.socket.send_json({"id": 1, "method": "ping"})
            with pytest.raises(json.JSONDecodeError):
                await connection.json()

    run(simulator, scenario)


def test_a_market_frame_that_is_half_sent_ends_the_connection(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        async with open_socket(client, f"{simulator.stream}?streams=btcusdt@bookTicker") as connection:
            simulator.admin.inject("half-sent", "btcusdt@bookTicker")
            tick(simulator, "7")
            with pytest.raises((ConnectionError, aiohttp.ClientError)):
                await connection.text()

    run(simulator, scenario)


def test_a_lock_is_refused_where_no_venue_has_one(simulator: SimulatorProcess) -> None:
    with pytest.raises(AssertionError, match="only DeltaDeFi has a trading lock"):
        simulator.admin.inject("lock", seconds=5)
    with pytest.raises(AssertionError, match="a lock needs `seconds`"):
        simulator.admin.inject("lock")


def test_a_plan_that_cannot_be_followed_is_refused_with_what_is_wrong(simulator: SimulatorProcess) -> None:
    with pytest.raises(AssertionError, match="unknown field"):
        simulator.admin.follow_plan({"seed": 1, "rate": 0.5, "mach": "*"})
    simulator.admin.follow_plan({"seed": 1, "rate": 1, "kinds": ["http-5xx"], "match": "GET /api/v3/*"})
    try:

        async def scenario(client: BinanceClient) -> None:
            assert (await client.get("time")).status == 503

        run(simulator, scenario)
    finally:
        simulator.admin.forget_plan()


def test_a_delayed_request_takes_effect_later_and_holds_no_other_up(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        simulator.admin.inject("delay", "time", delay_ms=300)
        async with open_socket(client, simulator.websocket_api) as connection:
            started = time.monotonic()
            await connection.socket.send_json({"id": "slow", "method": "time"})
            await connection.socket.send_json({"id": "fast", "method": "ping"})
            assert [(await connection.json())["id"] for _ in range(2)] == ["fast", "slow"]
            assert time.monotonic() - started >= 0.3

    run(simulator, scenario)


def test_silence_stops_the_stream_while_the_connection_and_its_pongs_live_on(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        url = f"{simulator.stream}/ws/btcusdt@bookTicker"
        async with client.session.ws_connect(url, autoping=False) as connection:
            simulator.admin.inject("silence", "btcusdt@bookTicker", seconds=60)
            tick(simulator, "2", "3")
            await connection.ping(b"there?")
            message = await connection.receive(5)
            assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"there?")
            simulator.admin.clear_faults()
            tick(simulator, "4")
            assert quantity(json.loads((await connection.receive(5)).data)) == 4

    run(simulator, scenario)


def test_a_disconnect_cuts_the_connections_that_carry_the_stream(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        base = f"{simulator.stream}/ws"
        async with (
            open_socket(client, f"{base}/btcusdt@bookTicker") as cut,
            open_socket(client, f"{base}/btcusdt@trade") as kept,
            open_socket(client, simulator.websocket_api) as api,
        ):
            assert simulator.admin.inject("disconnect", "*@bookTicker") == {"cut": 1}
            with pytest.raises(ConnectionError):
                await cut.text()
            await kept.socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            assert (await kept.json())["id"] == 1
            assert simulator.admin.inject("disconnect", "ws-api") == {"cut": 1}
            with pytest.raises(ConnectionError):
                await api.text()

    run(simulator, scenario)


FRAMES: list[tuple[str, list[str]]] = [
    ("duplicate", ["5", "5", "6"]),
    ("reorder", ["6", "5"]),
    ("garbage", ["broken", "6"]),
    ("crossed-book", ["crossed", "6"]),
    ("delay", ["5", "6"]),
]


@pytest.mark.parametrize(("kind", "expected"), FRAMES, ids=[kind for kind, _ in FRAMES])
def test_a_stream_fault_changes_the_frames_it_says(simulator: SimulatorProcess, kind: str, expected: list[str]) -> None:
    async def scenario(client: BinanceClient) -> None:
        async with open_socket(client, f"{simulator.stream}/ws/btcusdt@bookTicker") as connection:
            simulator.admin.inject(kind, "btcusdt@bookTicker", count=1, delay_ms=200)
            started = time.monotonic()
            tick(simulator, "5", "6")
            assert [await described(connection) for _ in expected] == expected
            assert kind != "delay" or time.monotonic() - started >= 0.2

    run(simulator, scenario)


async def described(connection: Socket) -> str:
    """What a frame is: its bid quantity, "broken" or "crossed"."""
    text = await connection.text()
    try:
        frame = json.loads(text)
    except json.JSONDecodeError:
        return "broken"
    return "crossed" if float(frame["b"]) > float(frame["a"]) else f"{quantity(frame):g}"


def test_the_accounts_events_can_be_duplicated(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        async with open_socket(client, simulator.websocket_api) as connection:
            await connection.call("userDataStream.subscribe.signature", client.api_parameters())
            simulator.admin.inject("duplicate", "user")
            placed = await client.place("BUY", "59000.00", "0.01")
            reports = [await connection.event("executionReport") for _ in range(2)]
            assert [report["i"] for report in reports] == [placed.body["orderId"]] * 2

    run(simulator, scenario)


def test_the_clock_can_be_stepped(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        simulator.admin.inject("clock-step", step_ms=10_000)
        try:
            reply = await client.private("GET", "account")
            assert reply.body["code"] == -1021
        finally:
            simulator.admin.inject("clock-step", step_ms=-10_000)
        assert (await client.private("GET", "account")).status == 200

    run(simulator, scenario)


def test_a_fault_for_seconds_ends_by_itself(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        simulator.admin.inject("http-5xx", "GET /api/v3/*", seconds=1)
        assert (await client.get("time")).status == 503
        deadline = time.monotonic() + 5
        while (await client.get("time")).status == 503:
            assert time.monotonic() < deadline

    run(simulator, scenario)


def test_a_fault_that_does_not_exist_is_refused_with_what_there_is(simulator: SimulatorProcess) -> None:
    with pytest.raises(AssertionError, match="400"):
        simulator.admin.inject("earthquake")
    with pytest.raises(AssertionError, match="unknown field"):
        simulator.admin.inject("silence", sconds=3)


def test_a_client_that_reads_too_slowly_is_cut_off_and_the_others_are_not(simulator: SimulatorProcess) -> None:
    async def scenario(client: BinanceClient) -> None:
        path = "/ws/btcusdt@depth@100ms"
        deaf = socket.create_connection(("127.0.0.1", simulator.port))
        with deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            key = base64.b64encode(os.urandom(16)).decode()
            deaf.sendall(
                f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
            )
            async with client.session.ws_connect(f"http://127.0.0.1:{simulator.port}{path}", max_msg_size=0) as good:
                until(lambda: connections(simulator) == 2, "both are connected")
                for round_number in range(100):
                    big_diffs(simulator, round_number)
                    for _ in range(20):
                        assert (await good.receive(5)).type is aiohttp.WSMsgType.TEXT
                    if connections(simulator) == 1:
                        return
        raise AssertionError("2,000 large frames, and the deaf client is still connected")

    run(simulator, scenario)


def connections(simulator: SimulatorProcess) -> int:
    return int(simulator.admin.state()["counters"]["streamConnections"])


def big_diffs(simulator: SimulatorProcess, round_number: int) -> None:
    """20 diffs of 1,500 levels far from the market, each in a new update."""
    first = 1_000_000 + round_number * 20
    frames = []
    for update_id in range(first, first + 20):
        levels = [[f"{20_000 + level}.00", f"{1 + update_id % 7}"] for level in range(1500)]
        frames.append(depth_diff((update_id, update_id), levels, []))
    simulator.admin.play(frames)
