"""A bot that is dead, and its orders are not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.runtime_process import RuntimeProcess, runtime
from harness.simulator import SimulatorProcess


@contextmanager
def killed_while_quoting(folder: Path, simulator: SimulatorProcess) -> Iterator[RuntimeProcess]:
    """It was killed with four orders in the market."""
    with runtime(folder, simulator) as bot:
        bot.start().until_quoting()
        bot.kill()
        yield bot
