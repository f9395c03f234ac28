"""The last and smallest layer: this repository's own packages, as they are in the working tree, and their commands."""

import shutil
from pathlib import Path

import bytecode
import interpreter
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
    _write_commands(distribution, rootfs / interpreter.PREFIX / "bin")


def _write_commands(distribution: Distribution, folder: Path) -> None:
    """By their names in `kubectl exec`; no shell is needed. The entry point is the interpreter itself."""
    folder.mkdir(parents=True)
    for name, target in distribution.commands().items():
        module, _, function = target.partition(":")
        script = folder / name
        script.write_text(
            f"#!/{interpreter.PREFIX}/bin/python3\nimport sys\n\n"
            f"from {module} import {function}\n\nsys.exit({function}())\n"
        )
        script.chmod(0o755)


def _owner(module: str) -> Distribution:
    return next(distribution for distribution in ALL if distribution.module == module)


def _write_metadata(owner: Distribution, folder: Path) -> None:
    """Write what `importlib.metadata.version` reads (Core metadata specification 2.1)."""
    version = owner.version()
    metadata = folder / f"{owner.module}-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {owner.project}\nVersion: {version}\n")
