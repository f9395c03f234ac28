"""A run of kills at one venue: at every named point, over its passages, and at random instants.

A census comes first: which points there are, in which stage of a life (starting, trading, ending), and how often each
is passed. Then life after life is ended at one of them, and the next one must find everything as the venue has it.
"""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from harness.crash_bot import CrashingBot
from harness.crash_truth import Truth, differences, look_for_strays, profit_differences, strays
from harness.runtime_process import rows
from harness.shown import Shown
from harness.simulator import Json, until

ACTIVE_WITHIN_S = 40.0
AGREE_WITHIN_S = 40.0
QUOTES_WITHIN_S = 20.0
ORDERS_LEAST = 2
PASSED_WITHIN_S = 3.0
PASSED_LATE_S = 12.0  # where only this point will do
LONGEST_LIFE_S = 1.0  # until a kill at a random instant
CENSUS_S = 2.0
MOST_PASSAGES = 60  # a life is short, that there may be many
INSTANT = "a random instant"
SILENCE_S = 600.0
INSTANTS = 0.2  # of the kills
FREQUENT = 5  # passages in the census: a point that comes by in every life
MORE_TRIES = 5


class Stage(StrEnum):
    STARTING = "starting"
    TRADING = "trading"
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class Kill:
    stage: Stage
    point: str
    passage: int = 1
    within_s: float = PASSED_WITHIN_S

    def __str__(self) -> str:
        return f"{self.stage}: {self.point}, passage {self.passage}"


