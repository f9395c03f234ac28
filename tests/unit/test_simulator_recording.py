"""Recordings: every broken line is passed over with its reason, and what is published stays one consistent book."""

import gzip
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.simulator import RECORDING, book_ticker, depth_diff, trade
from tradingbot_runtime.model import Lots, Ticks
from tradingbot_runtime.simulator.book import Book
from tradingbot_runtime.simulator.generated import GeneratedMarket, Shape
from tradingbot_runtime.simulator.instruments import listing
from tradingbot_runtime.simulator.market import MarketData
from tradingbot_runtime.simulator.market_events import (
    AnyMarketEvent,
    DepthChanged,
    DepthSnapshot,
    TopChanged,
    TradePrinted,
)
from tradingbot_runtime.simulator.recording import FrameReader, read_lines
from tradingbot_runtime.simulator.replay import MAX_WAIT_S, Pace

BTC = listing("BTCUSDT")
TOP = book_ticker(7, ("60000.00", "1.5"), ("60000.01", "2.00000000"))


def line(frame: dict[str, Any], time_ns: int = 1) -> bytes:
    return f"{time_ns} {json.dumps(frame)}\n".encode()


def broken(**changes: object) -> bytes:
    return line({"stream": TOP["stream"], "data": TOP["data"] | changes})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "NoTimeStamp"),
        (b"\n", "NoTimeStamp"),
        (b"hello world\n", "NoTimeStamp"),
        (b"-5 {}\n", "NoTimeStamp"),
        (b"99999999999999999999999999 {}\n", "NoTimeStamp"),
        (line(TOP)[:-40], "NotJson"),
        (b"1 \xff\xfe\n", "NotJson"),
        (b"1 {nonsense\n", "NotJson"),
        (b"1 [1, 2]\n", "WrongTypes"),
        (b"1 17\n", "WrongTypes"),
        (broken(u="seven"), "WrongTypes"),
        (broken(b=60000.0), "WrongTypes"),
        (broken(b=None), "WrongTypes"),
        (b'1 {"stream":"btcusdt@bookTicker"}\n', "NotJson"),
        (broken(b="NaN"), "OffTheGrid"),
        (broken(b="Infinity"), "OffTheGrid"),
        (broken(b="-1.00"), "OffTheGrid"),
        (broken(b="abc"), "OffTheGrid"),
        (broken(b="60000.001"), "OffTheGrid"),
        (broken(b="60001.00"), "CrossedTop"),
        (broken(B="0.00000000"), "EmptyTop"),
        (broken(s="ETHUSDT"), "OtherSymbol"),
        (line({"stream": "btcusdt@kline_1m", "data": {}}), "OtherStream"),
        (b'1 {"result":null,"id":1}\n', "OtherStream"),
        (b"1 " + b" " * 4_000_001, "LineTooLong"),
    ],
)
def test_a_line_that_cannot_be_used_is_passed_over_and_counted_by_its_reason(text: bytes, reason: str) -> None:
    reader = FrameReader([BTC])
    assert reader.line(text) is None
    assert reader.skipped == Counter({reason: 1})


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(garbage: bytes) -> None:
    reader = FrameReader([BTC])
    reader.line(garbage)
    reader.line(b"1 " + garbage)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                    max_leaves=10), st.sampled_from(["u", "s", "b", "B", "a", "A"]))  # fmt: skip
def test_no_json_value_in_any_field_crashes_the_reader(value: object, field: str) -> None:
    FrameReader([BTC]).line(broken(**{field: value}))


def test_frames_become_integers_of_the_instrument() -> None:
    reader = FrameReader([BTC])
    assert reader.line(line(TOP, 5)) == TopChanged(
        symbol="BTCUSDT",
        time_ns=5,
        update_id=7,
        bid=(6_000_000, 150_000),  # type: ignore[arg-type]  # plain integers read better here
        ask=(6_000_001, 200_000),  # type: ignore[arg-type]  # as above
    )
    assert isinstance(reader.line(line(trade(1, "60000.00", "0.1", buyer_is_maker=True))), TradePrinted)
    assert isinstance(reader.line(line(depth_diff((1, 2), [["60000.00", "0"]], []))), DepthChanged)
    assert isinstance(reader.line(line({"lastUpdateId": 1, "bids": [], "asks": []})), DepthSnapshot)
    assert not reader.skipped


