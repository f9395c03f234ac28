"""What a journal tells a person: an order's life, positions, profit per day, halts; while a bot writes to it."""

import csv
import json
import random
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from harness.slots import halted
from harness.told_journal import BUY, DAY, NEW, OLD, SECOND, START, told
from tradingbot_runtime.__main__ import main
from tradingbot_runtime.audit.life import since
from tradingbot_runtime.audit.steps import time_text
from tradingbot_runtime.core.breaches import Breach, BreachReason
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal.schema import MIGRATIONS

OF_ITS_END = {"in_force", "resumed_at", "resumed_by"}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return told(tmp_path_factory.mktemp("audit") / "journal.sqlite3")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run_command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run_command


def test_the_life_of_an_order_is_told_from_what_was_seen_to_its_end(journal: Path, run: Run) -> None:
    code, out, _ = run("audit", journal, "--order", BUY, "-o", "json")
    steps = [json.loads(line) for line in out.splitlines()]

    assert code == 0
    assert [step["what"] for step in steps] == [
        "Seen", "PlaceDecided", "OrderAccepted", "OrderFilled", "OrderFilled", "Seen", "CancelDecided",
        "OrderCanceled", "now Canceled",
    ]  # fmt: skip
    assert steps[-1]["time"] == steps[-2]["time"] > steps[0]["time"], "since its last change"
    assert steps[0]["details"] == {
        "reference": "60001.00 / 60002.00 (update 7)", "venue": "60001.00 / 60002.00",
        "holds": "0.05000 base, 1000.5 quote", "wanted": "1 quotes",
    }  # fmt: skip
    assert steps[1]["details"]["price"] == "60000.00"
    assert steps[1]["details"]["quantity"] == "0.01000"
    fill = {"trade_id": "t1", "side": "buy", "price": "60000.00", "quantity": "0.00300", "fee": "0.0000015",
            "fee_asset": "BTC", "maker": "true"}  # fmt: skip
    assert steps[3]["details"] == fill
    assert steps[3]["time"] == "2026-01-01T00:00:02.000000Z"
    assert steps[-1]["details"]["filled"] == "0.00500"


def test_an_order_is_found_by_a_part_of_its_id_and_by_the_venues(journal: Path, run: Run) -> None:
    for name in ("7b07aaaa", "aaaaaaaa", "v1"):
        assert BUY in run("audit", journal, "--order", name, "-o", "json")[1]
    code, _, told_ = run("audit", journal, "--order", "7b07")
    assert code == 2
    assert f"more than one order: {BUY}, {OLD}, {NEW}" in told_
    for name in ("none", "7b0", ""):
        code, _, told_ = run("audit", journal, "--order", name)
        assert (code, f"no order {name!r}; wanted: an id, or" in told_) == (2, True)


def test_a_replacement_is_in_the_life_of_both_orders(journal: Path, run: Run) -> None:
    old = [json.loads(line) for line in run("audit", journal, "--order", OLD, "-o", "json")[1].splitlines()]
    new = [json.loads(line) for line in run("audit", journal, "--order", NEW, "-o", "json")[1].splitlines()]

    assert old[1]["details"] == {"risk": "approved", "by": "Replace", "replaced_by": NEW}
    assert (new[1]["what"], new[1]["details"]["replaces"]) == ("PlaceDecided", OLD)


def test_the_table_shows_the_same_steps(journal: Path, run: Run) -> None:
    code, out, _ = run("audit", journal, "--order", BUY)

    assert code == 0
    assert "PlaceDecided" in out
    assert "+ms" in out
    assert all(line == line.rstrip() for line in out.splitlines())
    [placed] = [line for line in out.splitlines() if "PlaceDecided" in line]
    assert "price 60000.00, quantity 0.01000" in placed


def test_since_leaves_out_what_was_before(journal: Path, run: Run) -> None:
    out = run("audit", journal, "--since", "2026-01-02T00:00:01", "-o", "json")[1]

    assert json.loads(out.splitlines()[0])["time"] == time_text(START + DAY + SECOND)
    assert len(out.splitlines()) == 7


