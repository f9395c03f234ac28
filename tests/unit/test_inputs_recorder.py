"""Recording inputs: bounded, off the tick path, and a gap is said to be one."""

import gzip
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.engines import tick, trading
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.inputs import recorder as recording
from tradingbot_runtime.inputs.lines import Leaving, Line
from tradingbot_runtime.inputs.recorder import AGAIN_AFTER, Recorder
from tradingbot_runtime.inputs.segments import SegmentWriter, read_lines, segments
from tradingbot_runtime.model import Nanos

CAP = 16 * 2**20
MARKET = "btc"


class Marker(Line, frozen=True, kw_only=True):
    """Stands in a segment for the snapshot that it begins with."""

    missed: int


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    made = Recorder(SegmentWriter(tmp_path / "inputs", CAP, free_floor=0), lambda missed: [Marker(missed=missed)])
    yield made
    made.close()


@pytest.fixture
def budget() -> Budget:
    return trading().budget


def settle(recorder: Recorder) -> None:
    """Let the thread finish what it was given."""
    if recorder._busy is not None:  # noqa: SLF001 - the only way to wait for it
        recorder._busy.exception(5)  # noqa: SLF001 - as above


def kinds(segment: Path) -> list[str]:
    return [json.loads(line)["type"] for line in read_lines(segment)]


def test_events_come_back_in_their_order_behind_the_snapshot(tmp_path: Path, budget: Budget) -> None:
    recorder = Recorder(SegmentWriter(tmp_path, CAP, free_floor=0), lambda missed: [Marker(missed=missed)])
    recorder.drain()
    recorder.handled(MARKET, tick(1), budget)
    recorder.applied(MARKET, tick(2))
    recorder.drain()
    recorder.note(Leaving())
    recorder.close()

    [segment] = segments(tmp_path)
    assert kinds(segment) == ["Marker", "BudgetChanged", "Handled", "Applied", "Leaving"]
    assert len(gzip.decompress(segment.read_bytes()).splitlines()) == 5, "a whole gzip file"
    assert segment.stat().st_mode & 0o777 == 0o600


def test_a_budget_is_noted_when_something_else_than_the_engine_has_changed_it(
    recorder: Recorder, tmp_path: Path, budget: Budget
) -> None:
    recorder.drain()
    recorder.handled(MARKET, tick(1), budget)
    budget.take(Nanos(1))  # by the engine
    recorder.sent((), budget)
    recorder.handled(MARKET, tick(2), budget)
    budget.block(Nanos(9))  # by the venue's word
    recorder.handled(MARKET, tick(3), budget)
    recorder.close()

    assert kinds(segments(tmp_path / "inputs")[0]) == [
        "Marker", "BudgetChanged", "Handled", "Sent", "Handled", "BudgetChanged", "Handled"
    ]  # fmt: skip


def test_a_full_buffer_drops_events_counts_them_and_begins_a_new_segment(
    recorder: Recorder, tmp_path: Path, budget: Budget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MOST_BUFFERED", 1_000)
    recorder.drain()
    for number in range(100):
        recorder.handled(MARKET, tick(number + 1), budget)
    recorder.drain()
    settle(recorder)
    recorder.handled(MARKET, tick(200), budget)
    recorder.drain()
    recorder.close()

    first, second = segments(tmp_path / "inputs")
    kept = kinds(first).count("Handled")
    assert 0 < kept < 20
    assert json.loads(next(read_lines(second)))["missed"] == 100 - kept
    assert kinds(second)[-1] == "Handled"
    assert recorder.missed_in_all == 100 - kept


def test_a_volume_that_is_too_full_stops_the_recording_and_not_the_bot(tmp_path: Path, budget: Budget) -> None:
    writer = SegmentWriter(tmp_path, CAP, free_floor=2**60)
    recorder = Recorder(writer, lambda missed: [Marker(missed=missed)])
    recorder.drain()
    recorder.handled(MARKET, tick(1), budget)
    for _ in range(3):
        recorder.drain()
        settle(recorder)
    assert segments(tmp_path) == []
    writer.free_floor = 0
    for _ in range(AGAIN_AFTER + 2):
        recorder.handled(MARKET, tick(2), budget)
        recorder.drain()
        settle(recorder)
    recorder.close()

    [segment] = segments(tmp_path)
    assert json.loads(next(read_lines(segment)))["missed"] >= AGAIN_AFTER


def test_the_oldest_segments_are_dropped_and_the_cap_holds(tmp_path: Path) -> None:
    cap = 64 * 1024
    writer = SegmentWriter(tmp_path, cap, free_floor=0)
    for number in range(200):
        if not number or writer.is_full:
            writer.start()
        writer.write(random.Random(number).randbytes(1024))  # noqa: S311 - what does not compress
        assert sum(path.stat().st_size for path in segments(tmp_path)) <= cap
    writer.close()

    names = [path.name for path in segments(tmp_path)]
    assert len(names) > 2
    assert names[0] != "0000000001.jsonl.gz", "the first ones are gone"


def test_numbers_go_on_over_lives(tmp_path: Path) -> None:
    for _ in range(3):
        writer = SegmentWriter(tmp_path, CAP, free_floor=0)
        writer.start()
        writer.write(b"{}\n")
        writer.close()

    assert [path.name for path in segments(tmp_path)] == [f"{n:010}.jsonl.gz" for n in (1, 2, 3)]


def test_a_segment_that_was_cut_short_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, CAP, free_floor=0)
    writer.start()
    for number in range(50):
        writer.write(f'{{"n":{number}}}\n'.encode())
    [segment] = segments(tmp_path)
    whole = segment.read_bytes()
    read = []
    for cut in range(0, len(whole) + 1, 7):
        segment.write_bytes(whole[:cut])
        read.append(len(list(read_lines(segment))))
    writer.close()

    assert read == sorted(read)
    assert (read[0], read[-1]) == (0, 50) or read[-1] >= 49


def test_no_writer_records_nothing_and_a_cap_of_nothing_ends_it(tmp_path: Path, budget: Budget) -> None:
    nothing = Recorder()
    nothing.handled(MARKET, tick(1), budget)
    nothing.drain()
    nothing.close()
    recorder = Recorder(SegmentWriter(tmp_path, 0), lambda missed: [Marker(missed=missed)])
    recorder.drain()
    recorder.handled(MARKET, tick(1), budget)
    recorder.close()

    assert segments(tmp_path) == []


def test_a_state_that_cannot_be_kept_stops_the_recording_and_not_the_bot(tmp_path: Path, budget: Budget) -> None:
    def no_snapshot(_: int) -> list[Line]:
        raise NotImplementedError("a snapshot cannot hold this")

    recorder = Recorder(SegmentWriter(tmp_path, CAP, free_floor=0), no_snapshot)
    for number in range(5):
        recorder.drain()
        recorder.handled(MARKET, tick(number + 1), budget)
    recorder.close()

    assert segments(tmp_path) == []
    assert recorder.missed == 5


@pytest.mark.parametrize("damage", [lambda _: b"junk\n", lambda whole: whole[:40] + b"\0" * 20 + whole[60:]],
                         ids=["something else", "in its middle"])  # fmt: skip
def test_a_damaged_segment_is_no_short_one(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    segment = tmp_path / "0000000001.jsonl.gz"
    whole = gzip.compress(b"".join(b'{"line": %d}\n' % number for number in range(200)))
    segment.write_bytes(damage(whole))

    with pytest.raises(ValueError, match="damaged"):
        list(read_lines(segment))
