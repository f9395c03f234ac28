"""The short version of `make soak-memory`: under faults, on a replayed market, no task is left and memory stays."""

from pathlib import Path

import pytest

from harness.memory_soak import ORDERS, Soak, soak
from harness.simulator import RECORDING

GROWN_MB = 4.0  # in twelve simulated minutes; caches are not full yet: the slope needs the two hours of the soak


@pytest.mark.skipif(not RECORDING.exists(), reason="the recorded market is not beside the repository")
def test_a_bot_under_faults_leaves_no_task_and_grows_no_further(tmp_path: Path) -> None:
    grown = soak(tmp_path, Soak(warmup_minutes=4, minutes=12, samples=24))
    print(f"memory {grown.grown_mb:+.1f} MB, tasks {grown.tasks_before} -> {grown.tasks_after}, faults {grown.faults}")  # noqa: T201

    assert grown.tasks_leaked <= 0
    assert grown.grown_mb <= GROWN_MB
    assert len(grown.faults) >= 5, "faults of several kinds did happen"
    assert grown.samples[-1].orders - grown.samples[0].orders > ORDERS, "and it traded"
