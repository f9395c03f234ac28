"""Markets to slots: few moves, and never two slots with one market."""

from hypothesis import given
from hypothesis import strategies as st

from tradingbot_operator.core.assignment import (
    Assignment,
    Halted,
    deal,
    hand_over,
    rendezvous,
    waited_for,
    with_hedges,
)

NAMES = [f"venue/S{number}" for number in range(200)]


@given(st.integers(1, 20))
def test_one_slot_more_moves_only_what_the_new_slot_gets(slots: int) -> None:
    before, after = rendezvous(NAMES, slots), rendezvous(NAMES, slots + 1)

    assert all(after[name] == slots for name in NAMES if after[name] != before[name])


def test_markets_are_spread_about_evenly() -> None:
    given_out = list(rendezvous(NAMES, 4).values())

    assert all(30 <= given_out.count(slot) <= 70 for slot in range(4))


def test_without_slots_nothing_is_assigned() -> None:
    assert rendezvous(NAMES, 0) == {}


def test_the_assignment_is_the_same_in_every_process() -> None:
    """Python's own hash() differs from process to process; a market would move at every restart."""
    assert rendezvous(["venue/BTCUSDT", "venue/ETHUSDT", "venue/ADAUSDT"], 5) == {
        "venue/BTCUSDT": 2, "venue/ETHUSDT": 1, "venue/ADAUSDT": 2,
    }  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=30), st.integers(0, 4))
def test_no_market_is_ever_with_two_slots(steps: list[tuple[int, bool]], first: int) -> None:
    """`holding` is the truth at the venue: a slot holds a market from its grant until it has let go."""
    names = NAMES[:6]
    now = hand_over(rendezvous(names, first), Assignment({}, {}), lambda *_: True)
    holding: dict[str, set[int]] = {name: {slot} for name, slot in now.granted.items()}
    for slots, lets_go in steps:
        if lets_go:  # every slot drops what it has no grant for
            holding = {name: {now.granted[name]} & held if name in now.granted else set()
                       for name, held in holding.items()}  # fmt: skip
        now = hand_over(
            rendezvous(names, slots),
            now,
            lambda slot, name: slot not in holding.get(name, set()),  # noqa: B023 - called at once
        )
        for name, slot in now.granted.items():
            holding.setdefault(name, set()).add(slot)
        assert all(len(held) <= 1 for held in holding.values())


def test_a_market_moves_in_two_steps() -> None:
    start = Assignment({"m": 0}, {})

    released = hand_over({"m": 1}, start, lambda *_: False)
    waiting = hand_over({"m": 1}, released, lambda *_: False)
    moved = hand_over({"m": 1}, released, lambda *_: True)

    assert released == waiting == Assignment({}, {"m": 0})
    assert moved == Assignment({"m": 1}, {})


def test_a_market_that_goes_back_needs_no_proof() -> None:
    assert hand_over({"m": 0}, Assignment({}, {"m": 0}), lambda *_: False) == Assignment({"m": 0}, {})


def test_what_a_market_hedges_with_comes_and_goes_with_it() -> None:
    wanted = {"m": "h"}

    assert with_hedges(Assignment({"m": 0}, {}), wanted, {"h": 0}) == Assignment({"m": 0}, {})
    assert with_hedges(Assignment({}, {"m": 0}), {}, {"h": 0}) == Assignment({}, {"m": 0, "h": 0})
    assert with_hedges(Assignment({"m": 1}, {}), wanted, {}) == Assignment({"m": 1}, {})


def test_no_market_hedges_with_what_another_slot_has_yet_to_let_go_of() -> None:
    """One market has taken the place of another one, which hedged with the same."""
    assert with_hedges(Assignment({"new": 1}, {"h": 0}), {"new": "h"}, {}) == Assignment({}, {"h": 0})
    assert with_hedges(Assignment({"new": 0}, {"h": 0}), {"new": "h"}, {}) == Assignment({"new": 0}, {})


SLOTS = 5
HOLDERS = st.dictionaries(st.sampled_from(NAMES[:8]), st.integers(0, SLOTS - 1))


@given(st.integers(0, SLOTS), HOLDERS)
def test_where_nobody_is_halted_markets_are_dealt_as_always(slots: int, holders: dict[str, int]) -> None:
    assert deal(NAMES[:8], slots, holders, Halted()) == rendezvous(NAMES[:8], slots)


@given(st.integers(1, SLOTS), HOLDERS, st.frozensets(st.integers(0, SLOTS - 1)))
def test_a_slot_that_is_halted_neither_gives_nor_takes(
    slots: int, holders: dict[str, int], halted: frozenset[int]
) -> None:
    wanted, plain = deal(NAMES[:8], slots, holders, Halted(halted)), rendezvous(NAMES[:8], slots)
    free = set(range(slots)) - halted

    for name, slot in wanted.items():
        if (holder := holders.get(name)) in halted:
            assert slot == holder, "it gives none"
        elif free:
            assert slot not in halted, "it takes none"
        else:
            assert slot == (plain[name] if holder is None else holder), "there is nobody else"
        assert slot in {plain[name], holder} or plain[name] in halted, "nothing moves that need not"
    assert set(waited_for(wanted, slots, Halted(halted))) <= halted


@given(st.integers(1, SLOTS), st.frozensets(st.integers(0, SLOTS - 1), min_size=1))
def test_a_market_that_a_halt_holds_comes_back_to_the_slot_of_the_halt(slots: int, halted: frozenset[int]) -> None:
    there = frozenset(slot for slot in halted if slot < slots)
    wanted = deal(NAMES[:8], slots, {}, Halted(halted, dict.fromkeys(NAMES[:8], there)))

    assert not there or set(wanted.values()) <= there
