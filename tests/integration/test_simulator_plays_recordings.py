"""Recordings played by the real process: complete, in order, whatever is broken in them."""

import asyncio
import gzip
import json
import subprocess
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.binance_client import BinanceClient, binance_client, open_socket
from harness.exposition import sum_of
from harness.simulator import RECORDING, SimulatorProcess, book_ticker, depth_diff, trade, until

Frames = list[dict[str, Any]]
SECOND = 1_000_000_000


def written(path: Path, frames: Frames, step_ns: int = SECOND // 100) -> Path:
    """A recording of these frames, `step_ns` apart."""
    path.write_bytes(b"".join(line(frame, number * step_ns) for number, frame in enumerate(frames, 1)))
    return path


def line(frame: dict[str, Any], time_ns: int) -> bytes:
    return f"{1723161254 * SECOND + time_ns} {json.dumps(frame)}\n".encode()


def tops(count: int, first: int = 1) -> Frames:
    return [book_ticker(first + n, ("60000.00", f"{1 + n % 9}"), ("60000.01", "1")) for n in range(count)]


def ended(simulator: SimulatorProcess) -> bool:
    recording = simulator.admin.state()["recording"]
    return recording is not None and not recording["running"]


async def heard(simulator: SimulatorProcess, stream: str, count: int) -> list[dict[str, Any]]:
    """The first `count` frames of a stream."""
    async with binance_client(simulator) as client, open_socket(client, f"{simulator.stream}/ws/{stream}") as socket:
        return [await socket.json() for _ in range(count)]


@pytest.mark.skipif(not RECORDING.exists(), reason=f"{RECORDING.name} is not here")
def test_a_real_recording_reaches_a_client_complete_and_in_order() -> None:
    with gzip.open(RECORDING, "rt") as file:
        frames = [json.loads(text.partition(" ")[2]) for text in file]
    recorded = [frame["data"] for frame in frames if frame.get("stream") == "btcusdt@bookTicker"]
    with SimulatorProcess("--recording", str(RECORDING), "--speed", "100") as simulator:
        received = asyncio.run(heard(simulator, "btcusdt@bookTicker", 20_000))
        until(lambda: ended(simulator), "the recording has ended", 60)
        state = simulator.admin.state()
    start = [data["u"] for data in recorded].index(received[0]["u"])
    assert received == recorded[start : start + 20_000]
    assert state["counters"]["linesRead"] == state["counters"]["marketEvents"] == len(frames) == 41_249
    assert state["counters"]["skippedLines"] == {}
    assert state["symbols"]["BTCUSDT"]["bidPrice"] == recorded[-1]["b"]


def test_a_recording_that_waits_begins_with_its_first_listener(tmp_path: Path) -> None:
    frames = tops(500)
    with SimulatorProcess(
        "--recording", str(written(tmp_path / "short", frames)), "--speed", "max", "--wait"
    ) as simulator:
        assert simulator.admin.state()["counters"]["linesRead"] == 0
        received = asyncio.run(heard(simulator, "btcusdt@bookTicker", 500))
    assert [frame["u"] for frame in received] == list(range(received[0]["u"], received[0]["u"] + 500))


def test_at_full_speed_the_market_waits_for_its_clients(tmp_path: Path) -> None:
    path = written(tmp_path / "long", tops(8_000))
    with SimulatorProcess("--recording", str(path), "--speed", "max", "--loop") as simulator:
        ids = [frame["u"] for frame in asyncio.run(heard(simulator, "btcusdt@bookTicker", 12_000))]
    steps = {after - before for before, after in pairwise(ids)}
    assert 1 in steps
    assert steps <= {1, 1000}, "every id follows the one before, or a new round begins"


def test_a_recording_that_starts_over_goes_on_with_rising_ids_and_an_unbroken_diff_stream(tmp_path: Path) -> None:
    frames: Frames = []
    for number in range(1, 20):
        frames.append(depth_diff((number * 10, number * 10 + 9), [["59999.00", f"{number}"]], [["60010.00", "1"]]))
        frames.append(trade(number, "60001.00", "0.1", buyer_is_maker=True))
    path = written(tmp_path / "short", frames, SECOND // 10)
    with SimulatorProcess("--recording", str(path), "--speed", "100", "--loop") as simulator:
        diffs = asyncio.run(heard(simulator, "btcusdt@depth@100ms", 100))
        trades = asyncio.run(heard(simulator, "btcusdt@trade", 100))
    for before, after in pairwise(diffs):
        assert after["U"] == before["u"] + 1
        assert after["E"] >= before["E"]
    assert all(after["t"] > before["t"] for before, after in pairwise(trades))


def test_broken_lines_are_skipped_counted_and_logged_once_and_the_rest_is_played(tmp_path: Path) -> None:
    good = [line(frame, n * SECOND // 100) for n, frame in enumerate(tops(6), 1)]
    cut = good[2][:-50] + b"\n"
    wrong = good[3].replace(b'"60000.00"', b"60000.0")
    back = line(tops(1, 50)[0], -5 * SECOND)
    path = tmp_path / "broken"
    path.write_bytes(b"".join([*good[:2], b"\x00garbage\n", cut, cut, wrong, good[4], back, good[5][:-9]]))
    with SimulatorProcess("--recording", str(path)) as simulator:
        until(lambda: ended(simulator), "the recording has ended")
        state = simulator.admin.state()
        scraped = simulator.admin.metrics()
    assert sum_of(scraped, "simulator_recording_skipped_lines_total", reason="NotJson") == 3
    assert sum_of(scraped, "simulator_recording_clock_back_total") == 1
    counters = state["counters"]
    assert counters["skippedLines"] == {"NoTimeStamp": 1, "NotJson": 3, "WrongTypes": 1}
    assert (counters["clockBack"], counters["marketEvents"], counters["linesRead"]) == (1, 4, 9)
    assert state["symbols"]["BTCUSDT"]["updateId"] == 50
    logged = simulator.log
    assert logged.count("NotJson") == 2, "once as it happens, once in the totals at the end"
    assert "RecordingClockWentBack" in logged


def test_without_a_recording_in_the_folder_a_market_is_made_up(tmp_path: Path) -> None:
    with SimulatorProcess("--recording", str(tmp_path), "--symbol", "ADAUSDT") as simulator:
        first = asyncio.run(heard(simulator, "adausdt@bookTicker", 5))
        assert all(float(frame["b"]) < float(frame["a"]) for frame in first)
        assert simulator.admin.state()["recording"] is None


def test_a_compressed_recording_cut_in_the_middle_ends_there_and_the_exchange_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    data = gzip.compress(written(tmp_path / "whole", tops(20_000), 1).read_bytes())
    path.write_bytes(data[: len(data) // 2])
    with SimulatorProcess("--recording", str(path), "--speed", "max") as simulator:
        until(lambda: ended(simulator), "the recording has ended")
        counters = simulator.admin.state()["counters"]
        assert 0 < counters["marketEvents"] < 20_000
        assert counters["skippedLines"]["DamagedEnd"] == 1
        assert simulator.admin.identity()["simulator"] == "tradingbot"


@pytest.mark.parametrize("more", [(), ("--loop",), ("--speed", "max")])
def test_a_recording_without_a_usable_line_is_refused_with_one_line_and_nothing_listens(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    path = written(tmp_path / "other", [{"stream": "btcusdt@kline_1m", "data": {}}] * 5)
    command = (sys.executable, "-m", "tradingbot_runtime", "simulate", "--port", "0", "--recording", str(path), *more)
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert ended.returncode == 2, ended
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"--recording {path}: none of its 5 lines can be used (5 OtherStream); needed: ")


def test_a_recording_that_lost_its_market_while_it_was_played_over_and_over_ends_the_simulator_with_2(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "short", tops(20))
    with SimulatorProcess("--recording", str(path), "--loop", "--speed", "10") as simulator:
        path.write_bytes(b"")
        assert simulator.process is not None
        assert simulator.process.wait(20) == 2


async def placed_beside(client: BinanceClient, side: str, best: str, distance: Decimal) -> Decimal:
    """Place a post-only order at this distance; again where the market has come that far in the meantime."""
    for _ in range(50):
        price = Decimal((await client.get("ticker/bookTicker", symbol="BTCUSDT")).body[best]) + distance
        if (await client.place(side, f"{price}", "0.05")).status == 200:
            return price
    raise AssertionError(f"50 times {side} would have taken")


@pytest.mark.skipif(not RECORDING.exists(), reason=f"{RECORDING.name} is not here")
def test_orders_beside_the_recorded_market_are_filled_by_it_as_maker_at_their_own_price() -> None:
    async def scenario(simulator: SimulatorProcess) -> None:
        async with binance_client(simulator) as client:
            bid = await placed_beside(client, "BUY", "bidPrice", Decimal(-3))
            ask = await placed_beside(client, "SELL", "askPrice", Decimal(3))
            await asyncio.to_thread(until, lambda: len(simulator.admin.open_orders()) < 2, "one is filled", 30)
            trades = (await client.private("GET", "myTrades", symbol="BTCUSDT")).body
            assert trades
            for entry in trades:
                assert entry["isMaker"]
                assert Decimal(entry["price"]) == (bid if entry["isBuyer"] else ask)

    with SimulatorProcess("--recording", str(RECORDING), "--speed", "20") as simulator:
        until(lambda: float(simulator.admin.state()["symbols"]["BTCUSDT"]["bidPrice"]) > 0, "there is a market")
        asyncio.run(scenario(simulator))
