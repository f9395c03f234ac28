"""Finished layers kept between builds, outside the repository, so that a clean checkout is quick too."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from oci_layer import QUICK, SMALL, Blob, Layer, Source, write_layer

UNFINISHED = ".unfinished-"
ABANDONED_AFTER_S = 3600
KEPT_LAYERS = 12  # three layers a build: the last few states of the lock and the interpreter


def default_folder() -> Path:
    """Return the folder of the cache, as the environment asks for it."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    root = os.environ.get("TRADINGBOT_CACHE") or str(Path(home) / "tradingbot-operator")
    return Path(root) / "image-layers"


def recipe() -> str:
    """Hash the builder's own sources: a changed recipe must not find an old layer."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


@dataclass(frozen=True, slots=True)
class LayerCache:
    """Layers by key; a layer is `<key>.tar.gz` with its digests in `<key>.json`."""

    folder: Path

    def get(self, name: str, identity: str, stage: Callable[[Path], None]) -> Layer:
        """Return the layer that `identity` describes; `stage` lays its files out when it is new."""
        key = hashlib.sha256(f"{recipe()}\n{identity}".encode()).hexdigest()
        path = self.folder / f"{name}-{key[:24]}.tar.gz"
        cached = _read(path, name)
        if cached is not None:
            return cached
        self.folder.mkdir(parents=True, exist_ok=True)
        made = _make(path, name, stage)
        self._prune()
        return made

    def _prune(self) -> None:
        layers = sorted(self.folder.glob("*.tar.gz"), key=_last_use, reverse=True)
        for path in layers[KEPT_LAYERS:]:
            _description(path).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        for path in self.folder.glob(f"{UNFINISHED}*"):
            if _last_use(path) < time.time() - ABANDONED_AFTER_S:  # its build was killed
                shutil.rmtree(path, ignore_errors=True)


def _make(path: Path, name: str, stage: Callable[[Path], None]) -> Layer:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=UNFINISHED) as work:
        packed, description = Path(work, "layer"), Path(work, "description")
        layer = pack(name, packed, stage, SMALL)
        description.write_text(json.dumps({"sha256": layer.blob.sha256, "diff_id": layer.diff_id}))
        packed.replace(path)
        # The description comes last: a layer without one is no layer.
        description.replace(_description(path))
    return replace(layer, blob=replace(layer.blob, content=path))


def pack(name: str, target: Path, stage: Callable[[Path], None], level: int = QUICK) -> Layer:
    """Lay a layer's files out in a temporary folder and pack them into the file `target`."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".rootfs-") as rootfs:
        stage(Path(rootfs))
        return replace(write_layer(Source(Path(rootfs)), target, level), created_by=name)


def _read(path: Path, name: str) -> Layer | None:
    """Read a cached layer; None when it is not there, or not whole (a machine lost power)."""
    try:
        description = json.loads(_description(path).read_bytes())
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if found != description["sha256"]:
        return None
    os.utime(path)
    return Layer(Blob(found, path.stat().st_size, path), description["diff_id"], name)


def _last_use(path: Path) -> float:
    return path.stat().st_mtime


def _description(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".tar.gz") + ".json")