@pytest.mark.parametrize(("size", "step"), [(4096, 4096), (16, 1777)], ids=["pages", "a few bytes"])
def test_a_damaged_journal_is_one_line(journal: Path, run: Run, tmp_path: Path, size: int, step: int) -> None:
    whole, refused = journal.read_bytes(), 0
    noise = random.Random(7).randbytes(size)  # noqa: S311 - damage, and the same every time
    damaged = tmp_path / "damaged.sqlite3"
    for at in range(0, len(whole), step):
        damaged.write_bytes(whole[:at] + noise + whole[at + size :])
        for command in (["inspect"], ["audit"], ["audit", "--halts"], ["export", "--to", tmp_path / "tables"]):
            code, _, told_ = run(command[0], damaged, *command[1:])
            assert (code, told_.count("\n")) in {(0, 0), (2, 1)}, (command, at, told_)
            refused += code == 2
    assert refused > 0


def test_moments_and_ages() -> None:
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    noon = int(now.timestamp()) * SECOND

    assert since("2026-01-01T12:00", now) == noon
    assert since("2026-01-01T13:00+01:00", now) == noon
    assert since("90m", now) == noon - 5400 * SECOND
    for bad in ("", "yesterday", "5x", "99999999999999d"):
        with pytest.raises(ConfigError, match="a moment such as"):
            since(bad, now)


def test_halts_are_told(journal: Path, run: Run) -> None:
    [line] = run("audit", journal, "--halts", "-o", "json")[1].splitlines()

    assert json.loads(line)["details"] == {
        "id": "ada-0-1", "reason": "MaxDailyLoss", "message": "market btc", "by": "runtime", "policy": "CancelAll",
        "in_force": True,
    }  # fmt: skip


