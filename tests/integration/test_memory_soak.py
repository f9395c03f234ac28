"""The short version of `make soak-memory`: under faults, on a replayed market, no task is left and memory stays."""

from pathlib import Path

import pytest

from harness.memory_soak import ORDERS, Soak, soak
from harness.shown import Shown
from harness.simulator import RECORDING

GROWN_MB = 4.0  # caches are not full yet: the slope needs the two hours of the soak


@pytest.mark.skipif(not RECORDING.exists(), reason="the recorded market is not beside the repository")
def test_a_bot_under_faults_leaves_no_task_and_grows_no_further(tmp_path: Path, shown: Shown) -> None:
    grown = soak(tmp_path, Soak(warmup_minutes=4, minutes=12, samples=24))
    told = "twelve simulated minutes of trading under faults"

    shown.at_most(f"{told}: tasks left", grown.tasks_leaked, "tasks", 0)
    shown.at_most(f"{told}: memory grown", grown.grown_mb, "MB", GROWN_MB)
    shown.at_least(f"{told}: kinds of faults", len(grown.faults), "kinds", 5)
    assert grown.samples[-1].orders - grown.samples[0].orders > ORDERS, "and it traded"
