"""What the venue's answers prove about orders that a journal does not call closed, for who only withdraws them."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from harness.desk import Venue
from harness.engines import BTC, SECOND
from tradingbot_runtime.core.doubts import ABSENT_PROOFS, CANCEL_AGAIN_NS, SETTLE_NS
from tradingbot_runtime.core.orders import UNSENT, Order, OrderState
from tradingbot_runtime.errors import OutcomeUnknown, VenueError
from tradingbot_runtime.model import Instrument, Lots, Nanos, OrderId, OrderReported, OrderStatus, Side, Ticks
from tradingbot_runtime.unclosed_orders import QUESTIONS_A_PASS, UnclosedOrders

ID, OTHER = OrderId("a" * 32), OrderId("b" * 32)


def order(state: OrderState = OrderState.SUBMITTING, order_id: OrderId = ID, *, seen: bool = False) -> Order:
    return Order(order_id, Side.BUY, Ticks(100), Lots(1_000), state=state, venue_order_id="v1", seen=seen)


class Silent(Venue):
    """It has no answer about `ID`."""

    async def order(self, instrument: Instrument, order_id: OrderId) -> OrderReported:
        if order_id == ID:
            self.tried.append(order_id)
            raise OutcomeUnknown("no answer")
        return await super().order(instrument, order_id)


@dataclass
class Look:
    """The orders of a journal, a venue, and a clock that stands until it is moved."""

    orders: list[Order]
    venue: Venue = field(default_factory=Venue)
    now_ns: int = 1_000 * SECOND
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.unclosed = UnclosedOrders(lambda: self.orders, lambda: Nanos(self.now_ns), self.told.append)

    def ask(self, *listed: OrderId) -> list[OrderId]:
        """The ids of those that are open all the same."""
        return [found.order_id for found in asyncio.run(self.unclosed.ask(self.venue, BTC, listed))]

    def ask_for(self, ns: int) -> None:
        """Every half a second, up to that moment."""
        until_ns = self.now_ns + ns
        while self.now_ns <= until_ns:
            with suppress(VenueError):
                self.ask()
            self.now_ns += SECOND // 2

    @property
    def left(self) -> set[OrderId]:
        return set(self.unclosed.left())


def test_an_order_on_its_way_is_proved_not_to_arrive_by_several_answers_over_the_time_that_a_venue_settles_in() -> None:
    look = Look([order()])
    look.ask_for(SETTLE_NS - SECOND)
    assert len(look.venue.asked) >= ABSENT_PROOFS, "enough answers, and too soon"
    assert look.left == {ID}

    look.ask_for(2 * SECOND)
    assert look.left == set()
    assert "it has not got there" in look.told[0]
    assert len(look.venue.asked) < 10, "not at every look"


def test_what_is_built_and_not_submitted_is_not_there_either() -> None:
    look = Look([order()])
    look.venue.orders[ID] = (OrderStatus.BUILDING, 0)
    look.ask()
    assert look.left == {ID}

    look.ask_for(SETTLE_NS + SECOND)
    assert look.left == set()


def test_a_cancel_gets_its_time() -> None:
    look = Look([order()])
    look.venue.orders[ID] = (OrderStatus.OPEN, 0)
    assert look.ask() == [ID]
    look.now_ns += CANCEL_AGAIN_NS - 1
    assert look.ask() == []

    look.now_ns += 1
    assert look.ask() == [ID]


def test_one_that_turns_up_is_to_be_cancelled_and_asked_about_until_it_is_over() -> None:
    look = Look([order()])
    look.ask_for(SETTLE_NS - SECOND)
    look.venue.orders[ID] = (OrderStatus.OPEN, 0)
    look.now_ns += 2 * SECOND
    assert look.ask() == [ID]

    del look.venue.orders[ID]
    look.now_ns += CANCEL_AGAIN_NS
    assert look.ask() == []
    assert look.left == {ID}, "what was said before it turned up proves nothing"
    look.ask_for(SETTLE_NS)
    assert look.left == set()


@pytest.mark.parametrize("status", [OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED])
def test_one_answer_that_it_is_over_is_enough_and_nothing_to_tell_of(status: OrderStatus) -> None:
    look = Look([order(OrderState.UNKNOWN)])
    look.venue.orders[ID] = (status, 300)

    assert look.ask() == []
    assert (look.left, look.told) == (set(), [])


def test_of_a_lost_order_it_is_told_what_the_venue_says_now() -> None:
    look = Look([order(OrderState.LOST)])
    look.venue.orders[ID] = (OrderStatus.FILLED, 1_000)
    look.ask()

    assert look.left == set()
    assert look.told == [f"order {ID} (v1), Lost in the journal: the venue says Filled, 0.01000 of 0.01000 executed"]


@pytest.mark.parametrize(
    "there", [order(OrderState.LOST), order(OrderState.OPEN), order(OrderState.UNKNOWN, seen=True)]
)
def test_one_that_was_there_and_is_not_known_any_more_may_have_been_executed(there: Order) -> None:
    look = Look([there])
    look.ask_for(SETTLE_NS + SECOND)

    assert look.left == set()
    (line,) = look.told
    assert line.startswith(f"order {ID} (v1), {there.state} in the journal: the venue says that it does not know it, ")
    assert "it may have been executed: compare the position" in line


def test_what_was_never_sent_what_is_listed_and_what_its_process_has_closed_meanwhile_is_not_asked_about() -> None:
    look = Look([*(order(state, OrderId(state)) for state in UNSENT), order(OrderState.OPEN), order(order_id=OTHER)])
    look.ask(ID)
    assert look.venue.asked == [OTHER]
    assert look.venue.remembered == {ID: "v1", OTHER: "v1"}
    assert look.left == {ID, OTHER}

    look.orders = [order(OrderState.OPEN)]
    look.now_ns += 2 * SECOND
    look.ask(ID)
    assert look.venue.asked == [OTHER]
    assert look.left == {ID}


def test_a_question_without_an_answer_proves_nothing_and_holds_up_no_other_one() -> None:
    look = Look([order(), order(order_id=OTHER)], Silent())
    with pytest.raises(VenueError):
        look.ask()
    look.ask_for(SETTLE_NS)

    assert look.left == {ID}
    assert len(look.venue.tried) > ABSENT_PROOFS


def test_what_is_found_to_be_open_is_cancelled_although_the_next_question_fails() -> None:
    look = Look([order(), order(order_id=OTHER)], Silent())
    look.venue.orders[OTHER] = (OrderStatus.OPEN, 0)
    with pytest.raises(VenueError):
        look.ask()
    look.now_ns += 2 * SECOND

    assert look.ask() == [OTHER], "the one without an answer comes last now"
    assert look.venue.tried.count(ID) == 2


def test_so_many_are_asked_about_at_once_that_the_list_is_looked_at_in_between() -> None:
    look = Look([order(order_id=OrderId(str(number))) for number in range(QUESTIONS_A_PASS + 1)])
    look.ask()
    assert len(look.venue.asked) == QUESTIONS_A_PASS
    look.ask()

    assert len(set(look.venue.asked)) == QUESTIONS_A_PASS + 1
