"""The last and smallest layer: this repository's own packages, as they are in the working tree."""

import shutil
from pathlib import Path

import bytecode
from distribution import ALL, OWN_CODE, REPOSITORY, Distribution

NOT_SHIPPED = ("__pycache__", "*.pyc", ".*")


def stage(distribution: Distribution, rootfs: Path) -> None:
    """Lay the packages out under `rootfs`, with the metadata that tells each one's version."""
    for package in distribution.packages:
        source = REPOSITORY / package
        target = rootfs / OWN_CODE / source.name
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(*NOT_SHIPPED))
        _write_metadata(_owner(source.name), rootfs / OWN_CODE)
    bytecode.compile_tree(rootfs / OWN_CODE, rootfs)


def _owner(module: str) -> Distribution:
    return next(distribution for distribution in ALL if distribution.module == module)


def _write_metadata(owner: Distribution, folder: Path) -> None:
    """Write what `importlib.metadata.version` reads (Core metadata specification 2.1)."""
    version = owner.version()
    metadata = folder / f"{owner.module}-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {owner.project}\nVersion: {version}\n")
