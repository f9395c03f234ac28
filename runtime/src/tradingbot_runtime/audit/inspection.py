"""`inspect`: what a journal holds, as tables."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import yaml
from rich.table import Table

from tradingbot_runtime.audit.accounts import days, plain
from tradingbot_runtime.audit.steps import Steps, time_text
from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.core.carried import CarriedAccount
from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.inputs.folder import inputs_folder
from tradingbot_runtime.inputs.segments import segments
from tradingbot_runtime.journal.reading import JournalReader
from tradingbot_runtime.model import ASSET_EXPONENT
from tradingbot_runtime.standard_output import Page

_WIDTH = 200
_FOR_THE_BOT = ("kind", "config", "risk ", "trades of ")  # what its next start goes on from: JSON, and shown below
Cells = Iterable[Sequence[str]]


def inspect(options: argparse.Namespace) -> int:
    """Raises JournalError."""
    console = Page(width=None if sys.stdout.isatty() else _WIDTH)
    with JournalReader(options.journal) as reader:
        for title, columns, cells in (
            ("Journal", ("what", "value"), _identity(reader)),
            ("Positions", ("market", "position", "cost", "realised", "fees", "traded"), _positions(reader)),
            ("Taken over from other slots", ("market", "statement", "at", "account"), _carried(reader)),
            ("Profit per UTC day, before fees",
             ("day", "market", "realised", "fees", "fills", "bought", "sold", "turnover", "position"), _days(reader)),
            ("Orders not closed", ("order", "market", "side", "price", "quantity", "filled", "state", "venue's id",
                                   "since"), _orders(reader)),
            ("Halts that hold", ("id", "reason", "at", "message"), _halts(reader)),
            ("Sizes", ("what", "rows", "bytes"), _sizes(reader)),
        ):  # fmt: skip
            console.print(_table(title, columns, list(cells)), "")
        config = reader.config()
    if config is not None:
        console.print("Configuration", style="italic")
        console.print(_as_yaml(config), markup=False, highlight=False, soft_wrap=True)
    return 0


def _table(title: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    table = Table(title=f"{title}: {'none' if not cells else len(cells)}" if title != "Journal" else title,
                  title_justify="left", box=None, pad_edge=False, show_header=bool(cells))  # fmt: skip
    for name in columns:
        table.add_column(name, no_wrap=name != "message")
    for row in cells:
        table.add_row(*row)
    return table


def _identity(reader: JournalReader) -> Cells:
    config = reader.config()
    yield "file", str(reader.path)
    for row in reader.rows("SELECT key, value FROM meta ORDER BY key"):
        if not row["key"].startswith(_FOR_THE_BOT):
            yield row["key"], row["value"]
    if config is not None:
        yield "configuration", f"{config.config_hash()}: {config.mode}, {config.desired_state}"
    for row in reader.rows("SELECT min(time_ns) AS first, max(time_ns) AS last FROM events"):
        if row["first"] is not None:
            yield "recorded", f"{time_text(row['first'])} to {time_text(row['last'])}"


def _positions(reader: JournalReader) -> Cells:
    for market, instrument in reader.instruments().items():
        position = reader.account(market, Position(instrument))
        fees = ", ".join(
            f"{plain(Decimal(units).scaleb(ASSET_EXPONENT))} {asset}" for asset, units in sorted(position.fees.items())
        )
        yield (market, f"{instrument.quantity_text(position.lots)} {instrument.base}",
               f"{instrument.money_text(position.cost)} {instrument.quote}", instrument.money_text(position.realised),
               fees or "0", instrument.quantity_text(position.traded))  # fmt: skip


def _carried(reader: JournalReader) -> Cells:
    for row in reader.carried():
        account = str(reader.decoded(row["account"], CarriedAccount)) if row["account"] else "not known: see halts"
        yield row["market"], row["statement"], time_text(row["time_ns"]), account


def _days(reader: JournalReader) -> Cells:
    for market, instrument in reader.instruments().items():
        for day in days(market, instrument, reader):
            fees = ", ".join(f"{plain(fee)} {asset}" for asset, fee in sorted(day.fees.items())) or "0"
            yield (day.day.isoformat(), market, plain(day.realised), fees, str(day.fills), plain(day.bought),
                   plain(day.sold), plain(day.turnover), plain(day.position))  # fmt: skip


def _orders(reader: JournalReader) -> Cells:
    steps = Steps(reader)
    for row in reader.rows("SELECT * FROM orders WHERE closed = 0 ORDER BY market, side, price"):
        units = steps.units(row["market"])
        yield (row["order_id"], row["market"], row["side"], units.price(row["price"]),
               units.quantity(row["quantity"]), units.quantity(row["filled"]), row["state"], row["venue_order_id"],
               time_text(row["created_ns"]))  # fmt: skip


def _halts(reader: JournalReader) -> Cells:
    return (
        (halt["id"], halt["reason"], time_text(halt["at_ns"]), halt["message"])
        for halt in reader.latches()
        if halt["resumed_ns"] is None
    )


def _sizes(reader: JournalReader) -> Cells:
    for table, rows in reader.tables().items():
        yield f"table {table}", str(rows), ""
    for end in ("", "-wal"):
        file = reader.path.with_name(f"{reader.path.name}{end}")
        if file.exists():
            yield file.name, "", str(file.stat().st_size)
    recorded: list[Path] = segments(inputs_folder(reader.path))
    yield "recorded inputs", f"{len(recorded)} segments", str(sum(path.stat().st_size for path in recorded))


def _as_yaml(config: SlotConfig) -> str:
    return yaml.safe_dump(config.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=False)
