#!/usr/bin/env python3
"""Write OCI image archives with the standard library only: no engine, no registry.

    python3 hack/images/oci.py OUT.tar NAME:TAG --layer DIR:/prefix ... [--entrypoint JSON]
        [--cmd JSON] [--env K=V] [--label K=V] [--user U] [--workdir /app]

The archive is an OCI image layout (opencontainers/image-spec, image-layout.md) that also carries
Docker's `manifest.json`, so `ctr images import`, `kind load image-archive`, `podman load` and
every `docker load` take it.

The same files give the same bytes: entries are sorted, and owner, time and permission bits are
normalised, so neither the checkout's folder, the umask nor the clock shows in the digest.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import stat
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, cast

CHUNK_BYTES = 1 << 20
GZIP_LEVEL = 1  # level 6 takes 4 times as long to save a fifth of the size
EPOCH = "1970-01-01T00:00:00Z"
DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MEDIA_TYPE = "application/vnd.oci.image"
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

Json = Mapping[str, object]


class ImageError(Exception):
    """The request for an image is wrong; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Source:
    """One layer to be: the tree under `directory`, placed at `prefix` in the image."""

    directory: Path
    prefix: str = "/"

    @classmethod
    def parse(cls, text: str) -> "Source":
        """Read `DIR:/prefix` or `DIR`. Raises ImageError when DIR is not a directory."""
        directory, _, prefix = text.partition(":/")
        if not Path(directory).is_dir():
            message = f"--layer {text}: {directory} is not a directory"
            raise ImageError(message)
        return cls(Path(directory), "/" + prefix)


@dataclass(frozen=True, slots=True)
class Blob:
    """Content-addressed bytes: `sha256` in hex, `size` in bytes, read by `open`."""

    sha256: str
    size: int
    content: Path | bytes

    @classmethod
    def of(cls, document: Json | Sequence[object]) -> "Blob":
        """Make the blob of one JSON document, keys sorted so that the bytes are stable."""
        data = json.dumps(document, sort_keys=True).encode()
        return cls(hashlib.sha256(data).hexdigest(), len(data), data)

    @property
    def digest(self) -> str:
        """The digest as OCI writes it."""
        return f"sha256:{self.sha256}"

    @property
    def path(self) -> str:
        """The blob's place in an OCI image layout."""
        return f"blobs/sha256/{self.sha256}"

    def descriptor(self, kind: str) -> dict[str, object]:
        """Describe the blob (image-spec, descriptor.md); `kind` ends its media type."""
        return {"mediaType": f"{MEDIA_TYPE}.{kind}", "digest": self.digest, "size": self.size}

    def open(self) -> IO[bytes]:
        """Open the blob's bytes for reading."""
        if isinstance(self.content, bytes):
            return io.BytesIO(self.content)
        return self.content.open("rb")


@dataclass(frozen=True, slots=True)
class Layer:
    """A finished layer: the compressed blob, and `diff_id`, the sha256 of the bare tar."""

    blob: Blob
    diff_id: str
    created_by: str


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


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


class _HashingWriter(io.RawIOBase):
    """Pass bytes on to `target` and count them into `digest`."""

    def __init__(self, target: IO[bytes], digest: _Digest) -> None:
        self._target = target
        self._digest = digest

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        chunk = bytes(cast("bytes", data))
        self._digest.update(chunk)
        self._target.write(chunk)
        return len(chunk)


def machine_architecture() -> str:
    """Name this machine's architecture as OCI does. Raises ImageError on an unknown one."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        message = f"no OCI architecture is known for the machine {machine!r}"
        raise ImageError(message)
    return ARCHITECTURES[machine]


def write_layer(source: Source, target: Path, level: int = GZIP_LEVEL) -> Layer:
    """Pack a directory as a compressed layer into the file `target`."""
    bare, packed = hashlib.sha256(), hashlib.sha256()
    with target.open("wb") as file:
        compressed = cast("IO[bytes]", _HashingWriter(file, packed))
        with gzip.GzipFile("", "wb", level, compressed, mtime=0) as zipped:
            tar_bytes = cast("IO[bytes]", _HashingWriter(cast("IO[bytes]", zipped), bare))
            # A stream ("w|") never seeks back, which neither a hash nor a compressor could do.
            with tarfile.open(fileobj=tar_bytes, mode="w|", format=tarfile.GNU_FORMAT) as archive:
                for path in _tree(source.directory):
                    _add(archive, path, _image_path(source, path))
    blob = Blob(packed.hexdigest(), target.stat().st_size, target)
    return Layer(blob, f"sha256:{bare.hexdigest()}", f"files at {source.prefix}")


def _tree(directory: Path) -> Iterator[Path]:
    """Yield everything under a directory, parents first, in an order of names only."""
    with os.scandir(directory) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _tree(Path(entry.path))


def _image_path(source: Source, path: Path) -> str:
    return str(Path(source.prefix) / path.relative_to(source.directory)).lstrip("/")


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    status = path.lstat()
    entry = tarfile.TarInfo(name)  # owner 0:0 and time 0 are TarInfo's own defaults
    if stat.S_ISLNK(status.st_mode):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
        archive.addfile(entry)
    elif stat.S_ISDIR(status.st_mode):
        entry.type, entry.mode = tarfile.DIRTYPE, _directory_mode(status.st_mode)
        archive.addfile(entry)
    elif stat.S_ISREG(status.st_mode):
        entry.size, entry.mode = status.st_size, _file_mode(status.st_mode)
        with path.open("rb") as content:
            archive.addfile(entry, content)
    else:
        message = f"{path} is neither a file, a directory nor a symbolic link"
        raise ImageError(message)


def _directory_mode(mode: int) -> int:
    """Keep only stickiness (/tmp): the other bits depend on the builder's umask."""
    return 0o1777 if mode & stat.S_ISVTX else 0o755


def _file_mode(mode: int) -> int:
    """Keep only executability, and so drop setuid: none of our images needs it."""
    return 0o755 if mode & stat.S_IXUSR else 0o644


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
        layers = [
            write_layer(source, Path(folder) / str(index)) for index, source in enumerate(sources)
        ]
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
