"""What a restart on an account of its own must not forget, and what a person's word ends: real processes, DeltaDeFi."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from harness.deltadefi_bot import MARKET, at_venue, bot_on, resting, sell_through
from harness.journal_files import remove
from harness.live_risk import LIVE_RISK
from harness.runtime_process import END_WITHIN_S, RuntimeProcess
from harness.shown import Shown
from harness.simulator import Json, until

FAR_APART = 8  # failures in a row
RISK = LIVE_RISK | {"maxPosition": "2000", "maxOrder": "1000", "staleAfter": "3s", "haltAfter": "5s"}


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[RuntimeProcess]:
    """It has traded."""
    with bot_on(tmp_path, risk=RISK) as runtime:
        resting(runtime)
        sell_through(runtime)
        runtime.until(lambda s: s["markets"][MARKET]["fills"].get("buy"), "our bids are filled")
        resting(runtime)
        yield runtime


def resume(bot: RuntimeProcess) -> None:
    """The halt in force, in the journal of a bot that is stopped."""
    (halt,) = bot.state()["halts"]
    assert bot.terminate()[0] == 0
    command = (sys.executable, "-m", "tradingbot_runtime", "resume", str(bot.journal), halt["id"], "--by", "ann")
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=END_WITHIN_S)
    assert done.returncode == 0, done.stderr


def halted(bot: RuntimeProcess) -> Json:
    (halt,) = bot.until(lambda state: state["state"] == "Halted", "it halts", 30.0)["halts"]
    return dict(halt)


def test_a_lost_journal_is_told_of_until_a_person_resumes_and_not_again(bot: RuntimeProcess) -> None:
    """The trades of the last minute are read again by each start."""
    assert bot.terminate()[0] == 0
    remove(bot.journal)
    bot.start()
    assert halted(bot)["reason"] == "JournalLost"
    assert bot.terminate()[0] == 0
    bot.start()
    assert halted(bot)["reason"] == "JournalLost", "a restart resumes nothing"
    resume(bot)

    resting(bot.start())
    assert bot.terminate()[0] == 0
    resting(bot.start())


def until_told(bot: RuntimeProcess) -> None:
    wrong = "ADA: 1500.00000000 less than by our fills"
    said = bot.until(lambda state: wrong in state["message"], "it says what is wrong", 30.0)
    assert (said["reason"], at_venue(bot)) == ("AccountMismatch", [])


def test_what_left_the_account_while_the_bot_was_away_is_told_before_it_quotes_and_outlives_a_crash(
    bot: RuntimeProcess,
) -> None:
    """A container that restarts within `haltAfter` must not quote on a guess; a person's word ends it."""
    bot.kill()
    bot.simulator.admin.deltadefi_deposit("ADA", "-1500")
    until_told(bot.start())
    bot.kill()
    until_told(bot.start())
    assert halted(bot)["reason"] == "ReconciliationMismatch"
    resume(bot)

    resting(bot.start())


def at_ms(entry: Json) -> float:
    return datetime.fromisoformat(entry["ts"]).timestamp() * 1_000


def test_what_a_crash_left_at_a_locked_venue_is_asked_about_as_soon_as_it_is_unlocked(
    bot: RuntimeProcess, shown: Shown
) -> None:
    bot.simulator.admin.lock_trading(600)
    sell_through(bot, trade_id=2)
    bot.until(lambda s: s["state"] == "VenueLocked", "the lock is seen", 30.0)
    bot.kill()
    assert at_venue(bot)
    bot.start()
    until(lambda: len(bot.logged("BarrierStepFailed")) >= FAR_APART, "its tries are seconds apart", 60.0)
    bot.simulator.admin.unlock_trading()
    resting(bot)

    (unlocked,), (passed,) = bot.logged("TradingUnlocked"), bot.until_logged("BarrierPassed")
    shown.at_most("a start that waits for a lock, after its end", at_ms(passed) - at_ms(unlocked), "ms", 1_000)