@dataclass
class CrashRun:
    bot: CrashingBot
    truth: Truth
    market: str
    reference: str  # the stream without which everything is withdrawn
    plan: list[Json]  # rules of the fault plan
    most: Decimal  # the position's limit
    seed: int
    again: str  # the command that repeats the run
    tell: Callable[[str], None] = print
    kills: int = 0
    killed_at: Counter[tuple[Stage, str]] = field(default_factory=Counter)
    wanted: list[Kill] = field(default_factory=list)  # every point by stage
    now: Kill | None = None

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)  # noqa: S311 - a seeded run, nothing secret
        self.opening = {asset: self.truth.held(asset) for asset in (self.truth.base, self.truth.quote)}

    def run(self, kills: int) -> None:
        """AssertionError says what does not hold, after which kill, and how to see it again."""
        try:
            self.wanted = self.census()
            self.tell(f"seed {self.seed}: {len({kill.point for kill in self.wanted})} points")
            for kill in self._chosen(kills):
                self.now = kill
                self._end_at(kill)
                self._begin_again()
                if self.kills % 10 == 0:
                    self.tell(f"seed {self.seed}: {self.kills} of {kills} kills")
            self._end_well()
        except AssertionError as failure:
            told = f"kill {self.kills} of seed {self.seed}, the last at {self.now}: {failure}"
            raise AssertionError(f"{told}\nagain: {self.again.format(seed=self.seed, kills=kills)}") from failure

    # -- what there is -------------------------------------------------------------------------------------------

    def census(self) -> list[Kill]:
        """Every point by stage, with how often it was passed there. Costs one kill."""
        self._follow_faults()
        self.bot.start()
        self._active()
        self.bot.board.reset()  # of the way up another life tells
        time_is_up = time.monotonic() + CENSUS_S
        until(lambda: time.monotonic() >= time_is_up, "the census", CENSUS_S + 1)
        self.bot.kill()
        self.kills += 1
        before = self.bot.board.counts()
        self.bot.board.reset()
        self._begin_again()
        found = [self._passed(Stage.TRADING, before), self._passed(Stage.STARTING, self.bot.board.counts())]
        self.bot.board.reset()
        self.bot.terminate(30)
        found.append(self._passed(Stage.ENDING, self.bot.board.counts()))
        self.bot.start()
        self._active()
        return [kill for stage in found for kill in stage]

    @staticmethod
    def _passed(stage: Stage, counts: dict[str, int]) -> list[Kill]:
        return [Kill(stage, point, count) for point, count in sorted(counts.items())]

    def _chosen(self, kills: int) -> Iterator[Kill]:
        """First every point once, where it is passed most; then any of them; now and then a random instant."""
        for kill in self._best():
            yield self._at_some_passage(kill)
            if not self.killed_at[kill.stage, kill.point]:
                yield replace(kill, passage=1)
        for _ in range(MORE_TRIES):  # some lives are over before they come by, whatever the stage
            for kill in self.wanted:
                if kill.point in self.uncovered:
                    yield replace(kill, passage=1, within_s=PASSED_LATE_S)
        while self.kills < kills:
            if self.draw.random() < INSTANTS:
                yield Kill(Stage.TRADING, INSTANT)
            else:
                yield self._at_some_passage(self.draw.choice(self.wanted))

    def _best(self) -> list[Kill]:
        """Every point once, in the stage where it is passed most."""
        best: dict[str, Kill] = {}
        for kill in self.wanted:
            if kill.point not in best or kill.passage > best[kill.point].passage:
                best[kill.point] = kill
        return list(best.values())

    def _at_some_passage(self, kill: Kill) -> Kill:
        """Early passages more often: they come in every life."""
        most = min(kill.passage, MOST_PASSAGES)
        return Kill(kill.stage, kill.point, min(self.draw.randint(1, most), self.draw.randint(1, most)))

    # -- the end of a life, and the next one ---------------------------------------------------------------------

    def _end_at(self, kill: Kill) -> None:
        """The bot is trading; when this returns it has been killed, at `kill` if it came there in time."""
        bot = self.bot
        if kill.stage is Stage.STARTING:
            bot.kill()  # and the next one on its way up
            self.kills += 1
            bot.board.arm(kill.point, kill.passage)
            bot.launch()
        elif kill.point != INSTANT:
            bot.board.arm(kill.point, kill.passage)
        if kill.stage is Stage.ENDING and bot.process is not None:
            bot.process.send_signal(signal.SIGTERM)
        within_s = kill.within_s if kill.point != INSTANT else self.draw.random() * LONGEST_LIFE_S
        if bot.dies(within_s, may_end=kill.stage is Stage.ENDING):
            self.killed_at[kill.stage, kill.point] += bot.board.armed[1] == 0
        elif bot.running:
            bot.kill()
            self.killed_at[Stage.TRADING, INSTANT] += 1
        else:  # ended in order before it came there
            self.kills -= 1
        self.kills += 1
        bot.board.disarm()

    def _begin_again(self) -> None:
        """The next life, with everything that must hold; it goes on trading."""
        admin = self.bot.simulator.admin
        admin.forget_plan()  # our own questions are not to be among its victims
        look_for_strays(self.truth, self.bot.journal, self.most)
        self._follow_faults()
        self.bot.start()
        self._active()
        admin.forget_plan()
        look_for_strays(self.truth, self.bot.journal, self.most)
        self._agree()
        self._active()
        until(lambda: len(self.truth.open()) >= ORDERS_LEAST, "it quotes again", QUOTES_WITHIN_S)

    def _active(self) -> None:
        self.bot.until(lambda state: state["state"] == "Active", "Active", ACTIVE_WITHIN_S)

    def _agree(self) -> None:
        """Without market data all is withdrawn; then the books are compared."""
        admin = self.bot.simulator.admin
        admin.inject("silence", self.reference, seconds=SILENCE_S)
        found: list[str] = ["not looked yet"]

        def agree() -> bool:
            found[:] = differences(self.truth, self.bot.journal, self.opening)
            if not found:
                shown = self.bot.state()["markets"][self.market]
                found[:] = profit_differences(self.truth, self.bot.journal, shown)
            return not found

        try:
            until(agree, "the venue and the journal agree", AGREE_WITHIN_S)
        except AssertionError as failure:
            raise AssertionError(f"{failure}: {found[:5]}; {self.bot.output()[-3000:]}") from None
        admin.clear_faults()
        self._follow_faults()

    def _follow_faults(self) -> None:
        """Other faults for each life, the same for the same seed."""
        self.bot.simulator.admin.follow_plan({"seed": self.draw.randrange(2**31), "faults": self.plan})

    # -- the end -------------------------------------------------------------------------------------------------

    def _end_well(self) -> None:
        """Nothing stays in doubt for good (I6), and SIGTERM leaves the venue empty."""
        admin = self.bot.simulator.admin
        admin.forget_plan()
        admin.inject("silence", self.reference, seconds=SILENCE_S)
        journal = self.bot.journal
        until(lambda: not rows(journal, "SELECT 1 FROM orders WHERE closed = 0"), "I6: every order has an end", 60)
        admin.clear_faults()
        self._active()
        until(lambda: bool(self.truth.open()), "it quotes again")
        code, _ = self.bot.terminate(20)
        assert code == 0, self.bot.output()[-3000:]
        assert not self.truth.open(), "SIGTERM left orders at the venue"
        left = differences(self.truth, journal, self.opening)
        assert not left, left

    def show(self, shown: Shown, where: str, kills: int) -> None:
        """After `run`, of all orders and trades that there ever were: doubles are there for good."""
        told, found = f"SIGKILL at every seam, {where}", strays(self.truth, self.bot.journal)
        shown.at_least(f"{told}: kills", self.kills, "kills", kills)
        shown.at_most(f"{told}: orders doubled", len(found.doubled), "orders", 0)
        shown.at_most(f"{told}: orphans", len(found.orphans), "orders", 0)
        wrong = differences(self.truth, self.bot.journal, self.opening)
        shown.at_most(f"{told}: positions, fills and balances that differ", len(wrong), "differences", 0)

    @property
    def uncovered(self) -> set[str]:
        """Points that every life comes by, and where none was ended."""
        frequent = {kill.point for kill in self._best() if kill.passage >= FREQUENT}
        return frequent - {point for (_, point), times in self.killed_at.items() if times}
