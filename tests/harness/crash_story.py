"""The crash-point test in one process: all state is dropped at a boundary, the journal's files are as a kill has them.

The points are those of `crash_points` at the journal, and the edges of the hostile venue. At a drop the files are
copied as they are at that instant: the write-ahead log with what is committed, nothing checkpointed. What was on its
way to the venue still arrives there; what was on its way to us does not. A tenth of the drops (`CRASH_NODES_LOST`)
takes the node along, and the last commits: where the venue finds an order by our id, it leaves before its commit
survives a node.
"""

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from harness.crash_points import Database
from harness.desk_checks import DeskChecks
from harness.engines import tick
from harness.trading_desk import Setting, TradingDesk
from tradingbot_runtime.journal.mark import read_mark, write_mark
from tradingbot_runtime.model import AnyEvent, TradingState

MOST_PASSAGES = 30  # of one point
MOST_ANYWHERE = 500
STEPS_MOST = 400  # of a life: a point that is not passed by then is none of this life's
SYNCED_EVERY = 4  # commits: an fsync follows a commit within 50 ms
NODES_LOST = float(os.environ.get("CRASH_NODES_LOST", "0.1"))  # of the drops
ARRIVES = 0.7  # of what is on the wire when a node is lost
SECOND = 1_000_000_000
AGAIN = "CRASH_SEED={seed} CRASH_DROPS={drops} .venv/bin/pytest tests/unit/test_crash_story.py"
Result = TypeVar("Result")


class Dropped(BaseException):
    """No error: the process is gone. Nothing may catch it."""


class Boundaries:
    """Named points, as `crash_points.Passages`, that drop everything instead of killing a process."""

    def __init__(self) -> None:
        self.point = ""  # where the drop is to be; empty: anywhere
        self.left = 0  # passages until the drop; 0: none
        self.latest = "none"
        self.passed: Counter[str] = Counter()
        self.dropped_at: Counter[str] = Counter()
        self.on_drop: Callable[[], None] = lambda: None

    def at(self, point: str) -> None:
        self.passed[point] += 1
        if self.left and self.point in ("", point):
            self.left -= 1
            if not self.left:
                self.dropped_at[point] += 1
                self.latest = f"{point}, passage {self.passed[point]}"
                self.on_drop()
                raise Dropped(point)

    def around(self, point: str, call: Callable[[], Result]) -> Result:
        self.at(f"before {point}")
        result = call()
        self.at(f"after {point}")
        return result


class DroppedDesk(TradingDesk):
    """A desk with points at its seams."""

    def __init__(self, folder: Path, setting: Setting, boundaries: Boundaries) -> None:
        self.boundaries = boundaries
        self.left_behind, self.synced = folder / "left-behind", folder / "synced"
        self.commits = 0
        boundaries.on_drop = lambda: self._copy(self.left_behind)
        super().__init__(folder, setting)
        send, answer = self.venue.send, self.venue._answer  # noqa: SLF001 - the edge to the wire
        vars(self.venue).update(
            send=lambda *sent: boundaries.around("send", lambda: send(*sent)),
            _answer=lambda told: boundaries.around("question", lambda: answer(told)),
        )

    def _begin(self) -> None:
        super()._begin()
        journal, keep_mark = self.journal, self.journal._keep_mark  # noqa: SLF001 - the edge to the disk
        database: Any = Database(journal._db, self.boundaries)  # noqa: SLF001 - as above; stands in for a connection
        journal._db = database  # noqa: SLF001 - as above
        self._copy(self.synced)  # the barrier takes longer than an fsync

        def marked(**kept: int | str) -> None:
            self.boundaries.around("write of the mark", lambda: keep_mark(**kept))
            self.commits += 1
            if NODES_LOST and self.commits % SYNCED_EVERY == 0:
                self._copy(self.synced)

        vars(journal).update(_keep_mark=marked)

    def handle(self, event: AnyEvent) -> None:
        self.boundaries.around("event", lambda: self.market.handle(event))

    def _copy(self, to: Path) -> None:
        """The journal's files as they are now: what is committed is in the log, or not yet."""
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir()
        for path in self.folder.glob("journal.sqlite3*"):
            if not path.name.endswith("-shm"):  # an index of the log, made anew
                shutil.copyfile(path, to / path.name)

    def begin_again(self, *, node_lost: bool) -> None:
        """After a drop: another process on what the first one has left behind, or on what had got to the disk."""
        self.end()
        for path in self.folder.glob("journal.sqlite3*"):
            path.unlink()
        for path in (self.synced if node_lost else self.left_behind).iterdir():
            shutil.copyfile(path, self.folder / path.name)
        if node_lost:
            self._boot_anew()
        self._begin()

    def _boot_anew(self) -> None:
        """The mark is of another boot, which may have lost its last commits."""
        with (self.folder / "journal.sqlite3.lock").open("r+b") as file:
            write_mark(file.fileno(), replace(read_mark(file.fileno()), boot="another"))


