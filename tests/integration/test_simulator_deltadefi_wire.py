"""DeltaDeFi's wire at the simulator: what refuses, what is limited, what locks, and each fault at a real socket."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from harness.deltadefi_client import SYMBOL, DeltaDeFiClient, deltadefi_client, stream
from harness.frames import Frames
from harness.simulator import Json, SimulatorProcess, book_ticker, depth_diff, trade, until

Scenario = Callable[[DeltaDeFiClient], Awaitable[None]]
OPTIONS = ("--empty", "--venue", "deltadefi", "--symbol", "ADAUSDT", "--deltadefi-widen", "0", "--deltadefi-share", "1")
SUBMIT, CANCEL = "POST /order/submit", "POST /order/{id}/cancel"
DEPTH, ACCOUNT = f"/market/depth/{SYMBOL}", "/accounts/stream"
UNANSWERED = (aiohttp.ClientError, TimeoutError)


def opened(process: SimulatorProcess) -> SimulatorProcess:
    bids, asks = [["0.3500", "1000"]], [["0.3510", "1000"]]
    process.admin.play([depth_diff((1, 9), bids, asks, "ADAUSDT")])
    return process


@pytest.fixture(scope="module")
def process() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*OPTIONS, "--deltadefi-calls-per-second", "100000", "--deltadefi-max-open-orders",
                          "1000") as started:  # fmt: skip
        yield opened(started)


@pytest.fixture
def simulator(process: SimulatorProcess) -> Iterator[SimulatorProcess]:
    yield process
    process.admin.clear_faults()
    process.admin.forget_plan()
    process.admin.unlock_trading()


def run(simulator: SimulatorProcess, scenario: Scenario) -> None:
    async def body() -> None:
        async with deltadefi_client(simulator) as client:
            await client.key()
            await asyncio.wait_for(scenario(client), 20)

    asyncio.run(body())


def impatient(client: DeltaDeFiClient, built: Json) -> Awaitable[object]:
    """A submit that waits for half a second."""
    return asyncio.wait_for(client.submit(built), 0.5)


def life(simulator: SimulatorProcess, order_id: str) -> str:
    return next(str(order["status"]) for order in simulator.admin.deltadefi_orders() if order["id"] == order_id)


def test_a_wrong_key_and_an_unknown_symbol_are_refused_with_the_venues_codes(simulator: SimulatorProcess) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        async with client.session.get(simulator.rest + "/accounts/balance", headers={"X-API-KEY": "no"}) as response:
            assert (response.status, await response.json()) == (401, {"error": "Unauthorized access", "code": 4010})
        assert (await client.get("/accounts/open-orders", symbol="NOPE")).code == 4106
        assert (await client.get("/accounts/open-orders")).code == 4000
        assert (await client.get("/accounts/trades", symbol=SYMBOL, limit="251")).code == 4000
        assert (await client.get(f"/market/graph/{SYMBOL}", interval="2h", start="1", end="2")).code == 4405
        assert (await client.get("/accounts/order-records", status="all")).code == 4404
        assert (await client.get("/accounts/order/nobodys")).code == 4200
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            async with stream(client, ACCOUNT, key="no"):
                pass
        with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
            async with stream(client, "/market/depth/NOPE"):
                pass

    run(simulator, scenario)


def test_lists_come_newest_first_in_pages(simulator: SimulatorProcess) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        placed = [await client.place(price=f"0.33{i:02}") for i in range(5)]
        listed = (await client.get("/accounts/open-orders", symbol=SYMBOL, limit="2")).body
        assert [order["id"] for order in listed] == placed[:2:-1]
        listed = (await client.get("/accounts/trade-orders", symbol=SYMBOL, limit="2", page="2")).body
        assert [order["id"] for order in listed] == placed[2:0:-1]
        records = (await client.get("/accounts/order-records", status="openOrder", limit="2")).body
        assert (records["total_count"], records["total_page"]) == (5, 3)
        assert (await client.post("/order/cancel-all", symbol=SYMBOL)).body["order_ids"] == placed
        refused = await client.post("/order/cancel-all", symbol=SYMBOL)
        assert (refused.status, refused.code) == (400, 4200)

    run(simulator, scenario)


def test_a_deposit_is_in_the_balance_the_stream_and_the_records(simulator: SimulatorProcess) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        async with stream(client, ACCOUNT) as account:
            await asyncio.to_thread(simulator.admin.deltadefi_deposit, "ADA", "1.5")
            told = await account.until(lambda event: event["sub_type"] == "balance")
            assert told["balance"][0]["asset_unit"] == ""
            assert isinstance(told["balance"][0]["free"], float)
        records = (await client.get("/accounts/deposit-records")).body
        assert records[0]["assets"] == [{"asset": "ada", "asset_unit": "", "qty": "1.5"}]
        assert (await client.get("/accounts/withdrawal-records")).body == []

    run(simulator, scenario)


def test_more_order_calls_than_allowed_are_4290_and_the_next_second_is_another_one() -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        replies = await asyncio.gather(*(client.build() for _ in range(30)))
        refused = [reply for reply in replies if reply.status != 200]
        assert refused
        assert {(reply.status, reply.code) for reply in refused} == {(429, 4290)}
        assert (await client.get("/accounts/balance")).status == 200
        await asyncio.to_thread(started.admin.inject, "clock-step", step_ms=1000)  # the venue counts by its own seconds
        assert (await client.build()).status == 200

    with SimulatorProcess(*OPTIONS, "--deltadefi-calls-per-second", "5") as started:
        run(opened(started), scenario)


def test_what_was_built_expires() -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        built = (await client.build()).body
        await asyncio.to_thread(started.admin.inject, "clock-step", step_ms=1000)
        assert (await client.submit(built)).code == 4300
        assert await client.status(built["order_id"]) == "building"

    with SimulatorProcess(*OPTIONS, "--deltadefi-build-expiry", "1") as started:
        run(opened(started), scenario)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("lost-answer", "open"), ("accept-then-drop", "open"), ("half-sent", "open"), ("lost-request", "building"),
     ("drop", "building")],
)  # fmt: skip
def test_a_submit_without_an_answer_is_in_or_not_as_the_fault_says(
    simulator: SimulatorProcess, fault: str, expected: str
) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        built = (await client.build()).body
        await asyncio.to_thread(simulator.admin.inject, fault, SUBMIT)
        with pytest.raises(UNANSWERED):
            await impatient(client, built)
        await asyncio.to_thread(until, lambda: life(simulator, built["order_id"]) == expected, expected)
        again = await client.submit(built)
        assert again.code == 4302 if expected == "open" else again.status == 200

    run(simulator, scenario)


def test_an_internal_error_after_accepting_has_the_venues_code_and_the_order_is_in(simulator: SimulatorProcess) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        built = (await client.build()).body
        await asyncio.to_thread(simulator.admin.inject, "accept-then-5xx", SUBMIT)
        reply = await client.submit(built)
        assert (reply.status, reply.code) == (400, 5000)
        assert await client.status(built["order_id"]) in ("processing", "open")

    run(simulator, scenario)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("429", 429, 4290), ("tx-expired", 400, 4300), ("utxo-spent", 400, 4301), ("http-5xx", 503, None)],
)
def test_a_submit_that_is_refused_is_not_in(
    simulator: SimulatorProcess, fault: str, status: int, code: int | None
) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        built = (await client.build()).body
        await asyncio.to_thread(simulator.admin.inject, fault, SUBMIT)
        reply = await client.submit(built)
        assert reply.status == status
        assert code is None if reply.body is None else reply.code == code
        assert await client.status(built["order_id"]) == "building"

    run(simulator, scenario)


def test_a_garbled_answer_is_half_of_the_json(simulator: SimulatorProcess) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        await asyncio.to_thread(simulator.admin.inject, "garbage", "GET /accounts/balance")
        assert await client.get("/accounts/balance") == type(await client.get("/health/trading-lock-status"))(200, None)

    run(simulator, scenario)


def test_faults_name_a_cancel_by_its_route(simulator: SimulatorProcess) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        order_id = await client.place()
        await asyncio.to_thread(simulator.admin.inject, "lost-answer", CANCEL)
        with pytest.raises(UNANSWERED):
            await asyncio.wait_for(client.post(f"/order/{order_id}/cancel"), 0.5)
        assert await client.status(order_id) == "cancelled"

    run(simulator, scenario)


def move(simulator: SimulatorProcess, quantity: str) -> None:
    """The best bid has another quantity."""
    number = simulator.admin.state()["symbols"]["ADAUSDT"]["updateId"]
    simulator.admin.play([book_ticker(number + 1, ("0.3500", quantity), ("0.3510", "1000"), "ADAUSDT")])


async def best_bid(frames: Frames, quantity: int) -> Json:
    return dict(await frames.until(lambda book: bool(book["bids"][0]["quantity"] == quantity)))


async def moving(simulator: SimulatorProcess, frames: Frames) -> None:
    """Twenty moves of the book, each of which is to arrive."""
    for number in range(20):
        await asyncio.to_thread(move, simulator, str(500 + number))
        await frames.json()


@pytest.mark.parametrize("fault", ["disconnect", "half-sent"])
def test_a_stream_that_is_cut_ends_and_another_begins_with_the_book_as_it_is(
    simulator: SimulatorProcess, fault: str
) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        async with stream(client, DEPTH) as frames:
            await frames.json()
            await asyncio.to_thread(simulator.admin.inject, fault, "/market/depth/*")
            with pytest.raises((ConnectionError, aiohttp.ClientError)):
                await moving(simulator, frames)
        await asyncio.to_thread(move, simulator, "444")
        async with stream(client, DEPTH) as frames:
            assert (await frames.json())["bids"][0]["quantity"] == 444

    run(simulator, scenario)


def test_a_silent_stream_lives_on_and_speaks_again(simulator: SimulatorProcess) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        async with stream(client, DEPTH) as frames:
            await frames.json()
            await asyncio.to_thread(simulator.admin.inject, "silence", "/market/depth/*", count=1)
            await asyncio.to_thread(move, simulator, "601")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(frames.json(), 0.4)
            await asyncio.to_thread(move, simulator, "602")
            await best_bid(frames, 602)

    run(simulator, scenario)


def test_a_crossed_book_is_sent_as_such(simulator: SimulatorProcess) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        async with stream(client, DEPTH) as frames:
            await frames.json()
            await asyncio.to_thread(simulator.admin.inject, "crossed-book", "/market/depth/*")
            await asyncio.to_thread(move, simulator, "603")
            book = await frames.json()
            assert book["bids"][0]["price"] > book["asks"][0]["price"]

    run(simulator, scenario)


def test_the_accounts_events_can_be_doubled_and_garbled(simulator: SimulatorProcess) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        async with stream(client, ACCOUNT) as account:
            await asyncio.to_thread(simulator.admin.inject, "duplicate", ACCOUNT)
            order_id = (await client.build()).body["order_id"]
            first, second = await account.json(), await account.json()
            assert first == second
            assert first["order"]["id"] == order_id
            await asyncio.to_thread(simulator.admin.inject, "garbage", ACCOUNT)
            await client.build()
            with pytest.raises(json.JSONDecodeError):
                await account.json()

    run(simulator, scenario)


def test_while_locked_nothing_trades_and_an_order_on_its_way_waits(simulator: SimulatorProcess) -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        resting = await client.place("sell", "0.3508")
        built = (await client.build()).body
        await asyncio.to_thread(simulator.admin.inject, "lock", seconds=60)
        assert (await client.get("/health/trading-lock-status")).body == {"locked": True}
        for reply in (await client.build(), await client.submit(built), await client.post(f"/order/{resting}/cancel"),
                      await client.post("/order/cancel-all", symbol=SYMBOL)):  # fmt: skip
            assert reply.code == 5002
        through = trade(90, "0.3510", "5000", buyer_is_maker=False, symbol="ADAUSDT")
        await asyncio.to_thread(simulator.admin.play, [through])
        assert await client.status(resting) == "open"
        await asyncio.to_thread(simulator.admin.unlock_trading)
        assert (await client.get("/health/trading-lock-status")).body == {"locked": False}
        await asyncio.to_thread(move, simulator, "700")
        assert (await client.get(DEPTH)).body["bids"][0]["quantity"] == 700
        assert (await client.post(f"/order/{resting}/cancel")).body == {"order_id": resting}

    run(simulator, scenario)


def test_a_lock_that_comes_by_schedule_is_announced_by_the_hydra_cycle() -> None:
    async def scenario(client: DeltaDeFiClient) -> None:
        cycle = (await client.get("/app/hydra-cycle")).body
        assert cycle["start"] < cycle["end"]
        await asyncio.to_thread(started.admin.inject, "clock-step", step_ms=55_000)
        assert (await client.build()).code == 5002
        await asyncio.to_thread(started.admin.inject, "clock-step", step_ms=10_000)
        assert (await client.build()).status == 200

    with SimulatorProcess(*OPTIONS, "--hydra-cycle", "60", "--hydra-lock", "10") as started:
        run(opened(started), scenario)


PLAN = {"seed": 11, "rate": 0.3, "match": "* /order/*", "delayMs": 3,
        "kinds": ["http-5xx", "accept-then-5xx", "drop", "delay", "429", "tx-expired", "garbage"]}  # fmt: skip


async def told(client: DeltaDeFiClient) -> list[object]:
    """How sixty builds and submits end, and which ids they get."""
    ends: list[object] = []
    for _ in range(60):
        try:
            built = await client.build()
            ends.append(built.status)
            if built.body is not None and "tx_hex" in built.body:
                ends.append(built.body["order_id"])
                ends.append((await client.submit(built.body)).status)
        except UNANSWERED:
            ends.append("cut")
    return ends


def test_the_same_plan_gives_the_same_requests_the_same_fates_in_two_processes() -> None:
    ends: list[list[object]] = []

    async def scenario(client: DeltaDeFiClient) -> None:
        ends.append(await told(client))

    for _ in range(2):
        with SimulatorProcess(*OPTIONS, "--deltadefi-calls-per-second", "100000", "--first-id", "1") as started:
            opened(started).admin.follow_plan(PLAN)
            run(started, scenario)
            assert set(started.admin.injected()) == set(PLAN["kinds"])  # type: ignore[call-overload]  # the list above
    assert ends[0] == ends[1]
    assert {200, 400, 429, 503, "cut"} <= set(ends[0])


def test_a_plan_on_the_command_line_is_followed_from_the_first_request() -> None:
    plan = "seed=3,rate=1,kinds=http-5xx,match=GET /accounts/balance"

    async def scenario(client: DeltaDeFiClient) -> None:
        assert (await client.get("/accounts/balance")).status == 503
        assert (await client.get("/app/market-config")).status == 200

    with SimulatorProcess(*OPTIONS, "--fault-plan", plan) as started:
        run(opened(started), scenario)


def test_beside_a_recording_of_another_symbol_its_market_is_made_up(tmp_path: Path) -> None:
    recording = tmp_path / "btc"
    snapshot = {"lastUpdateId": 77, "bids": [["60000.00", "1"]], "asks": [["60010.00", "1"]]}  # it names no symbol
    recording.write_text(f"1000000000000000000 {json.dumps(snapshot)}\n")

    async def scenario(client: DeltaDeFiClient) -> None:
        async with stream(client, DEPTH) as frames:
            await frames.until(lambda book: bool(book["bids"] and book["asks"]))

    with SimulatorProcess("--venue", "deltadefi", "--recording", str(recording)) as started:
        run(started, scenario)
        assert started.admin.state()["symbols"]["BTCUSDT"]["updateId"] == 77