def test_a_compressed_recording_that_was_cut_ends_where_it_was_cut(tmp_path: Path) -> None:
    whole = b"".join(line(TOP | {"n": number}) for number in range(5000))
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(whole)[:-2000])
    lines = list(read_lines(path))
    assert 0 < len(lines) < 5000
    assert b"".join(lines) == whole[: sum(map(len, lines))]


def test_a_compressed_recording_that_turns_to_garbage_ends_there(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(b"".join(line(TOP | {"n": number}) for number in range(5000))))
    data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
    path = tmp_path / "garbage"
    path.write_bytes(data)
    reader = FrameReader([BTC])
    assert sum(reader.line(text) is not None for text in read_lines(path)) < 5000


def test_a_plain_recording_cut_in_the_middle_of_a_line_loses_only_that_line(tmp_path: Path) -> None:
    path = tmp_path / "plain"
    path.write_bytes((line(TOP) * 3)[:-30])
    reader = FrameReader([BTC])
    events = [reader.line(text) for text in read_lines(path)]
    assert [event is None for event in events] == [False, False, True]


def test_a_folder_is_its_files_joined_in_name_order(tmp_path: Path) -> None:
    data = gzip.compress(b"".join(line(TOP | {"n": number}) for number in range(500)))
    for number, start in enumerate(range(0, len(data), 300)):
        (tmp_path / f"part-{number:03}").write_bytes(data[start : start + 300])
    (tmp_path / "..data").write_bytes(b"the mount's own")
    assert gzip.decompress(data) == b"".join(read_lines(tmp_path))


class FixedClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_pace_follows_the_recorded_time_divided_by_the_speed() -> None:
    clock = FixedClock()
    pace = Pace(10.0, clock)
    assert pace.wait_s(1_000_000_000) == 0
    assert pace.wait_s(3_000_000_000) == pytest.approx(0.2)
    clock.now += 0.2
    assert pace.wait_s(3_000_000_000) == pytest.approx(0)


def test_a_clock_that_goes_back_is_counted_and_nothing_waits_for_it_to_catch_up() -> None:
    pace = Pace(1.0, FixedClock())
    pace.wait_s(10_000_000_000)
    assert pace.wait_s(2_000_000_000) <= 0
    assert pace.clock_back == 1
    assert pace.wait_s(2_500_000_000) == pytest.approx(0.5)


def test_one_time_stamp_that_is_far_too_old_holds_nothing_up() -> None:
    pace = Pace(1.0, FixedClock())
    pace.wait_s(10**18)
    assert pace.wait_s(7) <= 0
    assert pace.wait_s(10**18 + 200_000_000) == pytest.approx(0.2)
    assert (pace.clock_back, pace.gaps_cut) == (1, 0)


def test_a_time_stamp_far_in_the_future_does_not_stop_the_market() -> None:
    pace = Pace(1.0, FixedClock())
    pace.wait_s(1_000_000_000)
    assert pace.wait_s(10**18) == MAX_WAIT_S
    assert pace.gaps_cut == 1


class Follower:
    """A client that keeps a book as Binance's documentation says: REST snapshot, then diffs without a gap."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.last_id = snapshot["lastUpdateId"]
        self.sides = {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}
        self.synchronised = False

    def apply(self, diff: dict[str, Any]) -> None:
        if diff["u"] <= self.last_id:
            return
        first_allowed = diff["U"] <= self.last_id + 1 if not self.synchronised else diff["U"] == self.last_id + 1
        assert first_allowed, f"gap: {diff['U']} after {self.last_id}"
        self.synchronised, self.last_id = True, diff["u"]
        for side, book in self.sides.items():
            for price, quantity in diff[side]:
                book.pop(price, None)
                if float(quantity):
                    book[price] = quantity


def follow(events: list[AnyMarketEvent], stream: str, join_every: int) -> int:
    """Clients that join at different times must all have the server's book after every diff; how many diffs."""
    book = Book()
    market = MarketData(BTC, book)
    followers: list[Follower] = []
    diffs = 0
    for number, event in enumerate(events):
        apply(book, event)
        for name, render in market.publish(event, 1):
            if name == f"btcusdt@{stream}":
                diff = render()
                diffs += 1
                for follower in followers:
                    follower.apply(diff)
                check(market, followers)
        if number % join_every == join_every // 2:
            followers = [*followers[-2:], Follower(market.depth(100_000))]
    return diffs


def apply(book: Book, event: AnyMarketEvent) -> None:
    if isinstance(event, TopChanged):
        book.apply_top(event)
    elif isinstance(event, DepthChanged):
        book.apply_depth(event)
    elif isinstance(event, DepthSnapshot):
        book.apply_snapshot(event)