def test_a_halt_is_told_with_all_that_is_known_of_it_and_its_release_with_who_it_was(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "journal.sqlite3"
    halt_id, _ = halted(path, Breach(BreachReason.MAX_LOSS, "120 USDT", "100 USDT"),
                        Breach(BreachReason.MAX_DRAWDOWN, "9 USDT", "8 USDT"))  # fmt: skip
    capsys.readouterr()
    assert run("resume", path, halt_id, "--by", "ann")[0] == 0

    steps = [json.loads(line) for line in run("audit", path, "--halts", "-o", "json")[1].splitlines()]
    assert [(step["what"], step["market"]) for step in steps] == [("Halted", "btc"), ("Halted", "btc"),
                                                                  ("Resumed", "btc")]  # fmt: skip
    details = next(step["details"] for step in steps if step["details"]["id"] == halt_id)
    assert details == {
        "id": halt_id, "reason": "RiskBreachMaxLoss", "message": "market btc: 120 USDT; limit 100 USDT",
        "by": "runtime", "measured": "120 USDT", "limit": "100 USDT", "policy": "CancelAll",
        "in_force": False, "resumed_at": steps[2]["time"], "resumed_by": "ann",
    }  # fmt: skip
    assert steps[2]["details"] == {"id": halt_id, "by": "ann"}
    table = run("audit", path, "--halts")[1]
    assert "RiskBreachMaxLoss: market btc: 120 USDT; limit 100 USDT" in table
    assert "measured 120 USDT, limit 100 USDT" in table
    assert "{" not in table

    everything = [json.loads(line) for line in run("audit", path, "-o", "json")[1].splitlines()]
    told_ = [step["details"] for step in everything if step["what"] in ("Halted", "Resumed")]
    assert told_[0] == {name: text for name, text in details.items() if name not in OF_ITS_END}
    assert told_[2] == {"id": halt_id, "by": "ann"}


def test_inspect_shows_positions_profit_orders_halts_and_sizes(journal: Path, run: Run) -> None:
    code, out, _ = run("inspect", journal)
    lines = [line.split() for line in out.splitlines()]

    assert code == 0
    said = [" ".join(line) for line in lines]
    assert "btc 0.00500 BTC 300 USDT 0 USDT 0.000003 BTC 0.00500 BTC" in said
    assert "2026-01-01 btc 0 USDT 0.0000015 BTC 1 0.003 BTC 0 BTC 180 USDT 0.003 BTC" in said
    assert "2026-01-02 btc 0 USDT 0.0000015 BTC 1 0.002 BTC 0 BTC 120 USDT 0.005 BTC" in said
    assert any(line.startswith(f"{OLD} btc sell 61000.00 USDT 0.00400 BTC 0.00000 BTC Open v2 ") for line in said)
    assert any(line[:2] == ["ada-0-1", "MaxDailyLoss"] for line in lines)
    assert ["table", "orders", "3"] in lines
    assert not any(line[:1] in (["risk"], ["trades"], ["kind"]) for line in lines), "what only the bot reads"


def test_csv_has_decimals_and_times_that_any_program_reads(journal: Path, run: Run, tmp_path: Path) -> None:
    code, out, _ = run("export", journal, "--format", "csv", "--to", tmp_path / "out")
    tables = {
        path.stem: list(csv.DictReader(path.read_text().splitlines())) for path in (tmp_path / "out").glob("*.csv")
    }

    assert code == 0
    assert f"{tmp_path / 'out' / 'fills.csv'}: 2 rows" in out
    assert {name: len(rows) for name, rows in tables.items()} == {
        "fills": 2, "orders": 3, "quotes": 3, "profit_per_day": 2
    }  # fmt: skip
    assert tables["fills"][0] == {
        "time": "2026-01-01T00:00:02.000000Z", "venue": "sim", "account": "account", "symbol": "BTCUSDT",
        "market": "btc", "trade_id": "t1", "order_id": BUY, "side": "buy", "price": "60000", "quantity": "0.003",
        "value": "180", "fee": "0.0000015", "fee_asset": "BTC", "maker": "true",
    }  # fmt: skip


def test_parquet_has_the_same_numbers_as_decimals_never_floats(journal: Path, run: Run, tmp_path: Path) -> None:
    assert run("export", journal, "--format", "parquet", "--to", tmp_path)[0] == 0
    fills = parquet.read_table(tmp_path / "fills.parquet")

    for table in tmp_path.glob("*.parquet"):
        assert not any(pa.types.is_floating(field.type) for field in parquet.read_schema(table))
    assert fills.column("value").to_pylist() == [Decimal(180), Decimal(120)]
    assert fills.schema.field("time").type == pa.timestamp("ns", "UTC")
    assert not list(tmp_path.glob(".*"))


def test_parquet_without_its_library_says_what_to_install(
    journal: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, _, said = run("export", journal, "--format", "parquet", "--to", tmp_path)

    assert code == 2
    assert said == "Parquet needs pyarrow: install tradingbot-runtime[export], or use --format csv\n"


def test_a_running_bots_journal_is_read_and_never_held_up(tmp_path: Path, run: Run) -> None:
    path = told(tmp_path / "journal.sqlite3")
    with Journal(path) as journal:
        for number in range(20):
            journal.put("n", str(number))
            assert run("inspect", path)[0] == 0
            assert run("audit", path, "-o", "json")[0] == 0
        assert journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0  # noqa: SLF001 - nobody reads


def test_a_journal_on_a_folder_that_cannot_be_written_is_read(tmp_path: Path, run: Run) -> None:
    path = told(tmp_path / "journal.sqlite3")
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    before = path.read_bytes()

    assert run("inspect", path)[0] == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", [("audit",), ("inspect",), ("export", "--to", "/nowhere")])
def test_what_is_no_journal_is_one_line(command: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    garbage, other = tmp_path / "garbage", tmp_path / "other"
    garbage.write_bytes(b"no database at all" * 100)
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE recipes (name)")
    for path in (garbage, other, tmp_path / "missing"):
        code, out, said = run(command[0], path, *command[1:])
        assert (code, out) == (2, "")
        assert len(said.splitlines()) == 1
        assert str(path) in said


def test_a_journal_of_the_first_version_is_read(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "journal.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(f"BEGIN; {MIGRATIONS[0]} PRAGMA user_version=1; COMMIT;")
        database.execute("INSERT INTO meta VALUES ('kind', 'tradingbot journal')")
        database.execute(
            "INSERT INTO events (time_ns, market, kind, payload) VALUES (5, 'm', 'OrderCanceled', ?)",
            (b'{"type":"OrderCanceled","time_ns":5,"order_id":"a"}',),
        )

    assert run("inspect", path)[0] == 0
    assert json.loads(run("audit", path, "-o", "json")[1])["order_id"] == "a"


def test_the_commands_are_those_of_the_program(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(journal), "--order", "7b07aaaa"]) == 0
    assert "OrderCanceled" in capsys.readouterr().out
