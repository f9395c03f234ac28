"""The runtime's image with libfaketime in it: a pod whose clock can be stepped, and nobody else's.

    python hack/soak/faketime_image.py      # writes dist/images/runtime-faketime.tar

The library comes from Debian's package and reads the step from FILE in the pod; without the file the clock is right.
Only CLOCK_REALTIME steps, as on a machine whose time is set anew.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "images"))

import archive
import layer_cache
from distribution import REPOSITORY, RUNTIME

TAG = "faketime"
IMAGE = RUNTIME.image(TAG)
ARCHIVE = REPOSITORY / "dist/images/runtime-faketime.tar"
FILE = "/tmp/faketime"  # noqa: S108 - the pod's own volume
LIBRARY = "usr/local/lib/libfaketime.so.1"
ENVIRONMENT = (
    f"LD_PRELOAD=/{LIBRARY}",
    f"FAKETIME_TIMESTAMP_FILE={FILE}",
    "FAKETIME_CACHE_DURATION=1",  # seconds between two looks at the file
    "FAKETIME_DONT_FAKE_MONOTONIC=1",
    "NO_FAKE_STAT=1",
)


def build() -> None:
    """Raises CalledProcessError where Debian's package cannot be had."""
    with tempfile.TemporaryDirectory() as work:
        layer = layer_cache.pack("faketime", Path(work, "layer"), _stage)
        archive.build(RUNTIME, TAG, ARCHIVE, archive.Addition((layer,), ENVIRONMENT))


def _stage(rootfs: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        # apt would fetch as its own user, who may not write here.
        fetch = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "libfaketime"]
        subprocess.run(fetch, cwd=work, check=True, capture_output=True)
        (package,) = Path(work).glob("libfaketime_*.deb")
        subprocess.run(["dpkg-deb", "-x", package, f"{work}/root"], check=True)
        (library,) = Path(work, "root").rglob("libfaketimeMT.so.1")  # of the two, the one for threads
        target = rootfs / LIBRARY
        target.parent.mkdir(parents=True)
        target.write_bytes(library.read_bytes())
        target.chmod(0o755)


if __name__ == "__main__":
    build()
