"""SIGKILL at every commit, build, submit and receive, at DeltaDeFi's simulator, where orders have no ids of ours."""

import os
from pathlib import Path

import pytest

from harness.crash_venues import crashes_at_deltadefi
from harness.shown import Shown

KILLS = int(os.environ.get("CRASH_KILLS", "50"))
SEED = int(os.environ.get("CRASH_SEED", "20240808"))


@pytest.mark.timeout(600 + 15 * KILLS)
def test_kills_at_every_seam_of_two_phases_leave_nothing_doubled_lost_or_miscounted(
    tmp_path: Path, shown: Shown
) -> None:
    with crashes_at_deltadefi(tmp_path, SEED) as run:
        run.run(KILLS)
        run.show(shown, "DeltaDeFi", KILLS)
        assert not run.uncovered
