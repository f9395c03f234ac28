"""How long processes have waited for a processor that another had: what a number is not to blame the product for."""

from collections.abc import Iterable
from pathlib import Path

NS_PER_TICK = 10**7  # of /proc/stat: USER_HZ is 100 on every Linux that we run on
STEAL = 8  # the column of /proc/stat's first line; the first is the line's name


def waited_ns(pids: Iterable[int]) -> int:
    """Of all their threads since they began, and what the host took from the whole machine since it started.

    The second number of schedstat is the time spent on a run queue (Documentation/scheduler/sched-stats.rst).
    """
    queued = sum(
        int(path.read_text().split()[1]) for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat")
    )
    (stolen,) = Path("/proc/stat").read_text().split(maxsplit=STEAL + 1)[STEAL : STEAL + 1]
    return queued + int(stolen) * NS_PER_TICK
