#!/usr/bin/env python3
"""Write OCI image archives with the standard library only: no engine, no registry.

    python3 hack/images/oci.py OUT.tar NAME:TAG --layer DIR:/prefix ... [--entrypoint JSON]
        [--cmd JSON] [--env K=V] [--label K=V] [--user U] [--workdir /app]

The archive is an OCI image layout (opencontainers/image-spec, image-layout.md) that also carries
Docker's `manifest.json`, so `ctr images import`, `kind load image-archive`, `podman load` and
every `docker load` take it. The same files give the same bytes.
"""

import argparse
import json
import os
import platform
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oci_layer import MEDIA_TYPE, Blob, ImageError, Json, Layer, Source, write_layer

EPOCH = "1970-01-01T00:00:00Z"
DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Config:
    """How a container of the image runs (image-spec, config.md)."""

    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    env: Sequence[str] = ()
    user: str = ""
    workdir: str = "/"
    labels: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """Return the image configuration's `config` object, empty members left out."""
        path = [] if any(entry.startswith("PATH=") for entry in self.env) else [DEFAULT_PATH]
        members = {
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.cmd),
            "Env": path + list(self.env),
            "User": self.user,
            "WorkingDir": self.workdir,
            "Labels": dict(self.labels),
        }
        return {name: value for name, value in members.items() if value}


def machine_architecture() -> str:
    """Name this machine's architecture as OCI does. Raises ImageError on an unknown one."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        message = f"no OCI architecture is known for the machine {machine!r}"
        raise ImageError(message)
    return ARCHITECTURES[machine]


def write_image(out: Path, name: str, layers: Sequence[Layer], config: Config) -> str:
    """Write the archive `out` of the image `name` (NAME:TAG) and return its manifest's digest.

    The archive appears whole or not at all, so a reader never sees half of one.
    """
    architecture = machine_architecture()
    configuration = Blob.of(_configuration(layers, config, architecture))
    manifest = Blob.of(_manifest(layers, configuration))
    index = _index(name, manifest, architecture)
    blobs = {blob.path: blob for blob in (configuration, manifest, *(x.blob for x in layers))}
    documents = {
        "oci-layout": Blob.of({"imageLayoutVersion": "1.0.0"}),
        "index.json": Blob.of(index),
        "manifest.json": Blob.of(_docker_manifest(name, layers, configuration)),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        _write_archive(unfinished, [*documents.items(), *sorted(blobs.items())])
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return manifest.digest


def _write_archive(target: Path, members: Iterable[tuple[str, Blob]]) -> None:
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        for path, blob in members:
            entry = tarfile.TarInfo(path)
            entry.size = blob.size
            with blob.open() as content:
                archive.addfile(entry, content)


def _configuration(layers: Sequence[Layer], config: Config, architecture: str) -> Json:
    return {
        "created": EPOCH,
        "architecture": architecture,
        "os": "linux",
        "config": config.document(),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": EPOCH, "created_by": layer.created_by} for layer in layers],
    }


def _manifest(layers: Sequence[Layer], configuration: Blob) -> Json:
    return {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA_TYPE}.manifest.v1+json",
        "config": configuration.descriptor("config.v1+json"),
        "layers": [layer.blob.descriptor("layer.v1.tar+gzip") for layer in layers],
    }


def _index(name: str, manifest: Blob, architecture: str) -> Json:
    described = manifest.descriptor("manifest.v1+json") | {
        "platform": {"architecture": architecture, "os": "linux"},
        "annotations": {
            # containerd takes the image's name from the first, podman its tag from the second.
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
        },
    }
    return {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA_TYPE}.index.v1+json",
        "manifests": [described],
    }


def _docker_manifest(name: str, layers: Sequence[Layer], configuration: Blob) -> list[object]:
    """Describe the image for engines older than Docker 25, which do not read OCI layouts."""
    paths = [layer.blob.path for layer in layers]
    return [{"Config": configuration.path, "RepoTags": [name], "Layers": paths}]


def build(out: Path, name: str, sources: Sequence[Source], config: Config) -> str:
    """Pack `sources` and write the image in one go; returns the manifest's digest."""
    if ":" not in name.rpartition("/")[2]:
        message = f"the image name {name!r} has no tag: write NAME:TAG"
        raise ImageError(message)
    with tempfile.TemporaryDirectory(prefix="oci-layers-") as folder:
        layers = [write_layer(source, Path(folder) / str(index)) for index, source in enumerate(sources)]
        return write_image(out, name, layers, config)


def _strings(text: str) -> list[str]:
    value = json.loads(text)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        message = f"expected a JSON list of strings, got {text}"
        raise argparse.ArgumentTypeError(message)
    return value


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write an OCI image archive.")
    parser.add_argument("out", type=Path, help="archive to write")
    parser.add_argument("name", help="NAME:TAG of the image")
    parser.add_argument("--layer", action="append", default=[], metavar="DIR:/prefix")
    parser.add_argument("--entrypoint", type=_strings, default=[], metavar="JSON")
    parser.add_argument("--cmd", type=_strings, default=[], metavar="JSON")
    parser.add_argument("--env", action="append", default=[], metavar="K=V")
    parser.add_argument("--label", action="append", default=[], metavar="K=V")
    parser.add_argument("--user", default="", help="uid or uid:gid that runs the entrypoint")
    parser.add_argument("--workdir", default="/")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    asked = _arguments(argv)
    labels = dict(label.split("=", 1) for label in asked.label)
    config = Config(asked.entrypoint, asked.cmd, asked.env, asked.user, asked.workdir, labels)
    try:
        sources = [Source.parse(text) for text in asked.layer]
        digest = build(asked.out, asked.name, sources, config)
    except ImageError as error:
        print(f"oci.py: {error}", file=sys.stderr)
        return 1
    print(f"{asked.name} {digest} {asked.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
