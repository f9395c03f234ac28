"""The account's balances against what an earlier life took for true: one journal, several lives."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from harness.desk import Desk, Venue, accept, fill
from harness.engines import BTC, tick
from harness.slots import Wire, config, slot_of
from tradingbot_runtime.account_balances import MISMATCHES_TO_TELL
from tradingbot_runtime.config.risk import ForeignOrders, Risk
from tradingbot_runtime.core.account_check import AccountCheck
from tradingbot_runtime.core.breaches import BreachReason
from tradingbot_runtime.core.carried import closed_account
from tradingbot_runtime.core.continuity import JOURNAL_LOST
from tradingbot_runtime.core.meters import Remembered
from tradingbot_runtime.core.positions import DailyLoss
from tradingbot_runtime.errors import OutcomeUnknown
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal_loss import JournalLoss
from tradingbot_runtime.model import HaltResumed, Money, Nanos
from tradingbot_runtime.model.control import Halt
from tradingbot_runtime.risk_memory import accept as accept_halts
from tradingbot_runtime.risk_memory import account_check_of, carry, daily_of, forget_former_accounts, meters_of

LESS = "BTC: 0.01000000 less than by our fills (0.99000000, not 1.00000000)"
ALONE = Risk(foreign_orders=ForeignOrders.HALT)


def life(journal: Journal, *, moved: int = 0, policy: Risk = ALONE, account: str = "a") -> Desk:
    """A process that has passed its barrier, except for what is not agreed on; `moved`: of the base, since ever."""
    desk = Desk(journal, Venue(base=10**8 + moved))
    desk.policy, desk.market.account = policy, account
    asyncio.run(desk.all.restore())
    return desk


def mismatch(desk: Desk) -> str:
    """As the market has been told, once the start has told it or has found that all is well."""
    for _ in range(MISMATCHES_TO_TELL):
        try:
            asyncio.run(desk.all.agree())
        except OutcomeUnknown:
            assert desk.market.engine.market.meters.mismatch == "", "a fill may still explain it"
        else:
            return desk.market.engine.market.meters.mismatch
    raise AssertionError("it is never told")


def test_what_left_while_nobody_looked_is_told_by_the_start(journal: Journal) -> None:
    assert mismatch(life(journal)) == ""

    assert mismatch(life(journal, moved=-(10**6))) == LESS
    assert mismatch(life(journal, moved=-(10**6))) == LESS, "and by each start until a person has looked"
    assert mismatch(life(journal)) == ""


def test_what_our_own_fills_have_moved_is_no_difference(journal: Journal) -> None:
    before = life(journal)
    bid, _ = before.quote()
    accept(before, bid)
    before.market.handle(fill(bid))
    cost = 1_000 * 5_994_000 * 10

    after = Desk(journal, Venue(base=10**8 + 1_000 * 1_000 - 1))
    after.venue.quote -= cost
    after.policy = ALONE
    after.market.engine.market.position = journal.accounts.position(after.market.ledger, after.market.instrument)
    asyncio.run(after.all.restore())

    assert mismatch(after) == ""


def test_a_fill_that_the_list_of_trades_tells_late_explains_a_difference(journal: Journal) -> None:
    life(journal)
    after = Desk(journal, Venue(base=10**8 + 1_000 * 1_000 - 1))
    after.policy = ALONE
    after.venue.quote -= 1_000 * 5_994_000 * 10
    asyncio.run(after.all.restore())
    assert after.all.balances.mismatches == 1
    after.venue.told_by_list = [fill(after.quote()[0])]
    asyncio.run(after.all._read_trades())  # noqa: SLF001 - as the next pass does

    assert mismatch(after) == ""


@pytest.mark.parametrize("reason", [BreachReason.ACCOUNT, JOURNAL_LOST])
def test_a_halt_that_is_released_while_the_bot_is_stopped_accepts_what_is_there(journal: Journal, reason: str) -> None:
    life(journal)
    halt = Halt(id="h", reason=reason, message="m", at_ns=1, market="btc")
    accept_halts(journal, config(), [halt], running=())

    assert mismatch(life(journal, moved=-(10**6))) == ""


def test_another_halt_that_is_released_accepts_nothing(journal: Journal) -> None:
    life(journal)
    accept_halts(journal, config(), [Halt(id="h", reason="Manual", message="m", at_ns=1, market="")], running=())

    assert mismatch(life(journal, moved=-(10**6))) == LESS


def test_an_account_that_others_may_move_is_taken_as_it_is_and_proves_nothing_later(journal: Journal) -> None:
    life(journal)
    assert mismatch(life(journal, moved=-(10**6), policy=Risk())) == ""

    assert mismatch(life(journal, moved=-(2 * 10**6))) == "", "others may have moved it meanwhile"


def test_a_paper_account_begins_anew_with_each_process(journal: Journal) -> None:
    life(journal, account="paper")

    assert mismatch(life(journal, moved=-(10**6), account="paper")) == ""


def test_another_set_of_markets_has_another_sum_of_fills(journal: Journal) -> None:
    life(journal)
    other = Desk(journal, Venue(base=99 * 10**6))
    other.policy = ALONE
    other.all.positions = lambda: [other.market.engine.market.position] * 2
    asyncio.run(other.all.restore())

    assert mismatch(other) == ""


def test_dust_is_no_difference_either_while_no_price_is_known_yet(journal: Journal) -> None:
    """What is less than the smallest order, which is worth nothing without a price; a venue may name no least value."""
    before = life(journal)
    before.market.instrument = msgspec.structs.replace(before.market.instrument, min_notional=Money(0))
    before.market.handle(tick(before.now_ns))
    before.look(after_s=60)

    after = Desk(journal)
    after.policy, after.market.instrument = ALONE, before.market.instrument
    after.venue.quote -= 1
    asyncio.run(after.all.restore())

    assert after.market.engine.market.mid == 0
    assert after.all.balances.mismatches == 0


def test_a_lost_journal_has_nothing_to_compare_with(journal: Journal) -> None:
    life(journal)
    after = life(journal, moved=-(10**6))
    after.all.balances.forget()

    assert mismatch(after) == ""
    after.look(after_s=60)
    assert after.market.engine.market.account.base == 99 * 10**6


def test_a_market_that_was_away_is_not_compared_with_what_the_account_held_then(journal: Journal) -> None:
    """Others of the slot's markets, another slot or a person have moved the account meanwhile."""
    life(journal)
    forget_former_accounts(journal, ["eth"])

    assert mismatch(life(journal, moved=-(10**6))) == ""