class CrashStory:
    """A life at the hostile venue that is dropped again and again."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.seed = seed
        self.draw = draw = random.Random(seed)  # noqa: S311 - a seeded story, nothing secret
        two_phase = draw.random() < 0.5
        setting = Setting(two_phase=two_phase, replaces=not two_phase and draw.random() < 0.5,
                          cancel_all=draw.random() < 0.5, adopts=draw.random() < 0.5)  # fmt: skip
        self.boundaries = Boundaries()
        self.desk = DroppedDesk(folder, setting, self.boundaries)
        self.checks = DeskChecks(self.desk)
        self.desk.venue.on_send = self.checks.leaves
        self.drops = 0

    def run(self, drops: int) -> None:
        """AssertionError names the seed, the drop and its point."""
        try:
            while self.drops < drops:
                self._life()
                self.checks.hold()
            self.checks.calm()
            self.checks.agree()
        except AssertionError as failure:
            told = f"drop {self.drops} of seed {self.seed}, the last at {self.boundaries.latest}: {failure}"
            raise AssertionError(f"{told}\nagain: {AGAIN.format(seed=self.seed, drops=drops)}") from failure
        finally:
            self.boundaries.left = 0
            self.desk.end()

    def _life(self) -> None:
        """Until the drop: at a point that earlier lives have passed, a rare one as often as any other, or anywhere."""
        points = sorted(self.boundaries.passed)
        self.boundaries.point = self.draw.choice(["", *points])
        self.boundaries.left = self.draw.randint(1, MOST_PASSAGES if self.boundaries.point else MOST_ANYWHERE)
        try:
            self.desk.restore()
            for _ in range(STEPS_MOST):
                self._step()
                self.checks.hold()
        except Dropped:
            self.drops += 1
            node_lost = not self.desk.setting.two_phase and self.draw.random() < NODES_LOST
            if node_lost:
                self._wait_for_another_node()
            self.desk.begin_again(node_lost=node_lost)
            if node_lost:
                self.checks.node_lost()

    def _wait_for_another_node(self) -> None:
        """It takes longer than the venue goes on accepting a request: what is on the wire gets there, or never does."""
        venue = self.desk.venue
        while venue.wire:
            step = venue.arrive if self.draw.random() < ARRIVES else venue.lose_request
            step(0)

    def _step(self) -> None:
        """One of the things that happen, the everyday ones most often."""
        draw, desk = self.draw, self.desk
        venue, number = desk.venue, draw.randrange(30)
        steps: tuple[tuple[int, Callable[[], object]], ...] = (
            (5, lambda: desk.handle(tick(desk.now, 6_000_000 + (move := draw.randint(-20_000, 20_000)),
                                         6_000_002 + move))),
            (6, lambda: venue.arrive(number)),
            (6, lambda: venue.deliver(number, keep=draw.random() < 0.2)),
            (4, lambda: venue.step_build(number, draw.choice(("on", "on", "on", "lost", "expired")))),
            (3, lambda: self._trade(number)),
            (2, self._pass_time),
            (2, self._look),
            (1, lambda: venue.arrive(number, refused=True)),
            (1, lambda: venue.lose_request(number)),
            (1, lambda: venue.lose_mail(number)),
            (1, lambda: desk.want(draw.choice((TradingState.ACTIVE, TradingState.ACTIVE, TradingState.HALTED)))),
        )  # fmt: skip
        draw.choices([step for _, step in steps], [weight for weight, _ in steps])[0]()

    def _trade(self, number: int) -> None:
        """Somebody trades with us; the stream will tell."""
        orders = self.desk.exchange.open_orders
        if orders:
            order = orders[number % len(orders)]
            self.desk.venue.tell(self.desk.exchange.trade(order, max(order.left // self.draw.randint(1, 3), 1)))

    def _pass_time(self) -> None:
        self.desk.exchange.now_ns += int(self.draw.choice((0.001, 0.5, 1, 3, 7, 20, 61)) * SECOND)
        self.desk.venue.expire()

    def _look(self) -> None:
        self.desk.venue.failures = self.draw.choice((0, 0, 0, 1, 3))
        if self.desk.restore():
            self.desk.look()
