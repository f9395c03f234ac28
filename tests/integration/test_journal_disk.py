"""A disk that refuses an fsync ends the bot: its orders are cancelled, and no journal in doubt is gone on with."""

from pathlib import Path

from harness.runtime_process import STILL, ours_at_venue, runtime
from harness.simulator import SimulatorProcess

# Loaded by the interpreter of the bot's process: the one thing that no test can bring about is a disk that breaks.
BREAKABLE = """\
import os
from pathlib import Path
real = os.fdatasync
def fdatasync(descriptor):
    if Path(os.environ["BROKEN_DISK"]).exists():
        raise OSError(5, "Input/output error")
    real(descriptor)
os.fdatasync = fdatasync
"""


def test_a_failed_fsync_ends_the_process_with_its_orders_cancelled(tmp_path: Path) -> None:
    broken, site = tmp_path / "broken", tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(BREAKABLE)
    environment = {"PYTHONPATH": str(site), "BROKEN_DISK": str(broken)}
    with (
        SimulatorProcess(*STILL) as simulator,
        runtime(tmp_path / "bot", simulator, environment=environment) as bot,
    ):
        bot.start()
        bot.until_quoting()
        broken.touch()
        simulator.admin.deposit("USDT", "1")  # whatever is journalled next meets the disk
        simulator.admin.inject("disconnect", "user")

        assert bot.wait() == 1

        assert "the journal's fsync failed: [Errno 5] Input/output error" in bot.logged("Failed")[0]["message"]
        assert ours_at_venue(bot) == set()
