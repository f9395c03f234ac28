"""What a slot may do, and why: rules in order, the first that holds decides."""

from collections.abc import Callable
from dataclasses import dataclass

from tradingbot_runtime.config import DesiredState
from tradingbot_runtime.model import TradingState

READY = frozenset({TradingState.ACTIVE, TradingState.REDUCING, TradingState.STOPPED, TradingState.DRAINED})

TRADING = frozenset({TradingState.ACTIVE, TradingState.REDUCING})
FEED_STALE = "FeedStale"


@dataclass(slots=True)
class Circumstances:
    """All that decides on a slot's state."""

    desired: DesiredState
    has_markets: bool
    fenced: str = ""  # why, when it is
    halts: tuple[str, ...] = ()  # reasons, oldest first
    drained: str = ""  # why, when it is
    terminating: bool = False
    barrier_passed: bool = False
    waiting_for: str = "the start barrier"
    doubts: str = ""  # what is being compared with the venue
    blind: str = ""  # what there has been no market data of, for so long that it is no hiccup


@dataclass(frozen=True, slots=True)
class Standing:
    state: TradingState
    reason: str
    message: str = ""

    @property
    def is_ready(self) -> bool:
        """Trading goes on, or is off because somebody wants it so."""
        return self.state in READY and self.reason != FEED_STALE


Rule = Callable[[Circumstances], Standing | None]


def fenced(now: Circumstances) -> Standing | None:
    return Standing(TradingState.FENCED, "LeaseNotHeld", now.fenced) if now.fenced else None


def terminating(now: Circumstances) -> Standing | None:
    return Standing(TradingState.STOPPED, "Terminating", "the process is ending") if now.terminating else None


def halted(now: Circumstances) -> Standing | None:
    return Standing(TradingState.HALTED, now.halts[0], "until a person resumes") if now.halts else None


def drained(now: Circumstances) -> Standing | None:
    return Standing(TradingState.DRAINED, "Draining", now.drained) if now.drained else None


def starting(now: Circumstances) -> Standing | None:
    if now.barrier_passed:
        return None
    return Standing(TradingState.STARTING, "Provisioning", f"waiting for {now.waiting_for}")


def stopped(now: Circumstances) -> Standing | None:
    if now.desired is not DesiredState.STOPPED:
        return None
    return Standing(TradingState.STOPPED, "StoppedAsRequested", "desiredState is Stopped")


def reconciling(now: Circumstances) -> Standing | None:
    return Standing(TradingState.RECONCILING, "Reconciling", now.doubts) if now.doubts else None


def paused(now: Circumstances) -> Standing | None:
    if now.desired is not DesiredState.PAUSED:
        return None
    return Standing(TradingState.REDUCING, "PausedAsRequested", "only orders that reduce the position")


def idle(now: Circumstances) -> Standing | None:
    return None if now.has_markets else Standing(TradingState.ACTIVE, "Idle", "more slots than markets")


# A slot that has not asked the venue yet cannot be drained: orders of an earlier process may be in the market.
RULES: tuple[Rule, ...] = (fenced, terminating, halted, starting, drained, stopped, reconciling, paused, idle)


def standing(now: Circumstances) -> Standing:
    allowed = next(filter(None, (rule(now) for rule in RULES)), Standing(TradingState.ACTIVE, "Trading"))
    if now.blind and allowed.state in TRADING:
        # It may do all that it might do otherwise, and will with the next tick; until then it does none of it.
        return Standing(allowed.state, FEED_STALE, now.blind)
    return allowed
