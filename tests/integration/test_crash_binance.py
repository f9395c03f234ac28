"""SIGKILL at every commit, send and receive, at Binance's simulator: no duplicate, no orphan, its own profit."""

import os
from pathlib import Path

import pytest

from harness.crash_venues import crashes_at_binance
from harness.shown import Shown

KILLS = int(os.environ.get("CRASH_KILLS", "50"))
SEED = int(os.environ.get("CRASH_SEED", "20240808"))


@pytest.mark.timeout(600 + 15 * KILLS)
def test_kills_at_every_seam_leave_nothing_doubled_lost_or_miscounted(tmp_path: Path, shown: Shown) -> None:
    with crashes_at_binance(tmp_path, SEED) as run:
        run.run(KILLS)
        run.show(shown, "Binance", KILLS)
        assert not run.uncovered
