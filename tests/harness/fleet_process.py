"""The fleet of fake pods (`fake_fleet`) as its owner sees it: a process that is told things, one at a time."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from harness.lives import finding_the_harness

END_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Greeted:
    """Streams that one leader (its term) holds, and when the last of them came up."""

    term: int
    streams: int
    last_at: float


@dataclass(frozen=True, slots=True)
class FleetProcess:
    process: Process
    log: Path
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    @asynccontextmanager
    async def running(cls, kubeconfig: Path, namespace: str, folder: Path, port: int) -> AsyncIterator[Self]:
        """`folder` is a new one of its own."""
        folder.mkdir()  # noqa: ASYNC240 - a local folder, before anything runs
        log = folder / "fleet.log"
        command = (sys.executable, "-m", "harness.fake_fleet", str(kubeconfig), namespace, str(folder), str(port), "1")
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=errors, limit=2**24, env=finding_the_harness()
            )
        try:
            yield cls(process, log)
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                async with asyncio.timeout(END_WITHIN_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    async def breach(self, pod: str, halt: str) -> float:
        """The pod halts by itself; when it said so."""
        return float(await self._ask(do="breach", pod=pod, halt=halt))

    async def greeted(self) -> Greeted:
        """By the leader with the highest term; pods that it has not reached are not counted."""
        terms = (await self._ask(do="greeted"))["terms"]
        if not terms:
            return Greeted(0, 0, 0.0)
        term = max(terms, key=int)
        return Greeted(int(term), *terms[term])

    async def halted(self, by: str) -> list[float]:
        """When each stream acknowledged the order to halt that came from there."""
        return [float(at) for at in await self._ask(do="halted", by=by)]

    async def _ask(self, **order: Any) -> Any:  # noqa: ANN401 - JSON
        assert self.process.stdin
        assert self.process.stdout
        async with self._turn:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            await self.process.stdin.drain()
            line = await self.process.stdout.readline()
        assert line, f"the fleet ended; {self.log.read_text()[-2000:]}"
        return json.loads(line)
