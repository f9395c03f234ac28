"""What most tests of a real process begin with. A test that wants another market or another bot says so itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.control_plane import ControlPlane
from harness.dead_bot import killed_while_quoting
from harness.pod_process import PodProcess
from harness.runtime_process import STILL, RuntimeProcess, runtime
from harness.simulator import SimulatorProcess
from harness.trading_pod import trading_pod


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """A venue whose market stands still."""
    with SimulatorProcess(*STILL) as started:
        yield started


@pytest.fixture
def bot(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[RuntimeProcess]:
    """It quotes."""
    with runtime(tmp_path, simulator) as process:
        process.start().until_quoting()
        yield process


@pytest.fixture
def dead(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[RuntimeProcess]:
    """It was killed, and its orders are at the venue."""
    with killed_while_quoting(tmp_path / "bot", simulator) as bot:
        yield bot


@pytest.fixture
def pod(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, simulator: SimulatorProcess
) -> Iterator[PodProcess]:
    """A slot's process, mounted and not yet started."""
    with trading_pod(control_plane, namespace, tmp_path, simulator) as made:
        yield made
