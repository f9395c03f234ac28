"""`tradingbot-runtime resume`: a halt is released in the journal of a bot that does not run, by its id alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.engines import tick
from harness.slots import SECOND, Wire, config, halted, slot_of
from tradingbot_runtime.__main__ import main
from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.core.breaches import Breach, BreachReason
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import Place, TradingState
from tradingbot_runtime.risk_memory import RiskMemory
from tradingbot_runtime.slot import Slot

LOSS = Breach(BreachReason.MAX_LOSS, "120 USDT", "100 USDT")
DRAWDOWN = Breach(BreachReason.MAX_DRAWDOWN, "9 USDT", "8 USDT")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def test_a_halted_bot_that_was_stopped_and_resumed_trades_when_it_is_started_again(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (halt_id,) = halted(path, LOSS)
    capsys.readouterr()

    assert main(["resume", str(path), halt_id, "--by", "ann"]) == 0
    assert capsys.readouterr().out == f"{halt_id} is released; no halt is in force\n"
    wire = Wire()
    again = slot_of(path, wire, config())
    assert again.report().state is TradingState.ACTIVE
    assert again.report().resumed == (halt_id,)
    again.markets["btc"].handle(tick(SECOND))
    assert Place in wire.kinds()
    again.journal.close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT resumed_by, resumed_ns > 0 FROM latches").fetchall() == [("ann", 1)]
        kinds = database.execute("SELECT kind FROM events WHERE kind IN ('Halted', 'Resumed') ORDER BY seq").fetchall()
    assert kinds == [("Halted",), ("Resumed",)]


def test_what_else_holds_goes_on_holding_and_a_halt_file_is_told(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loss, drawdown = halted(path, LOSS, DRAWDOWN)
    (path.parent / "HALT").symlink_to("nowhere")
    capsys.readouterr()

    assert main(["resume", str(path), loss]) == 0
    told, file = capsys.readouterr().out.splitlines()
    assert told == f"{loss} is released; still in force: {drawdown}"
    assert file.startswith(f"{path.parent / 'HALT'} is there")
    again = slot_of(path, Wire(), config())
    assert again.report().state is TradingState.HALTED
    again.journal.close()


@pytest.mark.parametrize("wrong", [(), ("ada-0-ffff",)])
def test_a_wrong_id_or_none_is_refused_with_the_halts_in_force(
    wrong: tuple[str, ...], path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = halted(path, LOSS, DRAWDOWN)

    assert main(["resume", str(path), *wrong]) == 2
    first, *lines = capsys.readouterr().err.splitlines()
    assert first == ("no halt 'ada-0-ffff' is in force; in force:" if wrong else "which halt?; in force:")
    assert [line.split()[:3] for line in lines] == [
        [ids[0], "RiskBreachMaxLoss", "btc"], [ids[1], "RiskBreachMaxDrawdown", "btc"]
    ]  # fmt: skip
    with Journal(path) as journal:
        assert [halt.id for halt in journal.latches.held()] == ids


def test_a_released_halt_is_not_released_again(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (halt_id,) = halted(path, LOSS)
    main(["resume", str(path), halt_id])

    assert main(["resume", str(path), halt_id]) == 2
    assert capsys.readouterr().err == "no halt is in force\n"


@pytest.mark.parametrize("name", ["", "  "])
def test_nobody_releases_nothing(name: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (halt_id,) = halted(path, LOSS)
    capsys.readouterr()

    assert main(["resume", str(path), halt_id, "--by", name]) == 2
    assert capsys.readouterr().err == f"--by {name}: must be a name, not empty\n"
    with Journal(path) as journal:
        assert [halt.id for halt in journal.latches.held()] == [halt_id]


def test_without_a_name_the_journal_says_that_it_was_a_command(path: Path) -> None:
    (halt_id,) = halted(path, LOSS)

    assert main(["resume", str(path), halt_id]) == 0
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT resumed_by FROM latches").fetchall() == [("command line",)]


def test_a_bot_that_runs_is_to_be_stopped_first(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (halt_id,) = halted(path, LOSS)
    with Journal(path) as running:
        assert main(["resume", str(path), halt_id]) == 2
        assert [halt.id for halt in running.latches.held()] == [halt_id]
    said = capsys.readouterr().err
    assert "its bot runs: stop it first" in said
    assert f"tradingbot.dev/resume={halt_id}" in said


def test_no_journal_is_made_where_there_is_none(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", str(path), "x"]) == 2
    assert "there is no such journal" in capsys.readouterr().err
    assert not list(path.parent.iterdir())


# -- the drawdown ----------------------------------------------------------------------------------------------------


@pytest.fixture
def fallen(path: Path) -> str:
    """The id of the halt of a bot that bought, lost more than its drawdown allows, and has ended."""
    slot = started(path, limited())
    slot.markets["btc"].handle(tick(SECOND))
    slot.markets["btc"].engine.market.meters.remembered.best = 10**12  # it has been better once
    slot.markets["btc"].handle(tick(2 * SECOND))
    (halt,) = slot.report().halts
    assert halt.reason == BreachReason.MAX_DRAWDOWN
    ended(slot)
    return str(halt.id)


def limited(**changes: object) -> SlotConfig:
    risk = config().risk.model_dump(mode="json", by_alias=True, exclude_none=True) | {"maxDrawdown": "0.001"}
    return config(risk=risk, **changes)


def started(path: Path, configured: SlotConfig) -> Slot:
    slot = slot_of(path, Wire(), configured)
    slot.note_config()
    return slot


def ended(slot: Slot) -> None:
    RiskMemory(slot.journal).keep("btc", slot.markets["btc"].engine.market.meters)
    slot.journal.close()


def reasons(path: Path, configured: SlotConfig) -> list[list[str]]:
    """The halts of a fresh start: at its first valuation, and once it has been better by as much again."""
    slot, found = started(path, configured), []
    market = slot.markets["btc"]
    market.handle(tick(3 * SECOND))
    found.append([halt.reason for halt in slot.report().halts])
    market.engine.market.meters.remembered.best += 10**12
    market.handle(tick(4 * SECOND))
    found.append([halt.reason for halt in slot.report().halts])
    slot.journal.close()
    return found


def test_a_resumed_drawdown_begins_anew_at_the_next_start_and_only_there(path: Path, fallen: str) -> None:
    assert main(["resume", str(path), fallen]) == 0
    assert reasons(path, limited()) == [[], ["RiskBreachMaxDrawdown"]]


def test_a_drawdown_that_the_configuration_of_a_fresh_process_resumes_begins_anew_as_well(
    path: Path, fallen: str
) -> None:
    configured = limited(resumed=[{"id": fallen, "by": "ann"}])
    assert reasons(path, configured) == [[], ["RiskBreachMaxDrawdown"]]
