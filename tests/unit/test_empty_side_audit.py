"""A decision on a book with an empty side, as a person reads it later."""

import csv
from pathlib import Path

import msgspec
from pyarrow import parquet

from harness.told_journal import decided, told, write
from tradingbot_runtime.__main__ import main
from tradingbot_runtime.audit.steps import Steps
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal.reading import JournalReader
from tradingbot_runtime.model import Lots, OrderId, Place, Side, Ticks


def test_audit_and_export_tell_nobody_from_not_known(tmp_path: Path) -> None:
    path = told(tmp_path / "journal.sqlite3")
    with Journal(path) as journal:
        for number, is_known in enumerate((True, False)):
            seen = decided(10**18 + number, Place(order_id=OrderId(f"{number:032x}"), side=Side.BUY,
                                                        price=Ticks(6_000_001), quantity=Lots(1_000)))  # fmt: skip
            write(journal, msgspec.structs.replace(seen, venue_bid=None, venue_ask=None, venue_known=is_known))
    with JournalReader(path) as reader:
        steps = [step.details["venue"] for step in Steps(reader).all() if step.step == "Seen"]

    assert steps[-2:] == ["nobody / nobody", "unknown"]
    assert main(["export", str(path), "--format", "csv", "--to", str(tmp_path)]) == 0
    quotes = list(csv.DictReader((tmp_path / "quotes.csv").read_text().splitlines()))
    assert [(quote["venue_bid"], quote["venue_ask"]) for quote in quotes][-2:] == [("", "")] * 2
    assert main(["export", str(path), "--format", "parquet", "--to", str(tmp_path)]) == 0
    assert parquet.read_table(tmp_path / "quotes.parquet").column("venue_bid").to_pylist()[-1] is None
