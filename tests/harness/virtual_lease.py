"""The Lease's surroundings in virtual time: an event loop whose time jumps, an API server, a network, a clock.

The API server is a model that does optimistic concurrency and nothing else; `lease_server.py` has the real protocol.
"""

import asyncio
import json
import selectors
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any

from tradingbot_runtime.lease import LeaseConflict, LeaseGone, LeaseRecord, LeaseUnavailable
from tradingbot_runtime.lease.record import parse_lease

SECOND = 1_000_000_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now_s


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0:
            self._loop.now_s += timeout
        return super().select(0)


class Fate(StrEnum):
    FINE = "fine"
    REQUEST_LOST = "request lost"
    REPLY_LOST = "reply lost"
    APPLIED_LATE = "applied long after the client gave up"
    REFUSED = "500, nothing done"
    REFUSED_AFTER_DOING = "500, but done"
    SLOW = "answered late, but in time"


@dataclass
class Server:
    """One Lease with optimistic concurrency."""

    document: dict[str, Any] | None = field(
        default_factory=lambda: {"metadata": {"uid": "u1", "resourceVersion": "1"}, "spec": {}}
    )

    keeps_everything: bool = False  # answers 200 and changes nothing

    def read(self) -> LeaseRecord:
        if self.document is None:
            raise LeaseGone("404")
        return parse_lease(json.dumps(self.document).encode())

    def edit(self, **spec: str | None) -> None:
        """As a person does with kubectl."""
        document = json.loads(json.dumps(self.document))
        self.replace({**document, "spec": {**document["spec"], **spec}})

    def replace(self, document: Mapping[str, Any]) -> LeaseRecord:
        if self.document is None:
            raise LeaseGone("404")
        have = self.document["metadata"]["resourceVersion"]
        if document["metadata"]["resourceVersion"] != have:
            raise LeaseConflict("409")
        if document != self.document and not self.keeps_everything:
            self.document = {**document, "metadata": {**document["metadata"], "resourceVersion": str(int(have) + 1)}}
        return self.read()


@dataclass
class Network:
    """One pod's way to the API server, an implementation of `LeaseApi`."""

    server: Server
    fates: deque[Fate] = field(default_factory=deque)
    down: bool = False
    in_flight: set[asyncio.Task[LeaseRecord]] = field(default_factory=set)

    async def read(self, name: str, timeout_s: float) -> LeaseRecord | None:
        assert name == "bot-0"
        try:
            return await self._carry(None, timeout_s)
        except LeaseGone:
            return None

    async def replace(self, name: str, document: Mapping[str, Any], timeout_s: float) -> LeaseRecord:
        assert name == "bot-0"
        return await self._carry(document, timeout_s)

    async def _carry(self, document: Mapping[str, Any] | None, timeout_s: float) -> LeaseRecord:
        fate = self.fates.popleft() if self.fates else Fate.FINE
        task = asyncio.ensure_future(self._deliver(document, Fate.REQUEST_LOST if self.down else fate))
        self.in_flight.add(task)
        task.add_done_callback(self._arrived)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(task)
        except TimeoutError as error:
            raise LeaseUnavailable("timeout") from error

    def _arrived(self, task: asyncio.Task[LeaseRecord]) -> None:
        self.in_flight.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be waiting for it any more

    async def _deliver(self, document: Mapping[str, Any] | None, fate: Fate) -> LeaseRecord:
        before_s = {Fate.REQUEST_LOST: 1000.0, Fate.APPLIED_LATE: 12.0, Fate.SLOW: 0.2}.get(fate, 0.01)
        after_s = {Fate.REPLY_LOST: 1000.0, Fate.APPLIED_LATE: 1.0, Fate.SLOW: 4.5}.get(fate, 0.01)
        await asyncio.sleep(before_s)
        if fate in {Fate.REQUEST_LOST, Fate.REFUSED}:
            raise LeaseUnavailable("500")
        answer = self.server.read() if document is None else self.server.replace(document)
        await asyncio.sleep(after_s)
        if fate is Fate.REFUSED_AFTER_DOING:
            raise LeaseUnavailable("500")
        return answer


@dataclass
class Machine:
    """A node's boot-time clock: it starts anywhere and is up to one percent fast or slow."""

    loop: VirtualLoop
    offset_ns: int
    rate: Fraction

    def clock(self) -> int:
        return self.offset_ns + int(Fraction(self.loop.now_s) * SECOND * self.rate)
