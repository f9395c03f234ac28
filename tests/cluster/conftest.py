"""Fixtures on the local cluster, and the table of what was measured, printed at the end."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from statistics import fmean

import pytest

from harness.kind_cluster import World, install_operator, world

MEASURED = "measured"
ADDITIONS, ADDITIONS_S = 2_000_000, 0.045  # seconds for an empty loop of so many, with both cores idle
LOOK_S = 0.5
STRETCH_MOST = 2.0  # a part of what keeps the machine busy is the bot that is measured


@pytest.fixture(scope="session")
def operator_installed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Once, however many workers there are."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own  # of this run, and of no earlier one
    with (shared / "operator.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (shared / "operator.installed").exists():
            return
        install_operator()
        (shared / "operator.installed").touch()


@pytest.fixture
def demo(operator_installed: None) -> Iterator[World]:  # noqa: ARG001 - the operator must be there first
    with world("e2e") as made:
        yield made


@pytest.fixture
def measure(record_property: Callable[[str, object], None]) -> Iterator[Callable[[str, float, float, str], None]]:
    """Note a number for the table, and hold it to its limit; one of seconds stretches with the machine."""

    def note(what: str, value: float, limit: float, unit: str = "s") -> None:
        times = min(max(1.0, fmean(slowness)), STRETCH_MOST) if unit == "s" else 1.0
        beside = f" x {times:.1f}, so busy is the machine" if times > 1 else ""
        record_property(MEASURED, f"{what:<66} {value:>7.1f} {unit}   <= {limit:g} {unit}{beside}")
        assert value <= limit * times, f"{what}: {value:.1f} {unit}, allowed {limit:g}{beside}"

    slowness, ended = [how_slow()], threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK_S):
            slowness.append(how_slow())

    watching = threading.Thread(target=watch, name="how busy the machine is")
    watching.start()
    yield note
    ended.set()
    watching.join()


def how_slow() -> float:
    """How many times longer than on an idle machine a fixed piece of work takes at the moment."""
    began = time.perf_counter()
    for _ in range(ADDITIONS):
        pass
    return (time.perf_counter() - began) / ADDITIONS_S


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    rows = [value for report in reports for name, value in report.user_properties if name == MEASURED]
    if rows:
        terminalreporter.section("measured on the local cluster")
        for row in rows:
            terminalreporter.write_line(str(row))
