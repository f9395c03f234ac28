"""docs/reference/journal.md names every table and column, and its queries run."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from harness.told_journal import told
from tradingbot_runtime.core.orders import OrderState

PAGE = (Path(__file__).parents[2] / "docs/reference/journal.md").read_text(encoding="utf-8")


def sections() -> dict[str, str]:
    """By table, what the page says of it."""
    tables = PAGE.partition("## Tables\n")[2].partition("\n## ")[0]
    return {match[1]: match[2] for match in re.finditer(r"### `(\w+)`\n(.*?)(?=\n### |\Z)", tables, re.DOTALL)}


def test_every_table_and_column_is_documented_and_nothing_else(tmp_path: Path) -> None:
    with closing(sqlite3.connect(f"file:{told(tmp_path / 'j')}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = {table: {row[1] for row in database.execute(f"PRAGMA table_info({table})")} for table in tables}
    documented = {
        table: {
            name for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
        }
        for table, text in sections().items()
    }

    assert documented == columns


def test_every_state_of_an_order_is_documented() -> None:
    [row] = re.findall(r"^\| `state` \| (.*) \|$", sections()["orders"], re.MULTILINE)

    assert set(re.findall(r"`(\w+)`", row)) == {state.value for state in OrderState}


def test_the_queries_run(tmp_path: Path) -> None:
    queries = PAGE.partition("```sql\n")[2].partition("```")[0].split(";")
    with closing(sqlite3.connect(f"file:{told(tmp_path / 'j')}?mode=ro", uri=True)) as database:
        found = [database.execute(query).fetchall() for query in queries if query.strip()]

    assert len(found) == 5
    assert found[1] == [("btc", 500)]
    assert found[2] == [("BTC", 300)]
