"""What the control stream needs of the runtime, and how the runtime tells it that there is something to report."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tradingbot_runtime.model.control import ConfigAnswered, HaltAnswered, HaltTrading, SlotReport


class Changes:
    """Tells each connection that there is something new to report; `set` may be called on every tick."""

    def __init__(self) -> None:
        self._listeners: list[asyncio.Event] = []

    def set(self) -> None:
        for event in self._listeners:
            event.set()

    @contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._listeners.append(event)
        try:
            yield event
        finally:
            self._listeners.remove(event)


class Controlled(Protocol):
    """What the control stream needs of the runtime."""

    changed: Changes
    term: int  # the highest ever seen; to set it stores it, so that a restart does not forget it

    def report(self) -> SlotReport: ...

    async def configure(self, document: str, by: str) -> ConfigAnswered:
        """Validate and apply between two ticks, within `Deadlines.command_s`; it is cancelled otherwise. For `by`."""

    async def drain(self, reason: str, *, flatten: bool) -> None:
        """Begin to drain, within the same deadline; that no order is open is said by the reports."""

    async def halt(self, asked: HaltTrading) -> HaltAnswered:
        """Stop trading until a person resumes; it has stopped when this returns."""

    async def resume(self, halt_id: str, by: str) -> HaltAnswered:
        """Release this halt and no other."""
