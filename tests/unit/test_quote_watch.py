"""When a market cannot quote: by time alone, with one reason that stays, and not for what passes by itself."""

from dataclasses import replace

import pytest

from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.quote_watch import (
    HOLD_NS,
    NO_ORDER_RESTS,
    ORDER_LOST,
    PATIENCE_NS,
    WHAT_TO_DO,
    QuoteWatch,
    Sight,
)
from tradingbot_runtime.core.risk import Refusal
from tradingbot_runtime.model import Lots, Nanos, OrderId, Side, Ticks

STEP_NS = 100_000_000
START_NS = 1_000_000_000_000
RESTS = Sight(trading=True, wanted=True, rests=True)
IDLE = Sight(trading=True, wanted=True, rests=False)
REFUSED = replace(IDLE, refused=(Refusal.MAX_ORDER, Refusal.MAX_ORDER))
LOST = Order(OrderId("ab" * 16), Side.BUY, Ticks(1), Lots(1), state=OrderState.LOST, venue_order_id="v7")


class Watched:
    """A watch and its clock."""

    def __init__(self) -> None:
        self.watch, self.now_ns = QuoteWatch(), START_NS

    def see(self, sight: Sight, for_ns: int) -> str:
        """Look at the same for so long, ten times a second; the reason at the end."""
        for _ in range(for_ns // STEP_NS):
            self.now_ns += STEP_NS
            self.watch.look(Nanos(self.now_ns), sight)
        return self.watch.found.reason if self.watch.found else ""


def test_refused_for_as_long_as_patience_lasts_is_a_market_that_cannot_quote() -> None:
    watched = Watched()

    assert watched.see(REFUSED, PATIENCE_NS) == ""
    assert watched.see(REFUSED, STEP_NS) == "MaxOrder"
    assert watched.watch.found
    assert "risk.maxOrder" in watched.watch.found.message


def test_a_refusal_among_orders_that_rest_is_nothing() -> None:
    assert Watched().see(replace(RESTS, refused=(Refusal.MAX_POSITION,)), 10 * PATIENCE_NS) == ""


def test_an_order_that_is_accepted_now_and_then_begins_the_patience_anew() -> None:
    watched = Watched()
    for _ in range(5):
        assert watched.see(REFUSED, PATIENCE_NS - STEP_NS) == ""
        assert watched.see(RESTS, STEP_NS) == ""


def test_no_quotes_wanted_is_no_hindrance() -> None:
    assert Watched().see(Sight(trading=True, wanted=False, rests=False), 10 * PATIENCE_NS) == ""


def test_a_market_that_may_not_trade_is_not_hindered_and_begins_anew_when_it_may() -> None:
    watched = Watched()
    watched.see(REFUSED, 2 * PATIENCE_NS)

    assert watched.see(replace(REFUSED, trading=False), STEP_NS) == ""
    assert watched.see(REFUSED, PATIENCE_NS) == ""


def test_it_is_over_when_orders_have_rested_for_a_while_and_not_with_the_first_one() -> None:
    watched = Watched()
    watched.see(REFUSED, 2 * PATIENCE_NS)

    assert watched.see(RESTS, HOLD_NS - STEP_NS) == "MaxOrder"
    assert watched.see(REFUSED, STEP_NS) == "MaxOrder", "without patience: it never was away"
    assert watched.see(RESTS, HOLD_NS - STEP_NS) == "MaxOrder"
    assert watched.see(RESTS, STEP_NS) == ""
    assert watched.see(REFUSED, PATIENCE_NS) == ""


def test_the_reason_is_what_is_refused_most_and_stays_while_another_is_as_frequent() -> None:
    watched = Watched()
    assert watched.see(REFUSED, 2 * PATIENCE_NS) == "MaxOrder"
    found = watched.watch.found
    both = replace(IDLE, refused=(Refusal.BALANCE, Refusal.MAX_ORDER))
    assert watched.see(both, 100 * PATIENCE_NS) == "MaxOrder"
    assert watched.watch.found is found, "nothing new is told"

    assert watched.see(replace(IDLE, refused=(Refusal.BALANCE,)), 4 * PATIENCE_NS) == "Balance"


def test_nothing_refused_and_nothing_accepted_is_told_as_that() -> None:
    assert Watched().see(IDLE, PATIENCE_NS + STEP_NS) == NO_ORDER_RESTS


def test_what_the_venue_says_of_its_refusals_is_told_and_kept_while_its_code_is_the_same() -> None:
    watched = Watched()
    refused = replace(IDLE, refused=(Refusal.BACKING_OFF,), venue_code="-2010", venue_text="Account has 5 too little")
    watched.see(refused, 2 * PATIENCE_NS)
    assert watched.watch.found
    assert watched.watch.found.message == "the venue refuses the orders: -2010 Account has 5 too little"

    watched.see(replace(refused, venue_text="Account has 6 too little"), PATIENCE_NS)
    assert watched.watch.found.message.endswith("5 too little")
    watched.see(replace(refused, venue_code="-2015"), STEP_NS)
    assert "-2015" in watched.watch.found.message


@pytest.mark.parametrize(("seen", "reason"), [({"doubt": "lost its peg"}, "ReduceOnly"), ({"locked": "maintenance"}, "VenueLocked")])  # fmt: skip  # noqa: E501 - a row each
def test_a_doubt_and_a_locked_venue_are_told_by_their_own_reasons(seen: dict[str, str], reason: str) -> None:
    watched = Watched()

    assert watched.see(replace(REFUSED, **seen), PATIENCE_NS + STEP_NS) == reason  # type: ignore[arg-type]  # text fields
    assert watched.watch.found
    assert next(iter(seen.values())) in watched.watch.found.message


def test_a_market_in_doubt_is_hindered_also_while_an_order_that_reduces_rests() -> None:
    assert Watched().see(replace(RESTS, doubt="lost its peg"), PATIENCE_NS + STEP_NS) == "ReduceOnly"


def test_a_lost_order_is_told_at_once_whatever_else_rests_with_its_ids_and_what_to_do() -> None:
    watched = Watched()

    assert watched.see(replace(RESTS, lost=LOST), STEP_NS) == ORDER_LOST
    assert watched.watch.found
    message = watched.watch.found.message
    assert all(part in message for part in (LOST.id, "v7", "restart the pod", "docs/guides/orders.md")), message
    assert watched.see(RESTS, STEP_NS) == ""


def test_an_account_that_differs_is_told_at_once_by_what_it_was_first_and_gone_at_once() -> None:
    watched = Watched()
    differs = replace(IDLE, refused=(Refusal.BALANCE,), mismatch="2 open orders of others (7, 8)")

    assert watched.see(differs, STEP_NS) == Refusal.ACCOUNT_MISMATCH
    watched.see(replace(differs, mismatch="3 open orders of others (7, 8, 9)"), STEP_NS)
    assert watched.watch.found
    assert "2 open orders of others (7, 8)" in watched.watch.found.message
    assert watched.see(IDLE, STEP_NS) == ""
    assert watched.see(replace(differs, trading=False), STEP_NS) == "", "a halt says it itself"


def test_every_message_fits_into_a_condition_beside_others() -> None:
    assert max(len(text) for text in WHAT_TO_DO.values()) < 120
