"""The files of a recording: gzip segments in one folder, capped as a whole, the oldest dropped.

`zcat 0000000001.jsonl.gz` reads one; of a process that was killed all but the last moments are there.
"""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

PIECES = 16  # a segment is this part of the cap: what is dropped at a time
FREE_FLOOR = 64 * 2**20  # bytes of the volume that are the journal's alone
_GZIP = 31  # zlib's name for the format
_PATTERN = "*.jsonl.gz"
_READ = 1 << 20


class NoRoom(OSError):
    """The volume has less left than the journal may need."""


@dataclass(slots=True)
class SegmentWriter:
    """Used by one thread at a time. Whatever it raises is an OSError; the next `start` begins anew."""

    folder: Path
    cap: int  # bytes of all segments together
    free_floor: int = FREE_FLOOR
    written: int = 0  # bytes of the present segment
    _file: BinaryIO | None = None
    _packer: "zlib._Compress" = field(default_factory=lambda: zlib.compressobj(wbits=_GZIP))

    @property
    def is_full(self) -> bool:
        return self.written >= self.cap // PIECES

    def start(self) -> None:
        """Begin the next segment."""
        self.close()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_room()
        last = int(found[-1].name.partition(".")[0]) if (found := segments(self.folder)) else 0
        path = self.folder / f"{last + 1:010}.jsonl.gz"
        self._file = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb", buffering=0)
        self._packer, self.written = zlib.compressobj(wbits=_GZIP), 0

    def write(self, lines: bytes | bytearray) -> None:
        """Append whole lines, readable from now on even if the process is killed."""
        if self._file is None:
            return
        try:
            self._make_room()
            self._put(self._packer.compress(lines) + self._packer.flush(zlib.Z_SYNC_FLUSH))
        except OSError:
            self._file.close()
            self._file = None
            raise

    def close(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        with file:
            file.write(self._packer.flush())

    def _put(self, packed: bytes) -> None:
        if self._file is not None:
            self._file.write(packed)
            self.written += len(packed)

    def _make_room(self) -> None:
        """Drop the oldest segments while there are too many, or the volume is too full. Raises NoRoom."""
        old = segments(self.folder)
        if self._file is not None:
            old = old[:-1]
        total = sum(path.stat().st_size for path in old) + self.written
        while old and (total > self.cap - self.cap // PIECES or self._free() < self.free_floor):
            total -= old[0].stat().st_size
            old.pop(0).unlink()
        if (free := self._free()) < self.free_floor:
            raise NoRoom(f"{free} bytes are free on the volume; {self.free_floor} are the journal's")

    def _free(self) -> int:
        volume = os.statvfs(self.folder)
        return volume.f_bavail * volume.f_frsize


def segments(folder: Path) -> list[Path]:
    """Oldest first."""
    return sorted(folder.glob(_PATTERN))


def read_lines(segment: Path) -> Iterator[bytes]:
    """The complete lines of a segment; one that was cut short, by a kill, ends where it was cut.

    Raises OSError, and ValueError where it was not cut but damaged: what follows would be missing without a word.
    """
    unpacker, rest = zlib.decompressobj(wbits=_GZIP), b""
    with segment.open("rb") as file:
        while packed := file.read(_READ):
            try:
                *lines, rest = (rest + unpacker.decompress(packed)).split(b"\n")
            except zlib.error as error:
                raise ValueError(f"damaged: {error}") from error
            yield from lines
