"""Tasks that live as long as what they belong to runs, and whose failure is heard of."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

log = structlog.get_logger("tasks")


def _logged(error: BaseException) -> None:
    log.error("Failed", error=type(error).__name__, message=str(error))


class OwnedTasks:
    """`on_failure` hears of each failure that does not end `run`."""

    def __init__(self, on_failure: Callable[[BaseException], None] = _logged) -> None:
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[None] | None = None

    @property
    def running(self) -> bool:
        """Between the beginning of `run` and its end."""
        return self._failure is not None and not self._failure.done()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def run(self, *work: Coroutine[Any, Any, None]) -> None:
        """Until cancelled, or until one of the tasks fails: that is raised here. No task outlives it."""
        self._failure = asyncio.get_running_loop().create_future()
        for each in work:
            self.spawn(each)
        try:
            await self._failure
        finally:
            await self.cancel()

    async def cancel(self) -> None:
        """End them all, and return when they have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)
        else:
            self._on_failure(error)
