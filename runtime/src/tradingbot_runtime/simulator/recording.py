"""Reading a recording: lines of `<local ns> <json>`, as a combined Binance stream (or its REST depth) sends it.

A line that cannot be used is passed over and counted by its reason; the first of each reason is logged. A compressed
file that ends in the middle, or turns to garbage, ends the recording there.
"""

import gzip
import io
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import structlog

from tradingbot_runtime.model import Lots, Ticks
from tradingbot_runtime.simulator.instruments import Listing
from tradingbot_runtime.simulator.market_events import (
    AnyMarketEvent,
    DepthChanged,
    DepthSnapshot,
    Level,
    TopChanged,
    TradePrinted,
)

log = structlog.get_logger("simulator")
MAX_LINE_BYTES = 4_000_000
_STAMP_DIGITS = 19  # nanoseconds fit in 64 bits
_SHOWN = 120
RawLevel = tuple[str, str]


class UnusableRecording(Exception):
    """There is no market in it. The message says what was found and what is needed."""


class SkippedLine(Exception):
    """A line that cannot be used. `reason` is a CamelCase code: metric label and log field."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class _Envelope(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    last_id: int | None = msgspec.field(default=None, name="lastUpdateId")


class _Top(msgspec.Struct):
    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class _Depth(msgspec.Struct):
    s: str
    U: int
    u: int
    b: list[RawLevel]
    a: list[RawLevel]


class _Trade(msgspec.Struct):
    s: str
    t: int
    p: str
    q: str
    m: bool


class _Snapshot(msgspec.Struct):
    last_id: int = msgspec.field(name="lastUpdateId")
    bids: list[RawLevel]
    asks: list[RawLevel]


class FrameReader:
    """Turns the JSON of recorded frames into market events; keeps the counters of what it could not use."""

    def __init__(self, listings: Iterable[Listing], *, tells: bool = True) -> None:
        self._listings = {listing.symbol: listing for listing in listings}
        self.read = 0
        self.skipped: Counter[str] = Counter()
        self._tells = tells  # logs the first line of each reason
        self._envelope = msgspec.json.Decoder(_Envelope)
        self._top = msgspec.json.Decoder(_Top)
        self._depth = msgspec.json.Decoder(_Depth)
        self._trade = msgspec.json.Decoder(_Trade)
        self._snapshot = msgspec.json.Decoder(_Snapshot)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._listings)

    def line(self, line: bytes) -> AnyMarketEvent | None:
        """The event of one line of a recording; None for a line that was passed over."""
        self.read += 1
        try:
            stamp, frame = _split(line)
            return self.frame(frame, stamp)
        except SkippedLine as skipped:
            self.skip(skipped.reason, str(skipped), line)
            return None

    def frame(self, frame: bytes, time_ns: int) -> AnyMarketEvent:
        """The event of one frame. Raises SkippedLine."""
        try:
            envelope = self._envelope.decode(frame)
            if envelope.last_id is not None:
                return self._read_snapshot(frame, time_ns)
            stream = envelope.stream.partition("@")[2]
            if stream == "bookTicker":
                return self._read_top(envelope.data, time_ns)
            if stream.startswith("depth"):
                return self._read_depth(envelope.data, time_ns)
            if stream == "trade":
                return self._read_trade(envelope.data, time_ns)
        except msgspec.ValidationError as wrong:
            raise SkippedLine("WrongTypes", str(wrong)) from wrong
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            raise SkippedLine("NotJson", str(wrong)) from wrong
        except (ValueError, ArithmeticError) as wrong:
            raise SkippedLine("OffTheGrid", f"{type(wrong).__name__}: {wrong}") from wrong
        raise SkippedLine("OtherStream", f"stream {envelope.stream[:40]!r} is not used")

    def skip(self, reason: str, message: str, line: bytes) -> None:
        """Count a line that is passed over; the first of each reason is logged."""
        self.skipped[reason] += 1
        if self._tells and self.skipped[reason] == 1:
            log.warning(
                "RecordingLineSkipped", reason=reason, message=message, line=self.read,
                text=line[:_SHOWN].decode(errors="replace"),
            )  # fmt: skip

    def damaged_end(self) -> None:
        """A file was not read to its end: how much is missing nobody knows."""
        self.skipped["DamagedEnd"] += 1

    def _listing(self, symbol: str) -> Listing:
        if symbol not in self._listings:
            raise SkippedLine("OtherSymbol", f"{symbol[:20]!r} is not traded here; see --symbol")
        return self._listings[symbol]

    def _read_top(self, data: msgspec.Raw, time_ns: int) -> TopChanged:
        top = self._top.decode(data)
        listing = self._listing(top.s)
        bid, ask = _level(listing, (top.b, top.B)), _level(listing, (top.a, top.A))
        if bid[0] >= ask[0]:
            raise SkippedLine("CrossedTop", f"bid {top.b} is not below ask {top.a}")
        if not bid[1] or not ask[1]:
            raise SkippedLine("EmptyTop", "a best price without quantity")
        return TopChanged(symbol=top.s, time_ns=time_ns, update_id=top.u, bid=bid, ask=ask)

    def _read_depth(self, data: msgspec.Raw, time_ns: int) -> DepthChanged:
        depth = self._depth.decode(data)
        listing = self._listing(depth.s)
        return DepthChanged(
            symbol=depth.s, time_ns=time_ns, first_id=depth.U, last_id=depth.u,
            bids=_levels(listing, depth.b), asks=_levels(listing, depth.a),
        )  # fmt: skip

    def _read_trade(self, data: msgspec.Raw, time_ns: int) -> TradePrinted:
        trade = self._trade.decode(data)
        price, lots = _level(self._listing(trade.s), (trade.p, trade.q))
        return TradePrinted(
            symbol=trade.s, time_ns=time_ns, trade_id=trade.t, price=price, lots=lots, buyer_is_maker=trade.m
        )

    def _read_snapshot(self, frame: bytes, time_ns: int) -> DepthSnapshot:
        """REST depth names no symbol, so it is only clear whose it is when one symbol is traded."""
        if len(self._listings) != 1:
            raise SkippedLine("SnapshotWithoutSymbol", "a depth snapshot names no symbol, and several are traded")
        listing = next(iter(self._listings.values()))
        snapshot = self._snapshot.decode(frame)
        return DepthSnapshot(
            symbol=listing.symbol, time_ns=time_ns, last_id=snapshot.last_id,
            bids=_levels(listing, snapshot.bids), asks=_levels(listing, snapshot.asks),
        )  # fmt: skip


def _split(line: bytes) -> tuple[int, bytes]:
    stamp, _, frame = line.strip().partition(b" ")
    if len(line) > MAX_LINE_BYTES:
        raise SkippedLine("LineTooLong", f"more than {MAX_LINE_BYTES} bytes")
    if not stamp.isdigit() or len(stamp) > _STAMP_DIGITS or not frame:
        raise SkippedLine("NoTimeStamp", "a line is `<local ns> <json>`")
    return int(stamp), frame


def _level(listing: Listing, level: RawLevel) -> Level:
    """A level in ticks and lots; what is less than a lot (real books have such dust, far out) is left out."""
    price = listing.instrument.ticks(Decimal(level[0]))
    lots = listing.instrument.lots_floor(Decimal(level[1]))
    if price <= 0 or lots < 0:
        raise ValueError(f"{level[0]} x {level[1]}")
    return Ticks(price), Lots(lots)


def _levels(listing: Listing, levels: list[RawLevel]) -> tuple[Level, ...]:
    return tuple(_level(listing, level) for level in levels)


def read_lines(path: Path, on_damage: Callable[[], None] | None = None) -> Iterator[bytes]:
    """Lines of a recording, plain or gzip (by content, not by name). A damaged end is the end, logged and told."""
    with _open(path) as file:
        while True:
            try:
                line = file.readline(MAX_LINE_BYTES + 1)
            except (EOFError, zlib.error, gzip.BadGzipFile) as damaged:
                log.warning("RecordingDamaged", path=str(path), reason=f"{type(damaged).__name__}: {damaged}")
                if on_damage is not None:
                    on_damage()
                return
            if not line:
                return
            yield line


def require_events(path: Path, listings: Iterable[Listing]) -> None:
    """Raises UnusableRecording when no line of the recording is an event of these listings.

    A snapshot from a REST answer names no symbol: beside lines of other symbols alone it is one of theirs. Reads as far
    as the first event that names one, and logs nothing: what is passed over is told when it is played.
    """
    known = tuple(listings)
    reader = FrameReader(known, tells=False)
    snapshots = 0
    for line in read_lines(path, reader.damaged_end):
        event = reader.line(line)
        if isinstance(event, DepthSnapshot):
            snapshots += 1
        elif event is not None:
            return
    if snapshots and not reader.skipped["OtherSymbol"]:
        return
    found = ", ".join(f"{count} {reason}" for reason, count in reader.skipped.most_common())
    what = f"none of its {reader.read} lines can be used ({found})" if found else "has no lines"
    raise UnusableRecording(
        f"{path}: {what}; needed: lines of `<local ns> <json frame>` from the streams bookTicker, depth or trade of "
        f"{', '.join(listing.symbol for listing in known)}"
    )


def parts(path: Path) -> list[Path]:
    """The files that `path` stands for: itself, or, of a folder, its files in name order, to be joined.

    A ConfigMap holds at most 1 MiB, so a recording may come in parts; hidden names are the mount's own.
    """
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    with ExitStack() as stack:
        plain: BinaryIO = (
            io.BytesIO(b"".join(part.read_bytes() for part in parts(path)))
            if path.is_dir()
            else (stack.enter_context(path.open("rb")))
        )
        compressed = plain.read(2) == b"\x1f\x8b"
        plain.seek(0)
        yield stack.enter_context(cast("BinaryIO", gzip.GzipFile(fileobj=plain))) if compressed else plain
