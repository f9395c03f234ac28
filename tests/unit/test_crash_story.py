"""All state dropped at a boundary, the journal's files as a kill leaves them: what comes after knows everything.

`CRASH_DROPS` says how many drops are tried: a few in `make check`, 2,000 in `make test`, 20,000 in `make soak`
(hack/soak/crashes.py). A failure prints the seed of its story, the drop, its point and the command that repeats it.
"""

import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from harness.crash_story import CrashStory

DROPS = int(os.environ.get("CRASH_DROPS", "60"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
A_STORY = 10  # drops
ENOUGH = 60  # drops that come by every point
MEMORY = Path("/dev/shm")  # noqa: S108 - a commit's fsync costs nothing there; real kills use disks


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def test_state_dropped_at_any_boundary_is_found_again_from_the_files_as_they_are() -> None:
    points: Counter[str] = Counter()
    for seed in range(SEED, SEED + -(-DROPS // A_STORY)):
        folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        try:
            story = CrashStory(folder, seed)
            story.run(A_STORY)
            points += story.boundaries.dropped_at
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    assert points.total() >= DROPS
    expected = {"before commit", "after commit", "before send", "after send", "before event", "after event"}
    assert DROPS < ENOUGH or expected <= points.keys()
