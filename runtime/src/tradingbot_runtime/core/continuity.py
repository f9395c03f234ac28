"""Whether a journal knows all that its slot has done: what it says itself, the slot's configuration, and the venue.

An epoch is one process' life. Who has the journal of epoch 7 while there are orders of epoch 9 has a copy, or a
volume that went back; who has none while there were epochs has lost it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

JOURNAL_LOST = "JournalLost"  # reason of the halt


class Continuity(StrEnum):
    WHOLE = "Whole"
    REBUILT = "Rebuilt"  # what is missing is in the venue's trades, which have been read from the journal's cursor on
    LOST = "Lost"  # a person must look: a position of before may be missing


@dataclass(frozen=True, slots=True)
class Evidence:
    behind: str = ""  # what the journal's mark says of it; empty: nothing
    epoch: int = 0  # the last that the journal knows; 0: it is new
    epoch_configured: int = 0  # the last that the operator has seen
    epoch_at_venue: int = 0  # the newest among our orders there, of those that are open and those that have traded
    orders_not_known: int = 0  # that have traded since the cursor, and that only this slot can have sent
    left_alone: int = 0  # open orders at an account that nobody else trades with, which the journal does not know
    has_cursor: bool = False  # the journal knows up to where it had read the venue's trades
    trades_are_named: bool = False  # the venue's trades can be told ours from others' without the journal


@dataclass(frozen=True, slots=True)
class Judgement:
    continuity: Continuity
    message: str = ""


def _by_its_mark(seen: Evidence) -> str:
    return seen.behind


def _by_the_configuration(seen: Evidence) -> str:
    if seen.epoch >= seen.epoch_configured:
        return ""
    return f"the journal's last epoch is {seen.epoch}, the operator has seen {seen.epoch_configured}"


def _by_the_venue(seen: Evidence) -> str:
    if seen.epoch >= seen.epoch_at_venue:
        return ""
    return f"the journal's last epoch is {seen.epoch}, and the venue has orders of ours of epoch {seen.epoch_at_venue}"


def _by_its_trades(seen: Evidence) -> str:
    if not seen.orders_not_known:
        return ""
    return (
        f"the venue has traded {seen.orders_not_known} orders that can only be ours, and that the journal does not know"
    )


def _by_an_account_of_its_own(seen: Evidence) -> str:
    """A journal that knows of earlier lives has what they left withdrawn: their trades are read from its cursor on."""
    if seen.epoch or not seen.left_alone:
        return ""
    return f"the journal is new, and {seen.left_alone} orders are open at an account that should be this bot's alone"


SIGNS: tuple[Callable[[Evidence], str], ...] = (
    _by_its_mark, _by_the_configuration, _by_the_venue, _by_an_account_of_its_own, _by_its_trades,
)  # fmt: skip


def judge(seen: Evidence) -> Judgement:
    """The first sign of something missing decides that it is; cursor and names, whether the venue can mend it."""
    missing = next(filter(None, (sign(seen) for sign in SIGNS)), "")
    if not missing:
        return Judgement(Continuity.WHOLE)
    if seen.has_cursor and seen.trades_are_named:
        return Judgement(Continuity.REBUILT, f"{missing}; the trades since then were read from the venue")
    if seen.trades_are_named:
        mended = "today's trades were read from the venue, a position of before today is not known"
    else:
        mended = "the venue does not say which trades are ours"
    return Judgement(Continuity.LOST, f"{missing}; {mended}")
