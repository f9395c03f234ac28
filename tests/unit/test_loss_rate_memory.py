"""The loss rate forgets nothing within its window: not by a restart, another window, or on the way to another slot."""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engines import BTC, SECOND, engine
from harness.slots import config
from tradingbot_runtime.core.breaches import BreachReason
from tradingbot_runtime.core.carried import CarriedAccount, closed_account
from tradingbot_runtime.core.continuity import JOURNAL_LOST
from tradingbot_runtime.core.meters import Meters, Remembered
from tradingbot_runtime.core.positions import DailyLoss, Position
from tradingbot_runtime.inputs.snapshot import market_of, state_of
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import HaltResumed, Money, Nanos
from tradingbot_runtime.model.control import Halt
from tradingbot_runtime.risk_memory import RiskMemory, accept, carry, meters_of

LEDGER = "btc"
FAR = 1_700_000_000 * SECOND
MINUTE, HOUR, DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND
MOST = 62  # values: of sixty-one parts that are within a window in part, and one of before the window was changed
WINDOWS = st.one_of(st.sampled_from([SECOND, MINUTE, HOUR, 2 * HOUR, DAY]), st.integers(SECOND, DAY))
LOOKS = st.tuples(st.just("look"), st.one_of(st.integers(0, 3 * SECOND), st.integers(0, HOUR)), st.integers(-100, 100))
STEPS = st.lists(
    st.one_of(
        LOOKS, LOOKS, LOOKS,
        st.tuples(st.just("restart"), st.integers(-2 * HOUR, 2 * HOUR), st.just(0)),
        st.tuples(st.just("window"), WINDOWS, st.just(0)),
    ), max_size=80,
)  # fmt: skip


def restarted(meters: Meters, now_ns: int, path: Path) -> Meters:
    """By the next process, from what this one has written."""
    with Journal(path) as journal:
        RiskMemory(journal).keep(LEDGER, meters)
    with Journal(path) as journal:
        return meters_of(journal, LEDGER, Nanos(now_ns))


def reread(meters: Meters, now_ns: int) -> Meters:
    """The same without a file."""
    remembered = msgspec.json.decode(msgspec.json.encode(meters.remembered), type=Remembered)
    remembered.recent.fit(Nanos(now_ns), remembered.recent.window_ns)
    return Meters(remembered)


@dataclass
class Naive:
    """Keeps every look. What a window has dropped is not there for a longer one."""

    looks: list[tuple[int, int]] = field(default_factory=list)

    def below(self, now_ns: int, value: int, window_ns: int) -> int:
        self.looks = [(at, v) for at, v in [*self.looks, (now_ns, value)] if now_ns - at <= window_ns]
        return max(v for _, v in self.looks) - value

    def restarted(self, now_ns: int) -> None:
        """The clock may have been set back: what it called later has been by now."""
        self.looks = [(min(at, now_ns), v) for at, v in self.looks]


@given(steps=STEPS, window=WINDOWS)
def test_no_order_of_looks_restarts_and_windows_makes_it_forget_and_little_is_kept(
    steps: list[tuple[str, int, int]], window: int
) -> None:
    meters, naive, now = Meters(), Naive(), FAR
    for step, number, value in [*steps, ("look", 0, -100)]:
        if step == "look":
            now += number
            meters.value(Nanos(now), Money(value), None, window)
            assert meters.recent_loss >= naive.below(now, value, window)
        elif step == "restart":
            now += number
            meters = reread(meters, now)
            naive.restarted(now)
        else:
            window = number
        kept = meters.remembered.recent.values
        assert len(kept) <= MOST
        assert all(a[0] < b[0] and a[1] > b[1] for a, b in pairwise(kept))


