"""Reconciliation beside a venue that answers some questions and not others: no loop starves another one."""

from collections import Counter
from itertools import pairwise

import pytest

from harness.desk import SECOND, STRAY, Desk, Venue, accept, fill, lose
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.core.paces import LONGEST_PAUSE_NS, Paces
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import Instrument, Nanos, OrderId, OrderReported

LOOPS = ("order", "open_orders", "trades", "balances")  # what each of them asks, by the gateway's method
EVERY_S = {"order": 1, "open_orders": 10, "trades": 20, "balances": 60}


@pytest.fixture
def doubtful(desk: Desk) -> tuple[Desk, OrderId]:
    """One order rests; the other one's fate is unknown, and the venue has it no more."""
    bid, offer = desk.quote()
    accept(desk, bid)
    lose(desk, offer)
    return desk, bid


def test_a_fill_that_nobody_told_is_booked_in_time_while_orders_cannot_be_asked_about(
    doubtful: tuple[Desk, OrderId],
) -> None:
    desk, bid = doubtful
    desk.venue.failing = {"order"}
    desk.look()
    desk.venue.told_by_list = [fill(bid, quantity=300)]
    for _ in range(20 + 2):
        desk.look()

    assert desk.market.engine.market.position.lots == 300


def test_a_stray_is_withdrawn_and_balances_are_taken_while_orders_cannot_be_asked_about(
    doubtful: tuple[Desk, OrderId],
) -> None:
    desk, _ = doubtful
    desk.venue.failing = {"order"}
    desk.look()
    desk.venue.strays, desk.venue.base = [STRAY], 99 * 10**6
    for _ in range(60 + 2):
        desk.look()

    assert desk.venue.canceled == ["stray"]
    assert desk.market.engine.market.account.base == 99 * 10**6


@pytest.mark.parametrize("failing", LOOPS)
def test_whatever_question_fails_the_others_are_asked_at_their_own_pace(
    doubtful: tuple[Desk, OrderId], failing: str
) -> None:
    desk, bid = doubtful
    desk.venue.failing = {failing}
    asked_at: dict[str, list[int]] = {loop: [desk.now_ns] for loop in LOOPS}
    for _ in range(200):
        desk.venue.tried.clear()
        desk.all.doubt(bid)
        desk.look()
        for loop in {*LOOPS} & {*desk.venue.tried}:
            asked_at[loop].append(desk.now_ns)
        if desk.state(bid) is OrderState.CANCELED:  # nothing is left to be asked about
            asked_at["order"].append(desk.now_ns)
    longest = {loop: max(b - a for a, b in pairwise([*times, desk.now_ns])) / SECOND
               for loop, times in asked_at.items() if loop != failing}  # fmt: skip

    assert all(longest[loop] <= EVERY_S[loop] + 2 for loop in longest), longest
    assert len(asked_at[failing]) <= 40, "and it is asked less and less often, for proofs of absence included"


def test_two_questions_that_fail_do_not_keep_each_other_back(doubtful: tuple[Desk, OrderId]) -> None:
    desk, _ = doubtful
    desk.venue.failing = {"order", "trades"}
    for _ in range(120):
        desk.look()
    desk.venue.tried.clear()
    for _ in range(80):
        desk.look()

    tried = Counter(desk.venue.tried)
    assert 3 <= tried["order"] <= 6, "a pause of 8 s, twice"
    assert 3 <= tried["trades"] <= 6


def test_a_venue_that_is_away_is_asked_less_and_less_often_and_no_more_than_by_one_loop(
    doubtful: tuple[Desk, OrderId],
) -> None:
    desk, _ = doubtful
    desk.venue.down = True
    for _ in range(60):
        before = len(desk.venue.tried)
        desk.look()
        assert len(desk.venue.tried) - before <= 1, "one question a pass tells that it is away"
    assert len(desk.venue.tried) < 15

    asked = len(desk.venue.tried)
    for _ in range(80):
        desk.look()
    assert len(desk.venue.tried) - asked <= 80 * SECOND // LONGEST_PAUSE_NS + 1


def test_a_venue_that_is_back_is_asked_everything_at_once(doubtful: tuple[Desk, OrderId]) -> None:
    desk, _ = doubtful
    desk.venue.down = True
    for _ in range(120):
        desk.look()
    desk.venue.down = False
    desk.venue.tried.clear()
    for _ in range(LONGEST_PAUSE_NS // SECOND + 2):
        desk.look()

    assert {*LOOPS} <= {*desk.venue.tried}


class Stumbles(Venue):
    """A venue that cannot tell about one order."""

    over = OrderId("")

    async def order(self, instrument: Instrument, order_id: OrderId) -> OrderReported:
        self.failing = {"order"} if order_id == self.over else set()
        return await super().order(instrument, order_id)


def test_an_order_that_alone_cannot_be_asked_about_keeps_no_other_one_back(journal: Journal) -> None:
    venue = Stumbles()
    desk = Desk(journal, venue)
    bid, offer = desk.quote()
    venue.over = bid
    lose(desk, bid)
    lose(desk, offer)
    for _ in range(30):
        desk.look()

    assert desk.state(bid) is OrderState.UNKNOWN
    found = desk.market.engine.market.orders.get(offer)
    assert found is None or found.is_closed, "its absence is proved"


def test_nothing_is_asked_any_more_when_a_question_was_answered_with_a_lock(doubtful: tuple[Desk, OrderId]) -> None:
    desk, _ = doubtful
    desk.venue.locks_at = "open_orders"
    desk.look(after_s=100)

    assert desk.venue.tried[-1] == "open_orders"


def test_paces_that_fail_wait_for_each_other_until_one_is_answered() -> None:
    paces, now = Paces(), Nanos(100 * SECOND)
    for pace in (paces.questions, paces.sweep):
        paces.failed(pace, now)
    due = (paces.questions, paces.sweep, paces.trades)
    assert paces.turns(Nanos(now + SECOND), due) == [paces.trades]
    assert paces.turns(Nanos(now + 2 * SECOND), due) == [paces.trades, paces.questions, paces.sweep]

    paces.failed(paces.questions, Nanos(now + 2 * SECOND))
    assert paces.turns(Nanos(now + 3 * SECOND), due) == [paces.trades]
    paces.answered(paces.sweep, Nanos(now + 3 * SECOND))
    assert paces.turns(Nanos(now + 3 * SECOND), due) == [paces.sweep, paces.trades, paces.questions]


def test_a_loop_that_failed_once_goes_before_one_that_has_failed_for_long() -> None:
    paces = Paces()
    for second in range(1, 100):
        paces.failed(paces.questions, Nanos(second * SECOND))
    paces.failed(paces.sweep, Nanos(100 * SECOND))

    later = Nanos(100 * SECOND + LONGEST_PAUSE_NS)
    assert paces.turns(later, (paces.questions, paces.sweep)) == [paces.sweep, paces.questions]
