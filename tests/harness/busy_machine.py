"""Shows beside a failed test what else the machine did: a deadline that a busy machine missed looks like a defect."""

import os
import time
from collections.abc import Generator
from contextlib import suppress

import psutil
import pytest

LOOK_S = 0.5
SHOWN = 8
MB = 1024 * 1024


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections.append(("the machine", picture()))
    return report


def picture() -> str:
    """Load, memory, and the processes that have used the most of the processors within half a second."""
    before = _seconds_by_process()
    time.sleep(LOOK_S)  # what is measured is this half second
    used = {process: seconds - before.get(process, seconds) for process, seconds in _seconds_by_process().items()}
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    lines = [f"load {load}; {psutil.virtual_memory().available // MB} MB of memory left; {len(used)} processes"]
    busy = [process for process in used if used[process] > 0]
    for process in sorted(busy, key=lambda process: -used[process])[:SHOWN]:
        with suppress(psutil.Error):
            command = " ".join(process.cmdline()) or process.name()
            lines.append(f"{used[process] / LOOK_S:4.0%} nice {process.nice():3} {process.pid} {command[:120]}")
    return "\n".join(lines)


def _seconds_by_process() -> dict[psutil.Process, float]:
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            times = process.cpu_times()
            found[process] = times.user + times.system
    return found
