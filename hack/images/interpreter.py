"""The layer with the interpreter at hand: CPython, what it links to, and the few files of a system.

No shell, no package manager, no second program.
"""

import platform
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import bytecode
import shared_libraries
from oci_layer import ImageError

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
PREFIX = "usr/local"
USER_ID = 65532
# Debian's own bundle: certificates that were added to this machine alone stay on this machine.
CERTIFICATES = Path("/usr/share/ca-certificates/mozilla")
CERTIFICATE_FILE = "etc/ssl/certs/ca-certificates.crt"
NOT_NEEDED = (
    *("__pycache__", "site-packages", "dist-packages", "config-*", "*.a", "*.pyc", "EXTERNALLY-MANAGED"),
    *("test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py", "lib2to3", "ensurepip", "pydoc_data"),
    *("_tkinter*", "_test*", "_ctypes_test*", "_xxtestfuzz*", "xx*.so", "xxlimited*"),
)
EMPTY_FOLDERS = ("app", "proc", "sys", "dev", "tmp")
FILES = {
    "etc/passwd": f"root:x:0:0:root:/:/sbin/nologin\nbot:x:{USER_ID}:{USER_ID}:bot:/tmp:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nbot:x:{USER_ID}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}


def identity() -> str:
    """Say what the layer is made from; a cached layer is good while this text is the same."""
    program, libraries = _program(), _libraries([_program()])
    stats = [(path.stat().st_size, path.stat().st_mtime_ns) for path in (program, *sorted(libraries))]
    certificates = sorted((path.name, path.stat().st_size) for path in CERTIFICATES.glob("*.crt"))
    return repr((sys.version, platform.machine(), str(program), stats, certificates, shutil.which("strip")))


def stage(rootfs: Path) -> None:
    """Lay the interpreter's layer out under `rootfs`.

    Raises ImageError when the machine lacks glibc or the Debian package ca-certificates.
    """
    standard_library = _copy_python(rootfs)
    programs = shared_libraries.elf_files(rootfs)
    shared_libraries.place(_libraries(programs), library_folder(), rootfs)
    shared_libraries.strip(shared_libraries.elf_files(rootfs))
    bytecode.compile_tree(standard_library, rootfs)
    _write_system_files(rootfs)


def library_folder() -> Path:
    """Return the folder in the image where the dynamic loader looks for libraries."""
    return shared_libraries.default_folder(shared_libraries.needed([_program()]))


def provided_libraries() -> set[str]:
    """Name the libraries that the interpreter's layer brings, for the layers above it."""
    modules = shared_libraries.elf_files(Path(sysconfig.get_path("stdlib")) / "lib-dynload")
    return {path.name for path in _libraries([_program(), *modules])}


def _program() -> Path:
    return (Path(sys.base_prefix) / "bin" / VERSION).resolve()


def _libraries(programs: Iterable[Path]) -> set[Path]:
    found = shared_libraries.needed(programs)
    return found | shared_libraries.opened_at_run_time(shared_libraries.default_folder(found))


def _copy_python(rootfs: Path) -> Path:
    """Copy the program and its standard library; returns the library's folder."""
    source = Path(sysconfig.get_path("stdlib"))
    target = rootfs / PREFIX / source.relative_to(sys.base_prefix)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*NOT_NEEDED), ignore_dangling_symlinks=True)
    programs = rootfs / PREFIX / "bin"
    programs.mkdir()
    shutil.copyfile(_program(), programs / VERSION)
    (programs / VERSION).chmod(0o755)
    (programs / "python3").symlink_to(VERSION)
    return target


def _write_system_files(rootfs: Path) -> None:
    for name in EMPTY_FOLDERS:
        (rootfs / name).mkdir()
    (rootfs / "tmp").chmod(0o1777)
    certificates = sorted(CERTIFICATES.glob("*.crt"))
    if not certificates:
        raise ImageError(f"no certificates in {CERTIFICATES}: install the Debian package ca-certificates")
    bundle = "".join(path.read_text() for path in certificates)
    for name, text in {**FILES, CERTIFICATE_FILE: bundle}.items():
        path = rootfs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
