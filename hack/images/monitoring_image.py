"""Build the image of Prometheus and Alertmanager for the local cluster, from the programs that `make setup` brought.

    python3 hack/images/monitoring_image.py [OUT.tar]

For the demo and its tests. Whoever installs for real has a Prometheus, or takes its makers' image.
"""

import shutil
import sys
from pathlib import Path

import shared_libraries
from distribution import REPOSITORY
from layer_cache import LayerCache, default_folder
from oci import Config, write_image
from oci_layer import ImageError

IMAGE = "tradingbot.dev/monitoring:demo"
OUT = REPOSITORY / "dist/images/monitoring.tar"
PROGRAMS = ("prometheus", "alertmanager")
USER = "65532:65532"


def program(name: str) -> Path:
    """Raises ImageError when it is not here."""
    found = REPOSITORY / ".cache/bin" / name
    other = None if found.exists() else shutil.which(name)
    if other is None and not found.exists():
        raise ImageError(f"{name} is not here: run `make setup`, or put it on PATH")
    return Path(other or found).resolve()


def stage(rootfs: Path) -> None:
    folder = rootfs / "usr/bin"
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        shutil.copy2(program(name), folder / name)
    shared = program("alertmanager").parents[1] / "share/prometheus"  # Debian's; its makers' programs have it within
    if shared.is_dir():
        shutil.copytree(shared, rootfs / "usr/share/prometheus", symlinks=True)
    libraries = shared_libraries.needed(folder / name for name in PROGRAMS)
    if libraries:  # none: both are static
        shared_libraries.place(libraries, shared_libraries.default_folder(libraries), rootfs)


def build(out: Path) -> str:
    """Write the archive `out` and return the image's digest. Raises ImageError."""
    versions = "\n".join(str(program(name)) for name in PROGRAMS)  # a folder of the cache is named by what is in it
    layer = LayerCache(default_folder()).get("monitoring", versions, stage)
    return write_image(out, IMAGE, [layer], Config(user=USER))


def main(arguments: list[str]) -> int:
    out = Path(arguments[0]) if arguments else OUT
    try:
        print(f"{IMAGE} {build(out)} {out.stat().st_size / 1e6:.1f} MB")
    except ImageError as error:
        print(f"monitoring_image.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
