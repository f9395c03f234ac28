"""What one call of something short costs."""

from collections.abc import Callable
from time import perf_counter_ns

BATCHES, BATCH = 200, 100


def cost_ns(call: Callable[[int], object], after: Callable[[], object] = lambda: None) -> float:
    """Nanoseconds of a call in the fastest tenth of the batches: in the others somebody else had the processor, too.

    `after` is done between them and not measured.
    """
    lasted = []
    for batch in range(BATCHES):
        began = perf_counter_ns()
        for number in range(BATCH):
            call(batch * BATCH + number)
        lasted.append((perf_counter_ns() - began) / BATCH)
        after()
    return sorted(lasted)[BATCHES // 10]
