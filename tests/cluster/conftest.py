"""Fixtures on the local cluster, and the table of what was measured, printed at the end."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from harness.kind_cluster import CLUSTER, World, kubectl, world

MEASURED: list[tuple[str, str, str]] = []  # what, measured, limit


@pytest.fixture(scope="session")
def operator_installed() -> None:
    """The images are in the nodes (`make cluster-tests` loads them); install the operator of this very tree."""
    status = subprocess.run([CLUSTER, "status"], capture_output=True, text=True, check=False)
    assert status.returncode == 0, "the local cluster is not up: make cluster images-load"
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "manifests/install.yaml")
    kubectl("-n", "tradingbot-system", "rollout", "restart", "deployment/tradingbot-operator")
    kubectl("-n", "tradingbot-system", "rollout", "status", "deployment/tradingbot-operator", "--timeout=120s")


@pytest.fixture
def demo(operator_installed: None) -> Iterator[World]:  # noqa: ARG001 - the operator must be there first
    with world("e2e") as made:
        yield made


@pytest.fixture
def measure() -> Callable[[str, float, float, str], None]:
    """Note a number for the table, and hold it to its limit."""

    def note(what: str, value: float, limit: float, unit: str = "s") -> None:
        MEASURED.append((what, f"{value:.1f} {unit}", f"<= {limit:g} {unit}"))
        assert value <= limit, f"{what}: {value:.1f} {unit}, allowed {limit:g}"

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not MEASURED:
        return
    terminalreporter.section("measured on the local cluster")
    for what, value, limit in MEASURED:
        terminalreporter.write_line(f"{what:<72} {value:>10}   {limit}")
