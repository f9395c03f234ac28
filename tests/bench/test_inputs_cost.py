"""What recording an event costs on the tick path, and a commit its mark."""

from pathlib import Path

from harness.cost import BATCH, BATCHES, cost_ns
from harness.engines import tick, trading
from harness.shown import Shown
from tradingbot_runtime.inputs.lines import Leaving
from tradingbot_runtime.inputs.recorder import Recorder
from tradingbot_runtime.inputs.segments import SegmentWriter
from tradingbot_runtime.journal.mark import Mark, write_mark

NOW = 1_767_225_600_000_000_000


def test_recording_an_event_costs_the_tick_path_at_most_3_microseconds(tmp_path: Path, shown: Shown) -> None:
    budget = trading().budget
    recorder = Recorder(SegmentWriter(tmp_path, 2**28, free_floor=0), lambda _: [Leaving()])
    recorder.drain()
    events = [tick(NOW + number) for number in range(BATCHES * BATCH)]

    recording = cost_ns(lambda number: recorder.handled("btc", events[number], budget), recorder.drain)
    recorder.close()

    assert recorder.missed_in_all == 0
    shown.at_most("recording an event, on the tick path", recording, "ns", 3_000)


def test_marking_a_commit_costs_less_than_a_tenth_of_one(tmp_path: Path, shown: Shown) -> None:
    with (tmp_path / "lock").open("wb") as lock:
        marking = cost_ns(lambda number: write_mark(lock.fileno(), Mark(boot="b" * 36, epoch=3, events=number)))

    shown.at_most("marking a commit", marking, "ns", 10_000)
