"""`export`: fills, orders, quotes and profit per day as Parquet or CSV, for any engine that reads tables."""

import argparse
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from tradingbot_runtime.audit.accounts import days, plain
from tradingbot_runtime.audit.steps import time_text
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.journal.reading import JournalReader, Row
from tradingbot_runtime.journal.records import WantedQuote
from tradingbot_runtime.model import ASSET_EXPONENT, Instrument
from tradingbot_runtime.standard_output import say

PRECISION, SCALE = 38, 18  # of a decimal column: 20 digits before the point
BATCH = 10_000  # rows
NEEDS_PYARROW = "Parquet needs pyarrow: install tradingbot-runtime[export], or use --format csv"


class Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"  # a count
    DECIMAL = "decimal"
    TIME = "time"  # nanoseconds since the Unix epoch, UTC
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: Mapping[str, Kind]
    rows: Callable[[JournalReader, Mapping[str, Instrument]], Iterator[tuple[Any, ...]]]


def export(options: argparse.Namespace) -> int:
    """Raises ConfigError without pyarrow, JournalError, and ConfigError when the folder cannot be written."""
    write = {"csv": _write_csv, "parquet": _write_parquet}[options.format]
    try:
        options.to.mkdir(parents=True, exist_ok=True)
        with JournalReader(options.journal) as reader:
            instruments = reader.instruments()
            for table in TABLES:
                file = options.to / f"{table.name}.{options.format}"
                partial = file.with_name(f".{file.name}.partial")
                count = write(partial, table, table.rows(reader, instruments))
                partial.replace(file)
                say(f"{file}: {count} rows")
    except OSError as error:
        raise ConfigError(f"{options.to}: {error.strerror}") from error
    return 0


def _fills(reader: JournalReader, instruments: Mapping[str, Instrument]) -> Iterator[tuple[Any, ...]]:
    for row in reader.in_order("fills"):
        fill, instrument = reader.decoded(row["payload"], dict), instruments.get(row["market"])
        if instrument is not None:
            price, quantity = instrument.tick_size * fill["price"], instrument.lot_size * fill["quantity"]
            fee = Decimal(fill["fee"]).scaleb(ASSET_EXPONENT)
            yield (fill["time_ns"], row["venue"], row["account"], row["symbol"], row["market"], row["trade_id"],
                   row["order_id"], fill["side"], price, quantity, price * quantity, fee, fill["fee_asset"],
                   fill["maker"])  # fmt: skip


def _orders(reader: JournalReader, instruments: Mapping[str, Instrument]) -> Iterator[tuple[Any, ...]]:
    after = ""
    while found := reader.rows("SELECT * FROM orders WHERE order_id > ? ORDER BY order_id LIMIT ?", after, BATCH):
        after = found[-1]["order_id"]
        for row in found:
            instrument = instruments.get(row["market"])
            if instrument is not None:
                yield _order(row, instrument)


def _order(row: Row, instrument: Instrument) -> tuple[Any, ...]:
    price, lot = instrument.tick_size * row["price"], instrument.lot_size
    return (row["created_ns"], row["market"], row["order_id"], row["venue_order_id"], row["side"], price,
            lot * row["quantity"], lot * row["filled"], row["state"], bool(row["closed"]))  # fmt: skip


def _quotes(reader: JournalReader, instruments: Mapping[str, Instrument]) -> Iterator[tuple[Any, ...]]:
    references = reader.references()
    for row in reader.in_order("events", "kind = 'Decided'"):
        instrument, reference = instruments.get(row["market"]), references.get(row["market"])
        if instrument is None or reference is None:
            continue
        decided = reader.decoded(row["payload"], dict)
        books = (reference.tick_size * decided["reference_bid"], reference.tick_size * decided["reference_ask"],
                 *(None if side is None else instrument.tick_size * side
                   for side in (decided["venue_bid"], decided["venue_ask"])))  # fmt: skip
        for quote in (msgspec.convert(found, WantedQuote) for found in decided["quotes"]):
            yield (row["time_ns"], row["market"], row["seq"], quote.side.value, instrument.tick_size * quote.price,
                   instrument.lot_size * quote.quantity, *books)  # fmt: skip


def _profit(reader: JournalReader, instruments: Mapping[str, Instrument]) -> Iterator[tuple[Any, ...]]:
    for market, instrument in instruments.items():
        for day in days(market, instrument, reader):
            fees = {asset: plain(fee) for asset, fee in sorted(day.fees.items())}
            quote_fees = day.fees.get(instrument.quote, Decimal(0))
            yield (day.day.isoformat(), market, instrument.quote, day.realised, quote_fees,
                   msgspec.json.encode(fees).decode(), day.fills, day.bought, day.sold, day.turnover,
                   day.position)  # fmt: skip


def _kinds(**kinds: str) -> dict[str, Kind]:
    return {name: Kind(kind) for name, kind in kinds.items()}


TABLES: tuple[Table, ...] = (
    Table("fills", _kinds(time="time", venue="text", account="text", symbol="text", market="text", trade_id="text",
                          order_id="text", side="text", price="decimal", quantity="decimal", value="decimal",
                          fee="decimal", fee_asset="text", maker="flag"), _fills),
    Table("orders", _kinds(created="time", market="text", order_id="text", venue_order_id="text", side="text",
                           price="decimal", quantity="decimal", filled="decimal", state="text", closed="flag"),
          _orders),
    Table("quotes", _kinds(time="time", market="text", decision="number", side="text", price="decimal",
                           quantity="decimal", reference_bid="decimal", reference_ask="decimal", venue_bid="decimal",
                           venue_ask="decimal"), _quotes),
    Table("profit_per_day", _kinds(day="text", market="text", asset="text", realised="decimal", quote_fees="decimal",
                                   all_fees="text", fills="number", bought="decimal", sold="decimal",
                                   turnover="decimal", position="decimal"), _profit),
)  # fmt: skip


def _write_csv(file: Path, table: Table, rows: Iterable[tuple[Any, ...]]) -> int:
    """Decimals without exponents, times as ISO 8601."""
    kinds, count = tuple(table.columns.values()), 0
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(table.columns)
        for count, row in enumerate(rows, 1):  # noqa: B007 - how many there were
            writer.writerow([_text(value, kind) for value, kind in zip(row, kinds, strict=True)])
    return count


def _text(value: Any, kind: Kind) -> str:  # noqa: ANN401 - of any kind
    if value is None:
        return ""
    if kind is Kind.TIME:
        return time_text(value)
    if kind is Kind.DECIMAL:
        return plain(value)
    return str(value).lower() if kind is Kind.FLAG else str(value)


def _write_parquet(file: Path, table: Table, rows: Iterator[tuple[Any, ...]]) -> int:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an optional extra, 40 MB that a trading pod does not need
        from pyarrow import parquet  # noqa: PLC0415 - as above
    except ImportError as error:
        raise ConfigError(NEEDS_PYARROW) from error
    types = {Kind.TEXT: pa.string(), Kind.NUMBER: pa.int64(), Kind.FLAG: pa.bool_(),
             Kind.DECIMAL: pa.decimal128(PRECISION, SCALE), Kind.TIME: pa.timestamp("ns", "UTC")}  # fmt: skip
    schema = pa.schema([(name, types[kind]) for name, kind in table.columns.items()])
    count = 0
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while batch := list(islice(rows, BATCH)):
            count += len(batch)
            columns = zip(*batch, strict=True)
            arrays = [pa.array(list(column), type_.type) for column, type_ in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return count
