"""Faults that no outside event can cause, in a process of the product. Python runs this when its folder is on the path.

SIGRTMIN: no reconciliation ends from now on. SIGRTMIN+1: the next one does not. SIGRTMIN+2: the event loop is blocked
for half a minute.
"""

import asyncio
import signal
import time
from types import FrameType


def _all_hang(_number: int, _frame: FrameType | None) -> None:
    from tradingbot_operator.reconcile import Reconciler  # noqa: PLC0415 - not before the program has been started

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    Reconciler.reconcile = never  # type: ignore[method-assign, assignment]  # the fault


def _one_hangs(_number: int, _frame: FrameType | None) -> None:
    from tradingbot_operator.reconcile import Reconciler  # noqa: PLC0415 - as above

    sound = Reconciler.reconcile

    async def never(*_: object) -> None:
        Reconciler.reconcile = sound  # type: ignore[method-assign]  # of the next one
        await asyncio.Event().wait()

    Reconciler.reconcile = never  # type: ignore[method-assign, assignment]  # the fault


def _block(_number: int, _frame: FrameType | None) -> None:
    time.sleep(30)


signal.signal(signal.SIGRTMIN, _all_hang)
signal.signal(signal.SIGRTMIN + 1, _one_hangs)
signal.signal(signal.SIGRTMIN + 2, _block)
