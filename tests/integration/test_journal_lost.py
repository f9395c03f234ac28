"""A journal that is gone, or an older copy: the bot knows its orders, withdraws them, and does not trade on a guess."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.journal_files import LOCK, remove
from harness.runtime_process import RuntimeProcess, cancel_all, ours_at_venue, runtime
from harness.simulator import SimulatorProcess, until


@pytest.fixture
def bot(tmp_path: Path, simulator: SimulatorProcess) -> Iterator[RuntimeProcess]:
    with runtime(tmp_path / "bot", simulator) as made:
        yield made


def test_a_lost_journal_halts_until_a_person_has_looked_and_its_orders_are_withdrawn(bot: RuntimeProcess) -> None:
    bot.start()
    bot.until_quoting()
    prefix = bot.prefix
    assert len(ours_at_venue(bot)) == 4
    bot.kill()
    remove(bot.journal)

    for _ in range(2):  # and a restart does not forget it
        bot.start()
        state = bot.until(lambda state: state["state"] == "Halted", "halted")
        assert [halt["reason"] for halt in state["halts"]] == ["JournalLost"]
        assert "the journal is missing" in state["halts"][0]["message"]
        assert f"tradingbot-runtime cancel-all {bot.journal}" in state["halts"][0]["message"]
        assert bot.prefix == prefix
        until(lambda: not ours_at_venue(bot), "its orders are withdrawn")
        bot.kill()


def test_an_older_copy_in_the_same_boot_is_refused_and_left_alone(bot: RuntimeProcess, tmp_path: Path) -> None:
    bot.start()
    bot.until_quoting()
    assert bot.terminate()[0] == 0
    copy = tmp_path / "copy.sqlite3"
    shutil.copy(bot.journal, copy)
    bot.start()
    bot.until_quoting()
    assert bot.terminate()[0] == 0
    shutil.copy(copy, bot.journal)
    before = bot.journal.read_bytes()

    bot.launch()

    assert bot.wait() == 2
    assert len(bot.errors()) == 1
    assert "was cut short or replaced by an older copy (epoch 1 of 2" in bot.errors()[0]
    assert bot.journal.read_bytes() == before


def test_a_journal_lost_with_its_lock_is_a_new_bot_that_says_how_the_orders_of_the_former_are_withdrawn(
    bot: RuntimeProcess,
) -> None:
    bot.start()
    bot.until_quoting()
    former = ours_at_venue(bot)
    number = bot.prefix[4:12]
    bot.kill()
    remove(bot.journal, LOCK)
    bot.start()
    bot.until_quoting()
    (told,) = bot.until_logged("OrdersOfAnotherBot")
    assert (told["orders"], told["other_bot"], told["level"]) == (4, number, "warning")
    command = f"tradingbot-runtime cancel-all {bot.journal} --former-bot {number}"
    assert told["message"].endswith(command)
    assert bot.terminate()[0] == 0
    assert {str(order["clientOrderId"]) for order in bot.simulator.admin.open_orders()} >= former

    refused = cancel_all(bot, "--former-bot", "everybody")
    assert (refused.returncode, "must be eight hexadecimal digits" in refused.stderr) == (2, True)
    ended = cancel_all(bot, "--former-bot", number)
    assert (ended.returncode, ended.stdout.count("cancelled")) == (0, 4), ended.stdout + ended.stderr
    assert {str(order["clientOrderId"]) for order in bot.simulator.admin.open_orders()} & former == set()


def test_orders_that_mode_live_left_are_told_in_mode_paper_and_withdrawn_by_cancel_all(bot: RuntimeProcess) -> None:
    bot.start()
    bot.until_quoting()
    left = ours_at_venue(bot)
    bot.kill()
    bot.spec = {"mode": "Paper"}
    bot.start()
    bot.until(lambda state: state["state"] == "Active", "it trades on paper", 20)
    (told,) = bot.until_logged("LiveOrdersLeft")
    assert (told["market"], told["orders"]) == ("btc", 4)
    assert bot.terminate()[0] == 0
    assert ours_at_venue(bot) == left

    ended = cancel_all(bot)
    assert (ended.returncode, ended.stdout.count("cancelled")) == (0, 4), ended.stdout + ended.stderr
    assert ours_at_venue(bot) == set()
