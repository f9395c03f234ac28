"""How long halts, rollouts and phases took: the time that a change waits for somebody is none that it takes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from harness.lived import HALT, NAME, RESTARTING, status
from tradingbot_operator.api.v1alpha1 import TradingBotStatus
from tradingbot_operator.history import COMPLETED, ROLLED_BACK, History
from tradingbot_runtime.metric_families import Histogram

BEGAN = datetime(2026, 1, 2, tzinfo=UTC)
WAITING = RESTARTING | {"reason": "OutsideMaintenanceWindow"}
BACK = {"generation": 2, "inputs": "a", "at": "2026-01-02T00:00:00Z", "message": "taken back"}


@dataclass
class Lived:
    """Each status is written some seconds after the one before."""

    moment: datetime = BEGAN
    last: TradingBotStatus = field(default_factory=TradingBotStatus)
    history: History = field(init=False)

    def __post_init__(self) -> None:
        self.history = History(lambda: self.moment)

    def written(self, after: TradingBotStatus, after_s: float = 0.0, **halted_ns: int) -> None:
        self.moment += timedelta(seconds=after_s)
        self.history.written(NAME, self.last, after, halted_ns)
        self.last = after


def taken_s(histogram: Histogram) -> tuple[int, float]:
    """How many, and the sum of them."""
    return sum(histogram.counts), histogram.sum_ns / 1e9


def test_a_rollout_is_measured_without_the_time_in_which_it_waits() -> None:
    lived = Lived()
    lived.written(status())
    lived.written(status(pendingChange=WAITING))
    lived.written(status(pendingChange=RESTARTING), 3_600)
    lived.written(status("Progressing", pendingChange=RESTARTING | {"slots": [0, 1]}), 20)
    lived.written(status(), 25)

    assert taken_s(lived.history.rollouts[COMPLETED]) == (1, 45)
    assert taken_s(lived.history.rollouts_waited[COMPLETED]) == (1, 3_600)


def test_one_that_is_taken_back_is_no_completed_one() -> None:
    lived = Lived()
    lived.written(status(pendingChange=RESTARTING))
    lived.written(status(pendingChange=RESTARTING, rolledBack=BACK), 600)
    lived.written(status(rolledBack=BACK), 60)

    assert lived.history.rollouts.keys() == {ROLLED_BACK}
    assert taken_s(lived.history.rollouts[ROLLED_BACK]) == (1, 600)


def test_a_hot_change_is_no_rollout() -> None:
    lived = Lived()
    lived.written(status(pendingChange=RESTARTING | {"class": "HotReload"}))
    lived.written(status(), 1)

    assert lived.history.rollouts == {}


def test_a_halt_is_counted_once_and_measured_from_the_runtimes_moment() -> None:
    lived = Lived()
    moment_ns = round(BEGAN.timestamp() * 10**9)
    lived.written(status())
    lived.written(status("Halted", halts=[HALT]), 1.5, **{HALT["id"]: moment_ns + 10**9})
    lived.written(status("Halted", halts=[HALT], replicas=1), 60, **{HALT["id"]: moment_ns + 10**9})

    assert lived.history.halts == {("RiskBreachMaxLoss",): 1}
    assert taken_s(lived.history.halt_latency) == (1, 0.5)


def test_a_halt_that_was_ordered_is_measured_once_its_runtime_has_said_that_it_holds() -> None:
    lived = Lived()
    lived.written(status(halts=[HALT | {"confirmed": False}]))
    assert taken_s(lived.history.halt_latency) == (0, 0)

    lived.written(status("Halted", halts=[HALT]), 2, **{HALT["id"]: round(BEGAN.timestamp() * 10**9)})

    assert taken_s(lived.history.halt_latency) == (1, 2)
    assert lived.history.halts.total() == 1


def test_words_that_are_not_ours_make_no_series_of_their_own() -> None:
    lived = Lived()
    lived.written(status("Halted", halts=[HALT | {"id": str(n), "reason": f"made-up-{n}"} for n in range(50)]))

    assert lived.history.halts == {("Halted",): 50}


def test_a_phase_is_measured_when_it_ends_and_when_its_beginning_was_seen() -> None:
    lived = Lived(last=status("Running"))
    lived.written(status("Running", replicas=1), 100)
    lived.written(status("Halted"), 100)
    assert lived.history.phases == {}

    lived.written(status("Halted", replicas=2), 30)
    lived.written(status("Running"), 12)

    assert {phase: taken_s(lasted) for phase, lasted in lived.history.phases.items()} == {"Halted": (1, 42)}


def test_a_bot_that_is_gone_is_forgotten() -> None:
    lived = Lived()
    lived.written(status(pendingChange=RESTARTING))
    lived.history.forget(NAME)
    lived.written(status(), 5)

    assert lived.history.rollouts == {}


def test_a_clock_that_goes_back_measures_nothing_below_zero() -> None:
    lived = Lived()
    lived.written(status(pendingChange=RESTARTING))
    lived.written(status("Halted", halts=[HALT]), -50, **{HALT["id"]: round(BEGAN.timestamp() * 10**9)})

    assert taken_s(lived.history.rollouts[COMPLETED]) == (1, 0)
    assert taken_s(lived.history.halt_latency) == (1, 0)
