"""The bench's C programs, built on the spot into the cache folder."""

import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent
BUILD = SOURCES.parents[1] / ".cache" / "bench"
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic")
PROGRAMS = {
    "venue": ("venue.c", "arrival.c", "orders.c", "latencies.c", "websocket.c"),
    "floor_client": ("floor_client.c", "websocket.c"),
}


class NoCompiler(Exception):
    """There is no C compiler here."""


def build() -> None:
    """Compile what is older than a source. Raises NoCompiler, and CalledProcessError when it does not compile."""
    newest = max(path.stat().st_mtime_ns for path in SOURCES.glob("*.[ch]"))
    BUILD.mkdir(parents=True, exist_ok=True)
    for name, sources in PROGRAMS.items():
        program = BUILD / name
        if program.exists() and program.stat().st_mtime_ns > newest:
            continue
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise NoCompiler("the bench needs a C compiler: apt-get install gcc libc6-dev")
        subprocess.run([compiler, *FLAGS, "-o", program, *(SOURCES / s for s in sources)], check=True)
