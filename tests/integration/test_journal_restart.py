"""A bot with a long past is back in the market within seconds."""

import time
from pathlib import Path

from harness.large_journal import grow
from harness.runtime_process import MARKET, STILL, rows, runtime
from harness.shown import Shown
from harness.simulator import SimulatorProcess

ORDERS = 100_000


def test_a_restart_with_100_000_orders_in_the_journal_is_active_within_5_seconds(tmp_path: Path, shown: Shown) -> None:
    with SimulatorProcess(*STILL) as simulator, runtime(tmp_path / "bot", simulator) as bot:
        bot.start()
        bot.until_quoting()
        bot.kill()
        grow(bot.journal, MARKET, ORDERS)
        assert rows(bot.journal, "SELECT count(*) FROM orders")[0][0] >= ORDERS

        began = time.monotonic()
        bot.start()
        bot.until(lambda state: state["state"] == "Active", "active", 30.0)
        took = time.monotonic() - began

        shown.at_most(f"restart with {ORDERS:,} orders in the journal -> ACTIVE", took, "s", 5.0)
