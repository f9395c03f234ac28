"""Compile Python sources of a tree that becomes an image layer.

Start-up matters (a restarted bot must quote again within seconds) and an image is read-only, so
the bytecode is made at build time. It is "unchecked hash" bytecode: the interpreter does not look
at the source, and no time stamp is in it, so the layer's bytes depend on the sources only.
"""

import os
import subprocess
import sys
from pathlib import Path


def compile_tree(directory: Path, rootfs: Path) -> None:
    """Compile everything under `directory`; file names in tracebacks are relative to `rootfs`."""
    command = [sys.executable, "-I", "-m", "compileall", "-q", "-f", "-j", "1"]
    paths = ["-s", str(rootfs), "-p", "/", str(directory)]
    # A fixed hash seed fixes the order in which sets of constants are written. A file that does
    # not compile (a template, an example for another version) stays source: compileall ends with 1.
    subprocess.run(
        [*command, "--invalidation-mode", "unchecked-hash", *paths],
        check=False,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
