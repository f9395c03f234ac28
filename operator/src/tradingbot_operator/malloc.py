"""How glibc keeps memory: for a process that lives for months, and is not to keep what one listing took for a moment.

Constants: mallopt(3) and <malloc.h> of glibc. Elsewhere (musl) nothing is changed.
"""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
# Left to itself glibc raises both thresholds to the largest block that was ever given back (TLS has some of 256 KiB),
# and keeps what is below; and it has an arena for each thread, where all that they do is a scrape or a DNS question.
SETTINGS = ((M_TRIM_THRESHOLD, 1024 * 1024), (M_MMAP_THRESHOLD, 128 * 1024), (M_ARENA_MAX, 1))


def keep_little() -> bool:
    """Whether the C library has taken all of it."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(setting, value) == 1 for setting, value in SETTINGS)
