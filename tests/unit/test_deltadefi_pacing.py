"""The pace of calls to DeltaDeFi: withdrawals first, a bounded queue, and a rate that follows what the venue bears."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.model import Lots, Nanos, OrderId, Side, Ticks
from tradingbot_runtime.venues.deltadefi.known_orders import KEPT, WITHIN_NS, KnownOrders, LostBuild
from tradingbot_runtime.venues.deltadefi.pacing import SECOND, SLOWEST, WAITING_MOST, Lane, Pace, Pacer, TooManyWaiting

LONG_S, SHORT_S = 5.0, 0.02


@dataclass
class Clock:
    now: int = 10**18

    def __call__(self) -> Nanos:
        return Nanos(self.now)


def paced(scenario: Callable[[Pacer, Clock], Awaitable[None]], burst: int = 4, reserve: int = 1) -> None:
    """A clock that stands still unless the scenario moves it: only the burst may leave."""

    async def run() -> None:
        clock = Clock()
        await scenario(Pacer(Budget(Fraction(5), burst, reserve), clock), clock)

    asyncio.run(run())


async def granted(turns: list["asyncio.Task[None]"]) -> list[int]:
    """Which turns have been granted, as far as the clock stands."""
    for _ in range(5):
        await asyncio.sleep(0)
    return [number for number, turn in enumerate(turns) if turn.done() and turn.exception() is None]


def ask(pacer: Pacer, *lanes: Lane, within_s: float = LONG_S) -> list["asyncio.Task[None]"]:
    return [asyncio.ensure_future(pacer.turn(lane, within_s)) for lane in lanes]


async def give_up(turns: list["asyncio.Task[None]"]) -> None:
    for turn in turns:
        turn.cancel()
    await asyncio.gather(*turns, return_exceptions=True)


def test_the_last_part_of_the_burst_is_for_cancels_only() -> None:
    async def scenario(pacer: Pacer, _: Clock) -> None:
        turns = ask(pacer, *[Lane.BUILD] * 5)
        assert await granted(turns) == [0, 1, 2]
        cancels = ask(pacer, Lane.CANCEL, Lane.CANCEL)
        assert await granted(cancels) == [0]
        await give_up(turns + cancels)

    paced(scenario)


def test_who_withdraws_goes_first_and_who_submits_before_who_builds() -> None:
    async def scenario(pacer: Pacer, clock: Clock) -> None:
        for _ in range(4):
            pacer.budget.take(clock())
        turns = ask(pacer, Lane.BUILD, Lane.SUBMIT, Lane.CANCEL)
        assert await granted(turns) == []
        order: list[int] = []
        turns[0].add_done_callback(lambda _: order.append(0))
        turns[1].add_done_callback(lambda _: order.append(1))
        turns[2].add_done_callback(lambda _: order.append(2))
        clock.now += 2 * SECOND  # room for all of them
        await asyncio.wait(turns, timeout=LONG_S)
        assert order == [2, 1, 0]

    paced(scenario)


def test_a_turn_that_does_not_come_in_time_is_given_up() -> None:
    async def scenario(pacer: Pacer, _: Clock) -> None:
        turns = ask(pacer, *[Lane.BUILD] * 4, within_s=SHORT_S)
        await asyncio.wait(turns)
        assert [type(turn.exception()) for turn in turns] == [type(None)] * 3 + [TooManyWaiting]

    paced(scenario)


def test_who_gives_up_takes_no_turn() -> None:
    async def scenario(pacer: Pacer, clock: Clock) -> None:
        turns = ask(pacer, *[Lane.BUILD] * 5)
        assert await granted(turns) == [0, 1, 2]
        turns[3].cancel()
        clock.now += SECOND // 5  # room for one more
        await asyncio.wait([turns[4]], timeout=LONG_S)
        assert turns[4].exception() is None

    paced(scenario)


def test_no_more_calls_wait_than_there_is_room_for() -> None:
    async def scenario(pacer: Pacer, _: Clock) -> None:
        turns = ask(pacer, *[Lane.BUILD] * (WAITING_MOST + 3))
        await granted(turns)
        with pytest.raises(TooManyWaiting, match=str(WAITING_MOST)):
            await pacer.turn(Lane.BUILD, LONG_S)
        await give_up(turns[:100])
        late = ask(pacer, Lane.CANCEL)  # those that gave up make room
        assert await granted(late) == [0]
        await give_up(turns)

    paced(scenario)


def test_a_refusal_halves_the_rate_of_the_account_and_stops_everybody_for_a_while() -> None:
    async def scenario(pacer: Pacer, clock: Clock) -> None:
        pacer.refused()
        assert pacer.account.per_second == pacer.budget.per_second == Fraction(5, 2)
        assert pacer.account.is_blocked(clock())
        cancels = ask(pacer, Lane.CANCEL)
        assert await granted(cancels) == []
        clock.now += SECOND + 1
        await asyncio.wait(cancels, timeout=LONG_S)
        assert cancels[0].exception() is None
        pacer.refused(wait_s=30)
        assert pacer.account.is_blocked(Nanos(clock.now + 29 * SECOND))

    paced(scenario)


def test_a_new_configuration_counts_at_once_and_what_was_learnt_goes_on() -> None:
    async def scenario(pacer: Pacer, clock: Clock) -> None:
        pacer.refused()
        pacer.account.configure(Budget(Fraction(20), 9, 1))  # as `Slot` does when a configuration is applied
        assert pacer.account.per_second == Fraction(10), "already before the next call"
        clock.now += 2 * SECOND
        assert await granted(ask(pacer, Lane.CANCEL)) == [0]
        assert (pacer.budget.per_second, pacer.account.per_second, pacer.budget.burst) == (
            Fraction(10),
            Fraction(10),
            9,
        )

    paced(scenario)


@pytest.mark.parametrize("answer", [Pacer.accepted, Pacer.refused])
@pytest.mark.parametrize("full", [Fraction(20), Fraction(5, 2), Fraction(1)])
def test_no_answer_of_the_venue_undoes_a_new_configuration(answer: Callable[[Pacer], None], full: Fraction) -> None:
    """One of the rates is what the venue was just found to bear."""

    async def scenario(pacer: Pacer, clock: Clock) -> None:
        pacer.refused()
        pacer.account.configure(Budget(full, 4, 1))
        clock.now += 2 * SECOND
        answer(pacer)
        assert pacer.pace.full == pacer.account.configured == full
        assert pacer.account.per_second == pacer.budget.per_second == pacer.pace.now < full
        for _ in range(60):
            clock.now += 2 * SECOND
            pacer.accepted()
        assert pacer.account.per_second == pacer.budget.per_second == full

    paced(scenario)


@given(
    st.fractions(Fraction(1, 100), 1000), st.lists(st.tuples(st.booleans(), st.integers(0, 5 * SECOND)), max_size=60)
)
def test_the_rate_never_leaves_its_bounds_and_comes_back(full: Fraction, answers: list[tuple[bool, int]]) -> None:
    pace, now = Pace(full, full), 0
    for refused, later in answers:
        now += later
        (pace.refused if refused else pace.accepted)(Nanos(now))
        assert min(SLOWEST, full) <= pace.now <= full
    for _ in range(20):
        now += SECOND
        pace.accepted(Nanos(now))
    assert pace.now == full


# -- known orders ------------------------------------------------------------------------------------------------


def build(number: int, asked_ns: int = 0, lots: int = 100) -> LostBuild:
    return LostBuild(OrderId(f"ours-{number}"), "ADAUSDM", Side.BUY, Ticks(9300), Lots(lots), Nanos(asked_ns))


def test_ids_are_known_both_ways_and_the_oldest_are_forgotten() -> None:
    known = KnownOrders()
    for number in range(KEPT + 1):
        known.add(OrderId(f"ours-{number}"), f"venue-{number}")

    assert (known.venue_id(OrderId("ours-0")), known.order_id("venue-0")) == ("", None)
    assert (known.venue_id(OrderId("ours-1")), known.order_id("venue-1")) == ("venue-1", "ours-1")


def test_a_trade_is_news_once_and_what_is_remembered_is_bounded() -> None:
    known = KnownOrders()

    assert [known.is_news(trade) for trade in ("a", "b", "a")] == [True, True, False]
    assert all(known.is_news(f"trade-{number}") for number in range(KEPT))
    assert len(known.trades_told) == KEPT


def test_after_a_rebuild_the_newest_id_of_the_venue_counts_and_the_older_one_still_names_us() -> None:
    known = KnownOrders()
    known.add(OrderId("ours"), "first")
    known.add(OrderId("ours"), "second")

    assert known.venue_id(OrderId("ours")) == "second"
    assert known.order_id("first") == known.order_id("second") == "ours"


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (build(0, asked_ns=5), "ours-1"),
        (build(0, asked_ns=WITHIN_NS + 1), None),
        (build(0, lots=101), None),
    ],
)
def test_a_lost_build_is_recognised_once_by_all_that_it_is(seen: LostBuild, found: str | None) -> None:
    known = KnownOrders()
    known.lost_builds.append(build(1))

    assert known.recognise("venue-1", seen) == found
    assert known.recognise("venue-2", seen) is None


def test_two_lost_builds_that_look_alike_name_nothing() -> None:
    known = KnownOrders()
    known.lost_builds.extend([build(1), build(2)])

    assert known.recognise("venue-1", build(0)) is None