@given(steps=STEPS, window=WINDOWS)
def test_what_it_remembers_too_long_is_a_part_of_each_window_that_there_was(
    steps: list[tuple[str, int, int]], window: int
) -> None:
    """Over restarts with a clock that goes on."""
    meters, looks, now, more = Meters(), [], FAR, -(-window // 60)
    for step, number, value in [*steps, ("look", 0, -100)]:
        if step == "window":
            window, more = number, more + -(-number // 60)
            continue
        now += abs(number)
        if step == "restart":
            meters = reread(meters, now)
            continue
        looks.append((now, value))
        meters.value(Nanos(now), Money(value), None, window)
        assert meters.recent_loss <= max(v for at, v in looks if now - at <= window + more) - value


def test_over_a_restart_a_loss_goes_on_and_what_nobody_has_seen_counts(tmp_path: Path) -> None:
    meters, path = Meters(), tmp_path / "journal.sqlite3"
    meters.value(Nanos(FAR), Money(100), None, HOUR)
    meters.value(Nanos(FAR + MINUTE), Money(60), None, HOUR)
    after = restarted(meters, FAR + 2 * MINUTE, path)
    after.value(Nanos(FAR + 2 * MINUTE), Money(-20), None, HOUR)
    assert after.recent_loss == 120

    later = restarted(after, FAR + HOUR, path)
    later.value(Nanos(FAR + HOUR), Money(-20), None, HOUR)
    assert later.recent_loss == 120, "as old as the window is long"
    later.value(Nanos(FAR + HOUR + MINUTE), Money(-20), None, HOUR)
    assert later.recent_loss == 80, "the older best is forgotten, the later one is not"


def test_a_longer_window_goes_on_with_what_is_known_and_a_shorter_one_drops_what_is_too_old() -> None:
    meters = Meters()
    meters.value(Nanos(FAR), Money(100), None, HOUR)
    meters.value(Nanos(FAR + 30 * MINUTE), Money(60), None, HOUR)
    meters.value(Nanos(FAR + 31 * MINUTE), Money(0), None, 2 * HOUR)
    assert meters.recent_loss == 100
    meters.value(Nanos(FAR + 90 * MINUTE), Money(0), None, 2 * HOUR)
    assert meters.recent_loss == 100, "the hour is over, the two are not"
    meters.value(Nanos(FAR + 90 * MINUTE), Money(0), None, 70 * MINUTE)
    assert meters.recent_loss == 60
    meters.value(Nanos(FAR + 90 * MINUTE), Money(0), None, MINUTE)
    assert meters.recent_loss == 0


def test_of_a_clock_that_was_ahead_a_best_counts_for_one_window_from_the_start_on(tmp_path: Path) -> None:
    meters = Meters()
    meters.value(Nanos(FAR + DAY), Money(100), None, MINUTE)
    after = restarted(meters, FAR, tmp_path / "journal.sqlite3")
    after.value(Nanos(FAR + MINUTE), Money(0), None, MINUTE)
    assert after.recent_loss == 100
    after.value(Nanos(FAR + MINUTE + 2 * SECOND), Money(0), None, MINUTE)
    assert after.recent_loss == 0


def test_a_journal_from_before_this_was_kept_begins_with_the_first_look(journal: Journal) -> None:
    journal.put(f"risk {LEDGER}", '{"day":3,"messages":7,"cancels":1,"fills":0,"capital":900,"best":50}')
    meters = meters_of(journal, LEDGER, Nanos(FAR))
    meters.value(Nanos(FAR), Money(10), None, HOUR)

    assert (meters.remembered.messages, meters.below_best, meters.recent_loss) == (7, 40, 0)


@pytest.mark.parametrize(("reason", "lost"), [(BreachReason.LOSS_RATE, 90), (BreachReason.MAX_DRAWDOWN, 90),
                                              (JOURNAL_LOST, 0)])  # fmt: skip
def test_a_release_forgets_no_loss_but_where_nobody_knows_what_was_earned(
    journal: Journal, reason: str, lost: int
) -> None:
    """In the running process and in a stopped one's journal alike."""
    meters = Meters()
    meters.value(Nanos(FAR), Money(100), None, HOUR)
    RiskMemory(journal).keep(LEDGER, meters)
    accept(journal, config(), [Halt(id="h", reason=reason, message="m", at_ns=1, market="btc")], running=())
    stopped = meters_of(journal, LEDGER, Nanos(FAR))
    running = engine().market
    running.meters = meters
    running.apply(HaltResumed(time_ns=Nanos(FAR), reason=reason))
    for found in (stopped, running.meters):
        found.value(Nanos(FAR + MINUTE), Money(10), None, HOUR)
        assert found.recent_loss == lost


def test_a_market_that_moves_takes_the_loss_along_in_a_few_values(journal: Journal) -> None:
    """A statement has 8 KiB for an account, and a frame of the control stream 1 MB for two hundred of them."""
    meters = Meters()
    for minute in range(61):
        meters.value(Nanos(FAR + minute * MINUTE), Money(-minute), None, HOUR)
    now = Nanos(FAR + 60 * MINUTE)
    closed = closed_account(Position(BTC), BTC, DailyLoss(), meters.remembered, now)
    carry(journal, LEDGER, msgspec.json.decode(msgspec.json.encode(closed), type=CarriedAccount))
    after = meters_of(journal, LEDGER, now)
    after.value(now, Money(-70), None, HOUR)

    assert (len(meters.remembered.recent.values), after.recent_loss) == (61, 70)
    assert len(closed.remembered.recent.values) <= 7
    after.value(Nanos(now + 11 * MINUTE), Money(-70), None, HOUR)
    assert 59 <= after.recent_loss <= 70, "of a sixth of the hour, the best counts as long as the last"
    after.value(Nanos(now + 70 * MINUTE), Money(-70), None, HOUR)
    assert after.recent_loss == 0


def test_it_is_in_the_snapshot_that_recorded_inputs_begin_with() -> None:
    market = engine().market
    market.meters.value(Nanos(FAR), Money(100), None, HOUR)
    again = market_of(state_of(market), market.terms)
    again.meters.value(Nanos(FAR + MINUTE), Money(10), None, HOUR)

    assert again.meters.recent_loss == 90
