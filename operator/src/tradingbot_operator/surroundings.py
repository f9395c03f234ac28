"""What the control streams need of their owner: who speaks, how a pod is known, and who hears of what they bring."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from tradingbot_operator.certificates import ControlIdentity
from tradingbot_operator.queue import Priority

BotName = tuple[str, str]
CONNECTING_AT_ONCE = 32  # a thousand at once would all be late, and all begin anew


@dataclass(frozen=True, slots=True)
class Leader:
    """Who speaks: every message carries the term, and a pod refuses one that is lower than it has seen."""

    identity: str
    term: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a stream needs of its owner."""

    leader: Leader
    port: int
    lost_grace_s: float
    identity: Callable[[BotName], Awaitable[ControlIdentity]]
    identity_failed: Callable[[BotName], None]  # it was renewed, or its Secret is gone
    changed: Callable[[BotName, Priority], None]
    changed_after: Callable[[BotName, float], None]
    venues_changed: Callable[[BotName, Collection[str], float], None]  # names; to be looked at after so long
    clock: Callable[[], float]
    random: Callable[[], float]
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTING_AT_ONCE))
    turns_again: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTING_AT_ONCE))
