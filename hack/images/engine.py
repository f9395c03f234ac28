"""Build a distribution's image from its Dockerfile, with the engine that answers."""

import shutil
import subprocess
from pathlib import Path

from distribution import REPOSITORY, Distribution
from oci_layer import ImageError

ENGINES = ("docker", "podman")
ANSWER_TIMEOUT_S = 10
BUILD_TIMEOUT_S = 1800


def find() -> str | None:
    """Name the first engine that answers; None when none does."""
    return next((engine for engine in ENGINES if shutil.which(engine) and _answers(engine)), None)


def _answers(engine: str) -> bool:
    try:
        asked = subprocess.run([engine, "info"], capture_output=True, check=False, timeout=ANSWER_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def build(engine: str, distribution: Distribution, tag: str, out: Path) -> str:
    """Build the image, save it as the archive `out`, and return the engine's id of the image."""
    image, dockerfile = distribution.image(tag), f"{distribution.name}/Dockerfile"
    told = (f"VERSION={distribution.version()}", f"EXTRAS={' '.join(distribution.extra_options())}")
    arguments = [word for argument in told for word in ("--build-arg", argument)]
    _run(engine, ["build", "--file", dockerfile, *arguments, "--tag", image, "."])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)  # podman refuses to save over an archive
    _run(engine, ["save", "--output", str(out), image])
    inspected = subprocess.run(
        [engine, "image", "inspect", "--format", "{{.Id}}", image],
        capture_output=True,
        text=True,
        check=True,
        timeout=ANSWER_TIMEOUT_S,
    )
    return inspected.stdout.strip()


def _run(engine: str, arguments: list[str]) -> None:
    done = subprocess.run([engine, *arguments], cwd=REPOSITORY, check=False, timeout=BUILD_TIMEOUT_S)
    if done.returncode:
        raise ImageError(
            f"{engine} {arguments[0]} ended with {done.returncode}; "
            "`hack/images/build --without-engine` builds the images from the interpreter at hand"
        )
