"""What a slot may do, and why: rules in order, the first that holds decides."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tradingbot_runtime.config import DesiredState
from tradingbot_runtime.core.quote_watch import CANCEL_REFUSED, Hindrance
from tradingbot_runtime.model import TradingState

READY = frozenset({TradingState.ACTIVE, TradingState.REDUCING, TradingState.STOPPED, TradingState.DRAINED})

TRADING = frozenset({TradingState.ACTIVE, TradingState.REDUCING})
WITHDRAWS = frozenset({TradingState.HALTED, TradingState.STOPPED, TradingState.DRAINED})
PASSING = frozenset({TradingState.STARTING, TradingState.RECONCILING})
FEED_STALE = "FeedStale"


@dataclass(slots=True)
class Circumstances:
    """All that decides on a slot's state."""

    desired: DesiredState
    has_markets: bool
    fenced: str = ""  # why, when it is
    halts: tuple[str, ...] = ()  # reasons of those that stop trading, oldest first
    flatten: bool = False  # and the position is to be closed
    reductions: tuple[str, ...] = ()  # reasons of halts that leave only orders that reduce the position
    drained: str = ""  # why, when it is
    closes_drained: bool = False  # drained, the position is closed
    closes_stopped: bool = False  # stopped by the configuration, the position is closed
    terminating: bool = False
    barrier_passed: bool = False
    waiting_for: str = "the start barrier"
    locked: str = ""  # the venues that take nothing now, when it is all of them
    some_locked: str = ""  # the same, when it is at least one of them
    doubts: str = ""  # what is being compared with the venue
    uncompared: str = ""  # what could not be compared with the venue for too long, when it is so
    blind: str = ""  # what there has been no market data of, for so long that it is no hiccup
    hindered: tuple[tuple[str, Hindrance], ...] = ()  # markets that cannot quote, and why; what a person mends first


@dataclass(frozen=True, slots=True)
class Standing:
    state: TradingState
    reason: str
    message: str = ""
    flatten: bool = False  # nothing is quoted, and the position is being closed

    @property
    def is_ready(self) -> bool:
        """Trading goes on, or is off because somebody wants it so."""
        return self.state in READY and self.reason != FEED_STALE

    @property
    def is_trouble(self) -> bool:
        """Neither that nor on the way to it."""
        return not self.is_ready and self.state not in PASSING


Rule = Callable[[Circumstances], Standing | None]


def fenced(now: Circumstances) -> Standing | None:
    return Standing(TradingState.FENCED, "LeaseNotHeld", now.fenced) if now.fenced else None


def terminating(now: Circumstances) -> Standing | None:
    return Standing(TradingState.STOPPED, "Terminating", "the process is ending") if now.terminating else None


def halted(now: Circumstances) -> Standing | None:
    if not now.halts:
        return None
    message = "until a person resumes"
    if now.flatten and not now.barrier_passed:
        # What earlier processes have left is not known yet. This changes when it is, and the markets hear of it then.
        message += f"; before the position is closed, the start waits for {now.waiting_for}"
    return Standing(TradingState.HALTED, now.halts[0], message, flatten=now.flatten and now.barrier_passed)


def drained(now: Circumstances) -> Standing | None:
    if not now.drained:
        return None
    return Standing(TradingState.DRAINED, "Draining", now.drained, flatten=now.closes_drained)


def starting(now: Circumstances) -> Standing | None:
    if now.barrier_passed:
        return None
    return Standing(TradingState.STARTING, "Provisioning", f"waiting for {now.waiting_for}")


def stopped(now: Circumstances) -> Standing | None:
    if now.desired is not DesiredState.STOPPED:
        return None
    what = "desiredState is Stopped"
    return Standing(TradingState.STOPPED, "StoppedAsRequested", what, flatten=now.closes_stopped)


def locked(now: Circumstances) -> Standing | None:
    return Standing(TradingState.VENUE_LOCKED, "VenueLocked", now.locked) if now.locked else None


def reconciling(now: Circumstances) -> Standing | None:
    said = "; ".join(filter(None, (now.doubts, now.uncompared)))
    return Standing(TradingState.RECONCILING, "Reconciling", said) if said else None


def reduced(now: Circumstances) -> Standing | None:
    if not now.reductions:
        return None
    message = "only orders that reduce the position, until a person resumes"
    return Standing(TradingState.REDUCING, now.reductions[0], message)


def paused(now: Circumstances) -> Standing | None:
    if now.desired is not DesiredState.PAUSED:
        return None
    return Standing(TradingState.REDUCING, "PausedAsRequested", "only orders that reduce the position")


def idle(now: Circumstances) -> Standing | None:
    return None if now.has_markets else Standing(TradingState.ACTIVE, "Idle", "this slot has no market")


# A slot that has not asked the venue yet cannot be drained: orders of an earlier process may be in the market.
RULES: tuple[Rule, ...] = (
    fenced, terminating, halted, starting, drained, stopped, locked, reconciling, reduced, paused, idle,
)  # fmt: skip


def standing(now: Circumstances) -> Standing:
    allowed = next(filter(None, (rule(now) for rule in RULES)), Standing(TradingState.ACTIVE, "Trading"))
    if now.blind and allowed.state in TRADING:
        # It may do all that it might do otherwise, and will with the next tick; until then it does none of it.
        return Standing(allowed.state, FEED_STALE, now.blind)
    if now.hindered and allowed.state in TRADING:
        # Ready all the same: the process does what it is told, and another one would not do better.
        return Standing(allowed.state, now.hindered[0][1].reason, _said(now.hindered))
    # What stops withdraws its orders, and may close its position: it says so when it cannot.
    stuck = [found for found in now.hindered if found[1].reason == CANCEL_REFUSED or allowed.flatten]
    locked = f"nothing is withdrawn while it is locked: {now.some_locked}" if now.some_locked else ""
    said = (allowed.message, locked if allowed.state in WITHDRAWS else "", now.blind if allowed.flatten else "",
            _said(stuck))  # fmt: skip
    return replace(allowed, message="; ".join(filter(None, said)))


def _said(hindered: Iterable[tuple[str, Hindrance]]) -> str:
    return "; ".join(f"market {market}: {hindrance.message}" for market, hindrance in hindered)