def test_a_start_forgets_the_accounts_of_markets_that_it_does_not_trade(journal: Journal, tmp_path: Path) -> None:
    life(journal)
    slot = slot_of(tmp_path / "slot.sqlite3", Wire(), config("eth"), lambda: Nanos(1))
    slot.journal, slot.markets = journal, {}
    JournalLoss(slot).settle([])

    assert account_check_of(journal, "btc") == AccountCheck()


def test_a_market_that_is_taken_over_is_not_compared_with_what_this_slot_knew(journal: Journal) -> None:
    before = life(journal)
    carried = closed_account(before.market.engine.market.position, BTC, DailyLoss(), Remembered(), Nanos(1))
    carry(journal, before.market.ledger, carried)

    assert mismatch(life(journal, moved=-(10**6))) == ""


def test_nothing_is_told_before_all_markets_of_the_account_are_restored(journal: Journal) -> None:
    """What another one has traded meanwhile is not known yet, however often the venue is asked."""
    life(journal)
    after = life(journal, moved=-(10**6))
    for _ in range(2 * MISMATCHES_TO_TELL):
        asyncio.run(after.all.catch_up())
    assert (after.all.balances.mismatches, after.market.engine.market.meters.mismatch) == (1, "")
    after.venue.base = 10**8

    assert mismatch(after) == "", "it is looked at once more"


def test_a_journal_that_is_lost_begins_day_and_best_anew_when_a_person_releases_it(journal: Journal) -> None:
    """What was traded before is known in parts: a loss, or a profit, from there is made up."""
    ledger = "btc"
    journal.accounts.carry_day(ledger, 19_999, 7)
    journal.accounts.carry_day(ledger, 20_000, 0)
    journal.put(f"profit of {ledger}", "-50")
    accept_halts(journal, config(), [Halt(id="h", reason=JOURNAL_LOST, message="m", at_ns=1, market="")], running=())

    assert daily_of(journal, ledger) == DailyLoss(19_999, Money(7)), "what it was worth then is not known"
    assert meters_of(journal, ledger, Nanos(1)).remembered.begins_anew


def test_a_lost_journal_that_is_released_while_the_bot_runs_begins_anew_as_well(desk: Desk) -> None:
    market = desk.market.engine.market
    market.daily, market.meters.mismatch = DailyLoss(20_000, Money(0), Money(-50)), "BTC: 1 less"
    desk.market.take(HaltResumed(time_ns=Nanos(1), reason=JOURNAL_LOST))

    assert (market.daily, market.meters.remembered.begins_anew, market.meters.mismatch) == (DailyLoss(), True, "")


def test_what_a_lost_journal_cannot_tell_is_asked_at_once(journal: Journal) -> None:
    """Else the market would not know for a minute what it holds, and could not close its position."""
    life(journal)
    after = life(journal, moved=-(10**6))
    after.all.balances.forget()
    asyncio.run(after.all.agree())

    assert after.market.engine.market.account.base == 99 * 10**6


def test_the_price_of_what_was_taken_for_true_is_kept_with_the_first_tick(journal: Journal) -> None:
    first = life(journal)
    first.now_ns = 10**18
    first.look()
    assert account_check_of(journal, first.market.ledger).price == 0
    first.market.handle(tick(first.now_ns))
    first.look()

    assert account_check_of(journal, first.market.ledger).price == first.market.engine.market.mid > 0
