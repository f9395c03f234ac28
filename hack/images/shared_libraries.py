"""Find the shared libraries that programs and extension modules need, as the dynamic loader does."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from oci_layer import ImageError

ELF_MAGIC = b"\x7fELF"
FOUND = re.compile(r"(?:=> )?(/\S+) \(0x[0-9a-f]+\)$")
# glibc opens it by name when a thread is cancelled; no program lists it as needed.
OPENED_AT_RUN_TIME = ("libgcc_s.so.1",)


def elf_files(directory: Path) -> list[Path]:
    """List the programs and shared objects under a directory, in the order of their names."""
    return sorted(path for path in _regular_files(directory) if _is_elf(path))


def _regular_files(directory: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(directory):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(ELF_MAGIC)) == ELF_MAGIC


def needed(files: Iterable[Path], inside: Path | None = None) -> set[Path]:
    """Return the libraries that `files` need on this machine, as the loader names them.

    Libraries under `inside` (the ones that wheels bring along) are left out.
    Raises ImageError when a library is missing.
    """
    names = [str(path) for path in files]
    if not names:
        return set()
    # C locale: "not found" is read below. ldd ends with 1 when one of the files is static.
    ldd = subprocess.run(
        ["ldd", *names], capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    lines = ldd.stdout.splitlines()
    missing = sorted({line.strip() for line in lines if line.endswith("=> not found")})
    if missing:
        raise ImageError("shared libraries are missing on this machine: " + ", ".join(missing))
    found = {Path(match[1]) for line in lines if (match := FOUND.search(line))}
    return {path for path in found if inside is None or not path.is_relative_to(inside)}


def place(libraries: Iterable[Path], loader_folder: Path, rootfs: Path) -> None:
    """Copy libraries into the image: the loader to its own path, the rest beside libc.

    An image has no loader cache, so everything must lie in the loader's default folder, also a
    libpython that was built with a search path of its own.
    """
    for library in libraries:
        is_loader = library.name.startswith("ld-")
        folder = library.parent if is_loader else loader_folder
        target = rootfs / folder.relative_to("/") / library.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(library.read_bytes())
        target.chmod(0o755)


def default_folder(libraries: Iterable[Path]) -> Path:
    """Return the folder that holds libc. Raises ImageError when libc is not among `libraries`."""
    for library in libraries:
        if library.name == "libc.so.6":
            return library.parent
    raise ImageError("the interpreter at hand is not linked to glibc: build the images with an engine")


def opened_at_run_time(folder: Path) -> set[Path]:
    """Return the libraries that are opened by name only and so are in nobody's list."""
    return {folder / name for name in OPENED_AT_RUN_TIME if (folder / name).exists()}


def strip(files: Iterable[Path]) -> None:
    """Drop symbols: 17 MB in a libpython built from source, 11 MB in uvloop's wheel.

    Libraries that a wheel brings in its `.libs` folder stay: auditwheel has rewritten their
    sections, and strip is known to break such files. Without binutils the image is just larger.
    """
    if not shutil.which("strip"):
        return
    for path in files:
        if not path.parent.name.endswith(".libs"):
            path.chmod(0o755)  # Debian ships libraries without the owner's write bit
            subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)