def check(market: MarketData, followers: list[Follower]) -> None:
    synchronised = [follower for follower in followers if follower.synchronised]
    if synchronised:
        truth: dict[str, Any] = market.depth(100_000)
        for follower in synchronised:
            assert follower.sides == {"b": dict(truth["bids"]), "a": dict(truth["asks"])}


@pytest.mark.parametrize("stream", ["depth@100ms", "depth"])
def test_clients_that_follow_the_diffs_of_a_real_recording_all_have_the_servers_book(stream: str) -> None:
    if not RECORDING.exists():
        pytest.skip(f"{RECORDING.name} is not here")
    reader = FrameReader([BTC])
    lines = itertools.islice(read_lines(RECORDING), 1500)
    events = [event for text in lines if (event := reader.line(text)) is not None]
    assert follow(events, stream, 150) > (100 if stream == "depth@100ms" else 10)
    assert not reader.skipped


def test_a_top_that_is_newer_than_a_diff_holds_against_it() -> None:
    book = Book()
    bid, ask = (Ticks(102), Lots(1)), (Ticks(103), Lots(1))
    book.apply_top(TopChanged(symbol="X", time_ns=0, update_id=9, bid=bid, ask=ask))
    book.apply_depth(
        DepthChanged(
            symbol="X", time_ns=0, first_id=1, last_id=8, bids=((Ticks(102), Lots(7)),), asks=((Ticks(102), Lots(2)),)
        )
    )
    assert (list(book.bids), list(book.asks)) == ([bid], [ask])


def test_a_recording_that_lost_diffs_never_leaves_a_crossed_book() -> None:
    book = Book()
    for number, (bids, asks) in enumerate([([(100, 1)], [(101, 1), (103, 2)]), ([(102, 5)], []), ([], [(100, 3)])], 1):
        book.apply_depth(
            DepthChanged(symbol="X", time_ns=0, first_id=number, last_id=number, bids=tuple(bids), asks=tuple(asks))  # type: ignore[arg-type]  # plain integers read better
        )
    assert list(book.bids) == []
    assert list(book.asks) == [(100, 3), (103, 2)]
    assert book.uncrossed == 3


def test_clients_that_follow_a_recording_without_depth_have_its_tops() -> None:
    tops = [
        TopChanged(
            symbol="BTCUSDT",
            time_ns=number * 40_000_000,
            update_id=number,
            bid=(6_000_000 + number % 7, 1 + number % 3),  # type: ignore[arg-type]  # plain integers read better
            ask=(6_000_010 + number % 5, 1 + number % 4),  # type: ignore[arg-type]  # as above
        )
        for number in range(1, 400)
    ]
    assert follow(list(tops), "depth@100ms", 50) > 100


def test_a_generated_market_is_the_same_for_the_same_seed_and_never_crossed() -> None:
    first, second, other = (GeneratedMarket(BTC, seed, Shape(volatility=3.0)) for seed in (1, 1, 2))
    events = [event for step in range(500) for event in first.step(step * 50_000_000)]
    assert events == [event for step in range(500) for event in second.step(step * 50_000_000)]
    assert events != [event for step in range(500) for event in other.step(step * 50_000_000)]
    for event in events:
        if isinstance(event, TopChanged):
            assert event.bid[0] < event.ask[0]
    assert follow(events, "depth@100ms", 100) > 100


def test_a_generated_market_of_a_cheap_asset_has_a_spread_of_some_ticks() -> None:
    market = GeneratedMarket(listing("ADAUSDT"), 1, Shape())
    spreads = [
        event.ask[0] - event.bid[0]
        for step in range(300)
        for event in market.step(step)
        if isinstance(event, TopChanged)
    ]
    assert min(spreads) == 1
    assert max(spreads) <= 5


def test_a_generated_market_without_volatility_stands_still_and_only_prints_trades() -> None:
    market = GeneratedMarket(BTC, 1, Shape(volatility=0))
    first = [event for event in market.step(0) if isinstance(event, TopChanged)]
    events = [event for step in range(1, 300) for event in market.step(step * 50_000_000)]

    assert {(e.bid, e.ask) for e in events if isinstance(e, TopChanged)} == {(first[0].bid, first[0].ask)}
    assert first[0].ask[0] - first[0].bid[0] == 1
    assert not any(e.bids or e.asks for e in events if isinstance(e, DepthChanged))
    assert any(isinstance(e, TradePrinted) for e in events)
