"""An account that cannot be compared with the venue: for how long a bot trades on, and what it says then."""

import pytest

from harness.desk import SECOND, Desk, Venue, accept, fill, lose
from tradingbot_runtime.config import DesiredState
from tradingbot_runtime.core.paces import UNCOMPARED_AFTER_NS, Paces
from tradingbot_runtime.core.standing import Circumstances, standing
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import Nanos, TradingState
from tradingbot_runtime.uncompared import uncompared

COMPARING = ("open_orders", "trades", "balances")
LIMIT_S = UNCOMPARED_AFTER_NS // SECOND
EVERY_S = {"open_orders": 10, "trades": 20, "balances": 60}


@pytest.fixture
def compared(desk: Desk) -> Desk:
    """Every loop has been answered once."""
    desk.now_ns = 100 * SECOND
    bid, offer = desk.quote()
    accept(desk, bid, offer)
    for _ in range(5):
        desk.look()
    assert said(desk) == ""
    return desk


def said(desk: Desk) -> str:
    return uncompared([desk.all]).get(desk.market.instrument.venue, "")


def looks(desk: Desk, seconds: int) -> None:
    for _ in range(seconds):
        desk.look()


@pytest.mark.parametrize("failing", COMPARING)
def test_a_question_that_fails_for_long_is_told_while_the_others_are_answered(compared: Desk, failing: str) -> None:
    compared.venue.failing = {failing}
    for _ in range(EVERY_S[failing] + LIMIT_S + 10):
        compared.look()
        if said(compared):
            break
    loop = {"open_orders": "sweep"}.get(failing, failing)
    pace = getattr(compared.all.paces, loop)

    assert said(compared).endswith(": no answer"), "what the venue says"
    assert failing.replace("_", " ") in said(compared)
    assert compared.now_ns - pace.known_ns <= (EVERY_S[failing] + LIMIT_S + 10) * SECOND
    assert compared.now_ns - pace.failing_ns >= LIMIT_S * SECOND


def test_a_venue_that_fails_for_less_than_that_is_none_of_our_concern(compared: Desk) -> None:
    compared.venue.down = True
    looks(compared, LIMIT_S - 1)
    assert said(compared) == ""

    compared.venue.down = False
    looks(compared, 200)
    assert said(compared) == ""


def test_what_is_said_stays_the_same_while_it_lasts_and_ends_with_the_answers(compared: Desk) -> None:
    compared.venue.down = True
    looks(compared, 20 + LIMIT_S)
    told = said(compared)
    assert told.startswith("the open orders of market btc are not known since 00:01:")

    heard = set()
    for _ in range(200):
        compared.look()
        heard.add(said(compared))
    assert heard == {told}, "one line in the log, and not one every second"

    compared.venue.down = False
    looks(compared, 12)
    assert said(compared) == ""


def test_it_is_not_over_before_the_trades_have_been_read(compared: Desk) -> None:
    """A sweep shows what rests, and not what was filled: quoting on after it alone would be on a position of before."""
    (bid, *_) = [order.id for order in compared.market.engine.market.orders]
    compared.venue.down = True
    while not said(compared):
        compared.look()
    compared.venue.down, compared.venue.failing = False, {"trades"}
    for _ in range(30):
        compared.look()
        assert said(compared)

    compared.venue.failing, compared.venue.told_by_list = set(), [fill(bid, quantity=300)]
    while said(compared):
        compared.look()
    assert compared.market.engine.market.position.lots == 300


def test_a_loop_that_has_just_begun_to_fail_keeps_the_doubt_that_another_one_raised() -> None:
    paces, began = Paces(), 100 * SECOND
    paces.failed(paces.sweep, Nanos(began))
    paces.failed(paces.trades, Nanos(began + 25 * SECOND))
    assert paces.uncompared(Nanos(began + UNCOMPARED_AFTER_NS - 1)) is None
    assert paces.uncompared(Nanos(began + UNCOMPARED_AFTER_NS)) is paces.sweep

    paces.answered(paces.sweep, Nanos(began + UNCOMPARED_AFTER_NS))
    assert paces.uncompared(Nanos(began + UNCOMPARED_AFTER_NS)) is paces.trades
    paces.answered(paces.trades, Nanos(began + UNCOMPARED_AFTER_NS))
    assert paces.uncompared(Nanos(began + UNCOMPARED_AFTER_NS)) is None


def test_a_locked_venue_is_no_doubt_and_its_time_does_not_count(compared: Desk) -> None:
    compared.venue.down = True
    looks(compared, LIMIT_S - 1)
    compared.venue.locked = "maintenance"
    looks(compared, 600)
    assert said(compared) == ""

    compared.venue.locked = ""
    looks(compared, 5)
    assert said(compared) == "", "what failed before it, and after it, is less than the limit"
    looks(compared, LIMIT_S + 10)
    assert said(compared)


def test_an_order_that_cannot_be_asked_about_is_another_matter(journal: Journal) -> None:
    desk = Desk(journal, Venue(failing={"order"}))
    bid, _ = desk.quote()
    lose(desk, bid)
    looks(desk, 300)

    assert said(desk) == ""


def test_a_slot_that_could_not_compare_places_no_order_and_says_why() -> None:
    now = Circumstances(DesiredState.RUNNING, has_markets=True, barrier_passed=True, uncompared="venue sim: 503")
    assert standing(now).state is TradingState.RECONCILING
    assert standing(now).message == "venue sim: 503"
    now.doubts = "venue other: closed"
    assert standing(now).message == "venue other: closed; venue sim: 503"
