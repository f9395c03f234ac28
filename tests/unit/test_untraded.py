"""What proves that a slot has never sent an order to a venue, and what does not: nothing that is just not known."""

import asyncio
from pathlib import Path

import pytest

from harness.slots import config
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.journal import Journal, opening
from tradingbot_runtime.live import PAPER, ledger_of
from tradingbot_runtime.model import Lots, OrderId, Side, Ticks
from tradingbot_runtime.untraded import fits, untraded_before, will_trade

LIVE, ON_PAPER = config("btc"), config("btc", mode="Paper")


def start(journal: Journal, epoch_seen: int = 0) -> bool:
    """The beginning of a process, with the epoch that the operator has seen last."""
    proved = untraded_before(journal, LIVE.model_copy(update={"epoch": epoch_seen}))
    journal.next_epoch(epoch_seen)
    return proved


def order(journal: Journal, market: str) -> None:
    sent = Order(OrderId("1" * 32), Side.BUY, Ticks(1), Lots(1), state=OrderState.CANCELED)
    journal.write(market, [], [sent])


def test_a_journal_that_began_with_the_slot_proves_it_through_any_number_of_starts(tmp_path: Path) -> None:
    for _ in range(3):
        with Journal(tmp_path / "j") as journal:
            assert start(journal, epoch_seen=journal.last_epoch)


def test_a_process_that_may_trade_ends_it_for_good_before_its_first_order(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        assert start(journal)
        asyncio.run(will_trade(journal, LIVE))
        assert not start(journal)


def test_what_is_on_paper_does_not_end_it(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        assert start(journal)
        asyncio.run(will_trade(journal, ON_PAPER))
        order(journal, ledger_of("btc", PAPER))
        assert start(journal)


def test_an_order_of_a_venue_ends_it_whatever_else_is_written(tmp_path: Path) -> None:
    """By another version of this program, which notes nothing when it begins to trade."""
    with Journal(tmp_path / "j") as journal:
        assert start(journal)
        order(journal, ledger_of("btc", "account"))
        assert not start(journal)


def test_a_journal_of_a_version_that_noted_no_beginning_proves_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.next_epoch(0)
        assert not start(journal)


def test_a_new_volume_of_a_slot_that_had_a_life_proves_nothing_not_even_later(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        assert not start(journal, epoch_seen=4)
        assert not start(journal, epoch_seen=5)


@pytest.mark.parametrize("epoch_seen", [0, 3])
def test_a_journal_that_was_lost_proves_nothing_not_even_when_what_lacks_has_been_settled(
    tmp_path: Path, epoch_seen: int
) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        assert start(journal)
        asyncio.run(will_trade(journal, LIVE))
    path.unlink()

    with Journal(path) as journal:
        assert journal.behind
        assert not start(journal, epoch_seen)
        journal.settle_behind()
        assert not start(journal, journal.last_epoch)


def test_an_older_copy_on_a_new_node_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own rows say yes; the mark beside it knows of a later process."""
    path, restored = tmp_path / "j", tmp_path / "restored"
    with Journal(path) as journal:
        assert start(journal)
    restored.write_bytes(path.read_bytes())
    with Journal(path) as journal:
        start(journal)
        asyncio.run(will_trade(journal, LIVE))
        lost_with_the_node = Path(f"{path}.lock").read_bytes()
    Path(f"{restored}.lock").write_bytes(lost_with_the_node)
    monkeypatch.setattr(opening, "boot_id", lambda: "another boot")  # what a test cannot bring about: a new boot

    with Journal(restored) as journal:
        assert journal.behind
        assert not start(journal)
        journal.settle_behind()
        assert not start(journal, journal.last_epoch)


def test_a_journal_that_went_back_below_what_the_operator_has_seen_is_not_complete_ever_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        assert start(journal)
        assert not start(journal, epoch_seen=9)
        assert not start(journal, epoch_seen=10)


@pytest.mark.parametrize(("holdings", "proved"), [(None, False), (0, True), (3, True), (4, False)])
def test_a_lease_that_had_more_holders_than_the_journal_knows_processes_tells_of_a_lost_journal(
    holdings: int | None, *, proved: bool
) -> None:
    assert fits(3, holdings) is proved
