"""`make soak-memory`: the runtime on a replayed market with faults; its memory and its tasks must not grow.

    PYTHONPATH=tests .venv/bin/python -m harness.memory_soak [--simulated-minutes M] [--warmup-minutes M] [--seed N]

A real runtime trades against the simulator, which plays a recording over and over at twenty times its speed and
injects faults by a seeded plan. The slope is that of a straight line through the resident memory by simulated time
(least squares), after a warm-up in which caches fill to their bounds. Tasks are counted when all is quiet, before and
after. Exit code: 0; 1 when memory or tasks grew beyond the limits.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.live_risk import LIVE_RISK
from harness.runtime_process import RuntimeProcess, making, runtime
from harness.simulator import RECORDING, Json, SimulatorProcess, until

SPEED = 20
MOST_MB_AN_HOUR = 1.0  # a simulated one
QUIET_WITHIN_S = 30.0
MB = 1024 * 1024
RICH = ("--balance", "USDT=100000000", "--balance", "BTC=1000")
LIMITS = ("--orders-per-10s", "1000000", "--weight-per-minute", "1000000")
ORDERS = 10
LIVELY = making(spreadBps="4", stepBps="2", layers=ORDERS // 2, hysteresis={"ticks": 50, "quantityShare": "0.5"})
WIDE = {**LIVE_RISK, "maxPosition": "50", "maxDailyLoss": "10000000", "staleAfter": "1s"}


@dataclass(frozen=True, slots=True)
class Soak:
    """How long, in minutes of the recording's time."""

    warmup_minutes: float = 40
    minutes: float = 120
    samples: int = 180
    seed: int = 4

    def plan(self) -> Json:
        """Faults of every kind. What leaves many orders in doubt at once, for ten seconds, is rarer than the rest."""
        return {
            "seed": self.seed,
            "faults": [
                {"match": "btcusdt@bookTicker", "rate": 0.0002, "seconds": 1},
                {"match": "user", "rate": 0.005, "kinds": ["duplicate", "reorder", "delay"]},
                {"match": "user", "rate": 0.0003, "seconds": 1},
                {"match": "order.*", "rate": 0.003, "kinds": ["accept-then-5xx", "delay", "429"]},
                {"match": "order.*", "rate": 0.0003, "stepMs": 100},
                {"match": "* /api/*", "rate": 0.02, "stepMs": 100},
            ],
        }


@dataclass(frozen=True, slots=True)
class Sample:
    minutes: float  # of the recording's time, since the warm-up
    resident_mb: float
    tasks: int
    orders: int


@dataclass(frozen=True, slots=True)
class Grown:
    samples: list[Sample]
    tasks_before: int
    tasks_after: int
    fills: int
    faults: Json  # kind -> how often

    @property
    def mb_an_hour(self) -> float:
        hours = [sample.minutes / 60 for sample in self.samples]
        return linear_regression(hours, [sample.resident_mb for sample in self.samples]).slope

    @property
    def tasks_leaked(self) -> int:
        return self.tasks_after - self.tasks_before

    @property
    def grown_mb(self) -> float:
        return self.samples[-1].resident_mb - self.samples[0].resident_mb


def soak(folder: Path, wanted: Soak, tell: Callable[[Sample], object] = lambda _: None) -> Grown:
    """Trade for as long as `wanted` says. AssertionError when the bot ends, halts or does not come to rest."""
    options = ("--recording", str(RECORDING), "--loop", "--speed", str(SPEED), *RICH, *LIMITS)
    spec: dict[str, Any] = {"strategy": {"marketMaking": LIVELY}, "risk": WIDE}
    with SimulatorProcess(*options) as simulator, runtime(folder, simulator, spec=spec) as bot:
        bot.start().until_quoting(orders=ORDERS, within_s=30)
        before = quiet_tasks(bot, lambda tasks: tasks > 0)
        simulator.admin.follow_plan(wanted.plan())
        _sample(bot, _real_s(wanted.warmup_minutes), wanted.samples, lambda _: None)
        samples = _sample(bot, _real_s(wanted.minutes), wanted.samples, tell)
        faults = simulator.admin.injected()
        simulator.admin.forget_plan()
        after = quiet_tasks(bot, lambda tasks: tasks <= before)
        fills = int(bot.metric("tradingbot_fills_total"))
        assert bot.state()["halts"] == [], bot.state()["halts"]
    return Grown(samples, before, after, fills, faults)


def quiet_tasks(bot: RuntimeProcess, enough: Callable[[int], bool]) -> int:
    """The fewest tasks seen until `enough` are few: what waits for an answer just now is no leak."""
    fewest: list[int] = []

    def few() -> bool:
        fewest.append(int(bot.metric("tradingbot_runtime_tasks")))
        return len(fewest) >= 20 and enough(min(fewest))  # about two seconds

    try:
        until(few, "tasks are few", QUIET_WITHIN_S)
    except AssertionError:
        return min(fewest)
    return min(fewest)


def _real_s(minutes: float) -> float:
    return minutes * 60 / SPEED


def _sample(bot: RuntimeProcess, seconds: float, number: int, tell: Callable[[Sample], object]) -> list[Sample]:
    started = time.monotonic()
    samples: list[Sample] = []
    for due in (seconds * (count + 1) / number for count in range(number)):
        while (left := started + due - time.monotonic()) > 0:
            assert bot.running, bot.output()[-2000:]
            time.sleep(min(left, 1.0))  # a pace, and nothing is waited for
        samples.append(
            Sample(
                minutes=(time.monotonic() - started) * SPEED / 60,
                resident_mb=bot.metric("process_resident_memory_bytes") / MB,
                tasks=int(bot.metric("tradingbot_runtime_tasks")),
                orders=int(
                    sum(bot.metric("tradingbot_orders_total", outcome=sent) for sent in ("PlaceSent", "ReplaceSent"))
                ),
            )
        )
        tell(samples[-1])
    return samples


def table(grown: Grown) -> Table:
    shown = Table("simulated minutes", "resident MB", "tasks", "orders")
    step = max(len(grown.samples) // 12, 1)
    for sample in grown.samples[step - 1 :: step]:
        shown.add_row(f"{sample.minutes:.0f}", f"{sample.resident_mb:.1f}", str(sample.tasks), str(sample.orders))
    return shown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulated-minutes", type=float, default=Soak().minutes)
    parser.add_argument("--warmup-minutes", type=float, default=Soak().warmup_minutes)
    parser.add_argument("--seed", type=int, default=Soak().seed)
    chosen = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as folder, console.status("warming up") as status:
        grown = soak(
            Path(folder), Soak(chosen.warmup_minutes, chosen.simulated_minutes, seed=chosen.seed),
            lambda s: status.update(f"{s.minutes:.0f} simulated minutes, {s.resident_mb:.1f} MB, {s.tasks} tasks"),
        )  # fmt: skip
    console.print(table(grown))
    console.print(f"faults: {sum(grown.faults.values())} ({', '.join(f'{k} {n}' for k, n in grown.faults.items())})")
    console.print(
        f"memory slope {grown.mb_an_hour:+.2f} MB a simulated hour (at most {MOST_MB_AN_HOUR}), "
        f"tasks {grown.tasks_before} -> {grown.tasks_after}, {grown.fills} fills"
    )
    return 0 if grown.mb_an_hour <= MOST_MB_AN_HOUR and grown.tasks_leaked <= 0 else 1


if __name__ == "__main__":
    sys.exit(main())
