"""A journal that was put back from a backup: it lacks what was done since, and gives no order id a second time."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harness.deltadefi_bot import at_venue, bot_on, resting, sell_through
from harness.journal_files import LOCK, put_back, remove
from harness.runtime_process import STILL, RuntimeProcess, bought_at_venue, runtime
from harness.simulator import SimulatorProcess, trade, until


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*STILL) as started:
        yield started


@pytest.fixture
def bot(tmp_path: Path, simulator: SimulatorProcess) -> Iterator[RuntimeProcess]:
    with runtime(tmp_path / "bot", simulator) as made:
        yield made


def back_up(journal: Path, to: Path) -> None:
    """As docs/reference/journal.md says, while the bot runs."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as database:
        database.execute("VACUUM INTO ?", (str(to),))


def fill_bids(bot: RuntimeProcess, number: int) -> None:
    """Somebody sells down: our bids are filled."""
    before = bought_at_venue(bot)
    bot.simulator.admin.play([trade(number, "59000.00", "10", buyer_is_maker=True)])
    until(lambda: bought_at_venue(bot) > before, "our bids are filled")


def ids_given_twice(simulator: SimulatorProcess) -> list[str]:
    given = Counter(str(order["clientOrderId"]) for order in simulator.admin.all_orders())
    return [order_id for order_id, times in given.items() if times > 1]


def test_a_copy_without_its_lock_is_brought_up_to_date_and_gives_no_id_twice(
    bot: RuntimeProcess, simulator: SimulatorProcess, tmp_path: Path
) -> None:
    bot.start().until_quoting()
    back_up(bot.journal, copy := tmp_path / "backup.sqlite3")
    for number in range(1, 3):
        fill_bids(bot, number)
        bot.until_quoting()
    bot.kill()
    bot.start().until_quoting()  # one life more, of which the copy does not know either
    fill_bids(bot, 3)
    bot.kill()
    put_back(copy, bot.journal)

    bot.start().until_quoting()

    (told,) = bot.until_logged("JournalBehind")
    assert "without its lock file" in told["message"]
    assert bot.market()["position"] == f"{bought_at_venue(bot):.5f}"
    fill_bids(bot, 4)
    bot.until_quoting()
    assert ids_given_twice(simulator) == []


def test_a_copy_that_came_back_with_its_lock_goes_on_above_the_epochs_that_the_venue_knows(
    bot: RuntimeProcess, simulator: SimulatorProcess, tmp_path: Path
) -> None:
    """A snapshot of the whole volume: nothing on it is in contradiction."""
    bot.start().until_quoting()
    assert bot.terminate()[0] == 0
    copy, lock = tmp_path / "copy", tmp_path / "lock"
    shutil.copy(bot.journal, copy)
    shutil.copy(f"{bot.journal}.lock", lock)
    for life in range(2):
        bot.start().until_quoting()
        fill_bids(bot, 1 + life)
        bot.until_quoting()
        bot.kill()
    put_back(copy, bot.journal, lock)

    bot.start().until_quoting()

    (raised,) = bot.until_logged("EpochRaised")
    assert (raised["before"], raised["epoch"]) == (2, 4)
    assert bot.until_logged("JournalBehind")
    assert bot.market()["position"] == f"{bought_at_venue(bot):.5f}"
    assert ids_given_twice(simulator) == []


def test_at_an_account_of_its_own_a_copy_halts_for_a_person(tmp_path: Path) -> None:
    """Whose the trades are, only the journal could tell."""
    (tmp_path / "bot").mkdir()
    with bot_on(tmp_path / "bot") as bot:
        resting(bot)
        assert bot.terminate()[0] == 0
        copy, lock = tmp_path / "copy", tmp_path / "lock"
        shutil.copy(bot.journal, copy)
        shutil.copy(f"{bot.journal}.lock", lock)
        bot.start()
        resting(bot)
        sell_through(bot)
        bot.until(lambda state: state["markets"]["ada"]["fills"].get("buy"), "our bids are filled")
        assert bot.terminate()[0] == 0
        put_back(copy, bot.journal, lock)

        bot.start()

        state = bot.until(lambda state: state["state"] == "Halted", "it halts", 20)
        assert [halt["reason"] for halt in state["halts"]] == ["JournalLost"]
        assert "orders that can only be ours, and that the journal does not know" in state["halts"][0]["message"]


def test_at_an_account_of_its_own_a_new_journal_that_finds_orders_halts_for_a_person(tmp_path: Path) -> None:
    (tmp_path / "bot").mkdir()
    with bot_on(tmp_path / "bot") as bot:
        resting(bot)
        bot.kill()
        assert at_venue(bot)
        remove(bot.journal, LOCK)

        bot.start()

        state = bot.until(lambda state: state["state"] == "Halted", "it halts", 20)
        assert [halt["reason"] for halt in state["halts"]] == ["JournalLost"]
        signs = ("the journal is new, and", "orders that can only be ours")  # the latter where one traded meanwhile
        assert any(sign in state["halts"][0]["message"] for sign in signs)
        until(lambda: not at_venue(bot), "they are withdrawn")
