"""Which changes of limits allow more than before, also over a restart; and what the journal says of them."""

import asyncio
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from harness.limit_pairs import LIMIT_PAIRS
from harness.live_risk import LIVE_RISK
from harness.slots import Wire, config, slot_of
from tradingbot_runtime.config import Risk
from tradingbot_runtime.config.limit_widths import WIDTHS
from tradingbot_runtime.core.risk.loosening import loosened
from tradingbot_runtime.journal import ConfigApplied

# field, a strict value, a wider one
PAIRS: list[tuple[str, Any, Any]] = [
    *LIMIT_PAIRS,
    ("ownUnknown", "Cancel", "Adopt"),
    ("foreignOrders", "Halt", "Count"),
    ("foreignOrders", "Count", "Ignore"),
    ("onBreach", "CancelAll", "ReduceOnly"),
    ("onBreach", "Flatten", "CancelAll"),
]


def risk(name: str, value: object) -> Risk:
    return Risk.model_validate({} if value is None else {name: value})


@pytest.mark.parametrize(("name", "strict", "wide"), PAIRS)
def test_wider_is_said_and_narrower_and_equal_are_not(name: str, strict: object, wide: object) -> None:
    assert loosened(risk(name, strict), risk(name, wide)) == (name,)
    assert loosened(risk(name, wide), risk(name, strict)) == ()
    assert loosened(risk(name, strict), risk(name, strict)) == ()


def test_every_field_of_risk_is_compared_and_has_a_pair() -> None:
    assert set(WIDTHS) == set(Risk.model_fields)
    assert {Risk.model_fields[name].alias for name in WIDTHS} == {pair[0] for pair in PAIRS}


def test_tightening_and_loosening_are_both_taken_while_running_and_the_second_is_marked(tmp_path: Path) -> None:
    wide = {**LIVE_RISK, "maxPosition": "2", "maxDailyLoss": "9000"}
    slot = slot_of(tmp_path / "journal.sqlite3", Wire(), config(risk=LIVE_RISK))
    with capture_logs() as logged:
        assert asyncio.run(slot.configure(config(risk=wide).document())).outcome == "Applied"
    (warning,) = [entry for entry in logged if entry["event"] == "LimitsLoosened"]
    assert sorted(warning["fields"]) == ["maxDailyLoss", "maxPosition"]
    assert asyncio.run(slot.configure(config(risk=LIVE_RISK).document())).outcome == "Applied"
    slot.journal.close()

    assert marked(tmp_path / "journal.sqlite3") == [["maxDailyLoss", "maxPosition"], []]


def marked(journal: Path) -> list[list[str]]:
    """What the audit trail says of each configuration that was applied."""
    with closing(sqlite3.connect(journal)) as database:
        rows = database.execute("SELECT payload FROM events WHERE kind = 'ConfigApplied' ORDER BY seq").fetchall()
    return [sorted(msgspec.json.decode(payload, type=ConfigApplied).loosened) for (payload,) in rows]


def start_with(journal: Path, risk: dict[str, Any]) -> list[dict[str, Any]]:
    """What a process logs that begins with these limits; it ends again."""
    slot = slot_of(journal, Wire(), config(risk=risk))
    with capture_logs() as logged:
        slot.note_config()
    slot.journal.close()
    return [dict(entry) for entry in logged]


def test_limits_that_a_restart_makes_wider_are_marked_as_those_of_a_running_bot_are(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite3"
    wide = {**LIVE_RISK, "maxPosition": "2000", "maxDailyLoss": "9000"}
    first = start_with(journal, LIVE_RISK)
    second = start_with(journal, wide)
    start_with(journal, wide)
    narrower = start_with(journal, LIVE_RISK)

    (warning,) = [entry for entry in second if entry["event"] == "LimitsLoosened"]
    assert sorted(warning["fields"]) == ["maxDailyLoss", "maxPosition"]
    assert [entry["event"] for entry in (*first, *narrower)] == ["ConfigApplied", "ConfigApplied"]
    assert marked(journal) == [[], ["maxDailyLoss", "maxPosition"], []]


def test_a_start_says_so_when_it_does_not_understand_the_limits_before(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite3"
    start_with(journal, LIVE_RISK)
    with closing(sqlite3.connect(journal)) as database, database:
        database.execute("UPDATE meta SET value = '{}' WHERE key = 'config'")

    assert [entry["event"] for entry in start_with(journal, LIVE_RISK)] == ["ConfigApplied", "LimitsNotCompared"]


@pytest.mark.parametrize("name", list(LIVE_RISK))
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    nothing = 0 if isinstance(LIVE_RISK[name], int) else "0s" if name == "maxClockDrift" else "0"
    with pytest.raises(ValidationError):
        Risk.model_validate({name: nothing})


def test_shares_of_limits_reach_every_slot_within_their_bounds() -> None:
    least = Risk.model_validate({"maxDrawdown": "0.0001", "maxDailyLoss": "0.000000000001"})

    assert least.max_drawdown == Decimal("0.0001")
