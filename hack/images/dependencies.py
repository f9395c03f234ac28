"""The layer with a distribution's dependencies: exactly the wheels that `uv.lock` names."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import bytecode
import interpreter
import shared_libraries
from distribution import DEPENDENCIES, REPOSITORY, Distribution
from oci_layer import ImageError

INSTALL_TIMEOUT_S = 600


def uv() -> str:
    """Find uv: $UV, the one of `make setup`, or the one on PATH. Raises ImageError without one."""
    own = REPOSITORY / ".cache" / "bin" / "uv"
    found = os.environ.get("UV") or (str(own) if own.exists() else shutil.which("uv"))
    if not found:
        raise ImageError("uv is not installed: run `make setup`")
    return found


def locked_requirements(distribution: Distribution) -> str:
    """Export the distribution's part of the lock, with the hashes of the wheels."""
    export = ["export", "--quiet", "--frozen", "--no-dev", "--no-emit-workspace", "--no-header"]
    package = ["--no-annotate", "--package", distribution.project, *distribution.extra_options()]
    return _run_uv([*export, *package], None)


def stage(requirements: str, rootfs: Path) -> None:
    """Install locked requirements under `rootfs`, with the libraries that only they need."""
    target = rootfs / DEPENDENCIES
    target.mkdir(parents=True)
    # Wheels only: a source distribution would run its own code here and differ from build to build.
    install = ["pip", "install", "--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    place = ["--link-mode", "copy", "--python", sys.executable, "--target", str(target), "-r", "-"]
    _run_uv([*install, *place], requirements)
    _drop_traces_of_the_installation(target)
    extra = {
        library
        for library in shared_libraries.needed(shared_libraries.elf_files(target), inside=target)
        if library.name not in interpreter.provided_libraries()
    }
    shared_libraries.place(extra, interpreter.library_folder(), rootfs)
    shared_libraries.strip(shared_libraries.elf_files(target))
    bytecode.compile_tree(target, rootfs)


def _drop_traces_of_the_installation(target: Path) -> None:
    """Remove what names this machine's paths: launchers, the records that hash them, uv's lock."""
    shutil.rmtree(target / "bin", ignore_errors=True)
    for path in [*target.glob("*.dist-info/RECORD"), target / ".lock"]:
        path.unlink(missing_ok=True)


def _run_uv(arguments: list[str], stdin: str | None) -> str:
    done = subprocess.run(
        [uv(), *arguments],
        cwd=REPOSITORY,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_TIMEOUT_S,
    )
    if done.returncode:
        raise ImageError(f"uv {' '.join(arguments[:2])} failed:\n{done.stderr.strip()}")
    return done.stdout
