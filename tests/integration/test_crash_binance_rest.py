"""SIGKILL at every seam while each order is a REST request of its own, at Binance's simulator."""

import os
from pathlib import Path

import pytest

from harness.crash_venues import crashes_at_binance
from harness.shown import Shown

KILLS = int(os.environ.get("CRASH_KILLS", "40"))
SEED = int(os.environ.get("CRASH_SEED", "20240808"))


@pytest.mark.timeout(600 + 15 * KILLS)
def test_kills_around_orders_by_request_leave_nothing_doubled_lost_or_miscounted(tmp_path: Path, shown: Shown) -> None:
    with crashes_at_binance(tmp_path, SEED, rest_orders=True) as run:
        run.run(KILLS)
        run.show(shown, "Binance by REST", KILLS)
        assert not run.uncovered
        assert {"before POST order", "after POST order", "after DELETE order"} <= {point for _, point in run.killed_at}
