"""What the operator took for a moment is given back, by a real glibc in a process of its own."""

import platform
import subprocess
import sys

import pytest

# Blocks as TLS and listings take them, with something that stays between each two.
TAKE_AND_GIVE_BACK = """
import sys
from pathlib import Path
from tradingbot_operator import malloc

PAGE = 4096
def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE

assert sys.argv[1] == "as-it-is" or malloc.keep_little()
staying, before = [], resident()
for _ in range(2):
    blocks = []
    for _ in range(400):
        blocks.append(bytearray(b"x" * 200_000))
        staying.append(bytearray(b"x" * 2_000))
    del blocks
print(resident() - before)
"""
MOST = 30_000_000  # of 80 MB


def kept(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", TAKE_AND_GIVE_BACK, how], check=True, capture_output=True, text=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no mallopt")
def test_what_was_taken_for_a_moment_is_given_back() -> None:
    assert kept("keep-little") < MOST < kept("as-it-is")
