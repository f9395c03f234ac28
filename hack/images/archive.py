"""Build a distribution's image as an archive, without an engine, from the interpreter at hand."""

import tempfile
from pathlib import Path

import dependencies
import interpreter
import layer_cache
import own_code
from distribution import Distribution
from oci import write_image


def build(distribution: Distribution, tag: str, out: Path) -> str:
    """Write the archive `out` and return the image's digest.

    Three layers, from the rarely to the often changed, so that a change of our own code loads
    less than a megabyte into a cluster that has the image's last build.
    """
    cache = layer_cache.LayerCache(layer_cache.default_folder())
    python = interpreter.identity()
    requirements = dependencies.locked_requirements(distribution)
    with tempfile.TemporaryDirectory(prefix="image-") as work:
        layers = [
            cache.get("interpreter", python, interpreter.stage),
            cache.get(
                f"{distribution.name}-dependencies",
                f"{python}\n{requirements}",
                lambda rootfs: dependencies.stage(requirements, rootfs),
            ),
            layer_cache.pack("own-code", Path(work, "own-code"), lambda rootfs: own_code.stage(distribution, rootfs)),
        ]
        config = distribution.config(distribution.version())
        return write_image(out, distribution.image(tag), layers, config)
