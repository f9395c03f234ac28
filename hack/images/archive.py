"""Build a distribution's image as an archive, without an engine, from the interpreter at hand."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import dependencies
import interpreter
import layer_cache
import own_code
from distribution import Distribution
from oci import write_image
from oci_layer import Layer


@dataclass(frozen=True, slots=True)
class Addition:
    """What a variant of an image has more: layers on top, and variables K=V."""

    layers: Sequence[Layer] = ()
    env: Sequence[str] = ()


def build(distribution: Distribution, tag: str, out: Path, more: Addition = Addition()) -> str:
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
            *more.layers,
        ]
        config = distribution.config(distribution.version())
        return write_image(out, distribution.image(tag), layers, replace(config, env=(*config.env, *more.env)))
