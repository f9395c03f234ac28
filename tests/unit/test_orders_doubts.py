"""When an order is asked about, to the nanosecond, and how much is remembered of orders' ages."""

from dataclasses import replace

from tradingbot_runtime.core.doubts import (
    ABSENT_PROOFS,
    ACKS_KEPT,
    AGES_KEPT,
    ASK_SLOWEST_NS,
    IN_FLIGHT_NS,
    PROTECTED_MOST_NS,
    PROTECTED_NS,
    PROVE_WITHIN_NS,
    SECOND,
    SETTLE_NS,
    Ages,
    Doubt,
    Doubts,
    doubted_after_ns,
)
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.model import Lots, Nanos, OrderId, Side, Ticks

ID = OrderId("ab" * 16)
BORN = 1_000 * SECOND


def doubt(questions: int, asked_ns: int) -> Doubt:
    return Doubt(Nanos(BORN), Nanos(BORN), asked_ns=Nanos(asked_ns), questions=questions)


def pause_ns(questions: int, asked_ns: int) -> int:
    """The least whole second after a question at which the next is due."""
    asked = doubt(questions, asked_ns)
    return next(s for s in range(1, 60) if is_due(asked, asked_ns + s * SECOND)) * SECOND


def is_due(doubt: Doubt, now_ns: int) -> bool:
    return doubt.due_ns(Nanos(now_ns)) <= now_ns


def test_the_pause_between_questions_doubles_and_is_short_while_absence_may_be_proved_soon() -> None:
    assert [pause_ns(n, BORN) // SECOND for n in (1, 2, 3, 9)] == [1, 2, 2, 2]
    late = BORN + 100 * SECOND
    assert [pause_ns(n, late) // SECOND for n in (1, 2, 3, 4, 99)] == [1, 2, 4, 8, ASK_SLOWEST_NS // SECOND]


def test_questions_slow_down_at_twice_the_time_that_the_venue_may_need_to_settle() -> None:
    asked = BORN + 2 * SETTLE_NS - 2 * SECOND

    assert is_due(doubt(9, asked - 1), BORN + 2 * SETTLE_NS - 1)
    assert not is_due(doubt(9, asked), BORN + 2 * SETTLE_NS)


def test_absence_is_proved_and_proof_is_overdue_at_their_very_moments() -> None:
    absent = Doubt(Nanos(BORN), Nanos(BORN), absent=ABSENT_PROOFS)

    assert [absent.proves_absence(Nanos(BORN + SETTLE_NS + step)) for step in (-1, 0)] == [False, True]
    assert [absent.is_overdue(Nanos(BORN + PROVE_WITHIN_NS + step)) for step in (-1, 0)] == [False, True]


def test_the_question_that_may_prove_absence_is_asked_as_soon_as_it_may() -> None:
    soon = BORN + SETTLE_NS
    nearly = replace(doubt(6, soon - SECOND), absent=ABSENT_PROOFS - 1)

    assert [is_due(nearly, soon + step) for step in (-1, 0)] == [False, True]
    assert not is_due(replace(nearly, absent=ABSENT_PROOFS - 2), soon), "it would prove nothing"
    assert not is_due(replace(nearly, asked_ns=Nanos(soon)), soon + SECOND), "asked then: at the usual pace again"


def test_new_doubts_without_end_never_starve_an_old_one() -> None:
    """Twice as many new ones each second as are asked about: the old one waits for no later one."""
    doubts, a_pass = Doubts(), 5
    doubts.raise_for(ID, Nanos(BORN - SECOND))
    asked: list[int] = []
    for second in range(60):
        now_ns = Nanos(BORN + second * SECOND)
        for number in range(2 * a_pass):
            doubts.raise_for(OrderId(f"{second:03}{number:03}"), now_ns)
        for order_id in doubts.due(now_ns)[:a_pass]:
            doubts.by_order[order_id].asked(now_ns)
            if order_id == ID:
                asked.append(second)
            else:
                doubts.settle(order_id)

    assert asked[0] == 0
    assert len(asked) >= ABSENT_PROOFS


def test_what_was_never_in_doubt_may_be_settled() -> None:
    doubts = Doubts()
    doubts.settle(ID)

    assert doubts.raise_for(ID, Nanos(BORN)).by_state is False


def test_each_question_is_counted_once() -> None:
    asked = Doubt(Nanos(BORN), Nanos(BORN))
    asked.asked(Nanos(BORN + 1))
    asked.asked(Nanos(BORN + 2))

    assert (asked.questions, asked.asked_ns) == (2, BORN + 2)


def test_an_order_without_an_answer_is_in_doubt_from_the_moment_on_that_a_gateway_would_have_given_up() -> None:
    order = Order(ID, Side.BUY, Ticks(1), Lots(1), state=OrderState.SUBMITTING)

    assert [doubted_after_ns(order, IN_FLIGHT_NS + step) for step in (-1, 0)] == [None, 0]


def test_as_many_ages_are_kept_as_is_said_and_the_oldest_goes_with_its_question() -> None:
    ages, ids = Ages(), [OrderId(str(number)) for number in range(AGES_KEPT + 1)]
    for order_id in ids[:-1]:
        ages.sent(order_id, Nanos(BORN))
    assert len(ages.sent_ns) == AGES_KEPT
    ages.sent(ids[-1], Nanos(BORN))
    ages.acknowledged(ids[0], Nanos(BORN + 1))

    assert list(ages.sent_ns) == ids[1:]
    assert not ages.took_ns


def test_an_acknowledgement_counts_once_and_not_after_the_end() -> None:
    ages = Ages()
    ages.sent(ID, Nanos(BORN))
    ages.acknowledged(ID, Nanos(BORN + 7))
    ages.acknowledged(ID, Nanos(BORN + 9))
    assert list(ages.took_ns) == [7]
    ages.sent(ID, Nanos(BORN))
    ages.ended(ID)
    ages.acknowledged(ID, Nanos(BORN + 9))

    assert (list(ages.took_ns), ages.sent_ns) == ([7], {})


def test_a_young_order_is_protected_and_one_of_an_earlier_process_is_not() -> None:
    ages = Ages()
    ages.sent(ID, Nanos(BORN))

    assert [ages.is_protected(ID, Nanos(BORN + PROTECTED_NS + step)) for step in (-1, 0)] == [True, False]
    assert ages.age_ns(OrderId("other"), Nanos(BORN)) == BORN


def test_the_protection_follows_what_one_in_a_hundred_takes_within_bounds() -> None:
    ages = Ages()
    ages.took_ns.extend([SECOND] * 99 + [3 * SECOND])
    assert ages.protected_ns == 9 * SECOND
    ages.took_ns.extend([60 * SECOND] * ACKS_KEPT)

    assert ages.protected_ns == PROTECTED_MOST_NS
