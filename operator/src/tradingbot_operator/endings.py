"""How an operator's process ends: asked to, because a task of it has failed, or at once."""

import asyncio
import os
import signal
from collections.abc import Iterable
from typing import Any

import structlog

from tradingbot_runtime.logs import LineWriter

GOODBYE_S = 3.0
LAST_WORDS_S = 0.2  # for the log of a leader that must not run on

log = structlog.get_logger("app")


def on_signals(stop: asyncio.Event) -> None:
    """Called again once kopf has put its own handlers there."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def exit_code(done: Iterable["asyncio.Task[Any]"]) -> int:
    for task in done:
        if task.get_name() == "stop":
            return 0
        error = task.exception()
        log.critical("TaskEnded", task=task.get_name(), exc_info=error)
    return 1


def lost(lines: LineWriter, keeper: "asyncio.Task[str]") -> None:
    """Whatever runs at this moment must not run on: another operator may lead from now on."""
    if keeper.cancelled():
        return
    log.critical("LeadershipLost", why=keeper.exception() or keeper.result())
    lines.flush(LAST_WORDS_S)
    os._exit(1)


async def end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=GOODBYE_S)
