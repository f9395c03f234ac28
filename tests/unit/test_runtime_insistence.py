"""Doing a step until it succeeds: how long the pauses are, what is told, and when it is over."""

import asyncio
from collections.abc import Callable
from contextlib import closing

import pytest

from harness.virtual_lease import VirtualLoop
from tradingbot_runtime.errors import ConfigError, VenueError
from tradingbot_runtime.insisting import insist
from tradingbot_runtime.venues.connection import FIRST_DELAY_S, LONGEST_DELAY_S


class Step:
    """Fails as often as it is told to; knows when it was tried."""

    def __init__(self, loop: VirtualLoop, failures: int, error: Exception | None = None) -> None:
        self.loop = loop
        self.failures = failures
        self.error = error or VenueError("down")
        self.tried_s: list[float] = []

    async def __call__(self) -> None:
        self.tried_s.append(self.loop.time())
        if len(self.tried_s) <= self.failures:
            raise self.error

    @property
    def pauses_s(self) -> list[float]:
        return [after - before for before, after in zip(self.tried_s, self.tried_s[1:], strict=False)]


def insisted(step: Step, told: list[str], wanted: Callable[[], bool] = lambda: True) -> bool:
    with closing(step.loop):
        return step.loop.run_until_complete(insist(step, lambda error: told.append(str(error)), wanted))


def test_the_pauses_grow_to_their_longest_and_no_two_runs_are_in_step() -> None:
    steps = [Step(VirtualLoop(), 30) for _ in range(2)]
    told: list[str] = []
    assert all(insisted(step, told) for step in steps)

    assert told == ["down"] * 60
    for number, pause in enumerate(steps[0].pauses_s):
        full = min(FIRST_DELAY_S * 2**number, LONGEST_DELAY_S)
        assert full / 2 - 1e-6 <= pause <= full + 1e-6
    assert steps[0].pauses_s != steps[1].pauses_s


def test_what_is_not_wanted_any_more_is_not_tried_again_and_did_not_succeed() -> None:
    step = Step(VirtualLoop(), 30)
    assert not insisted(step, [], lambda: len(step.tried_s) < 3)
    assert len(step.tried_s) == 3

    late = Step(VirtualLoop(), 0)
    assert not insisted(late, [], lambda: not late.tried_s), "the connection that it asked about is gone"


@pytest.mark.parametrize("error", [ConfigError("another account"), TimeoutError("of nobody knows what")])
def test_what_no_retry_mends_is_raised(error: Exception) -> None:
    step = Step(VirtualLoop(), 1, error)
    with pytest.raises(type(error), match=str(error)):
        insisted(step, [])
    assert len(step.tried_s) == 1


def test_news_end_the_pause_and_the_next_one_is_short_again() -> None:
    step = Step(VirtualLoop(), 10**6)

    async def scenario() -> list[float]:
        news = asyncio.Event()
        task = asyncio.ensure_future(insist(step, lambda _: None, news=news))
        await asyncio.sleep(20 * LONGEST_DELAY_S)  # the pauses are at their longest by now
        before = len(step.tried_s)
        news.set()
        await asyncio.sleep(FIRST_DELAY_S / 8)
        assert len(step.tried_s) == before + 1, "at once"
        step.failures = before + 2
        assert await task
        return step.pauses_s[before:]

    with closing(step.loop):
        assert max(step.loop.run_until_complete(scenario())) <= 2 * FIRST_DELAY_S


def test_news_that_come_while_a_step_runs_are_not_missed() -> None:
    loop, news, tried_s = VirtualLoop(), asyncio.Event(), []

    async def step() -> None:
        tried_s.append(loop.time())
        if len(tried_s) == 1:
            news.set()  # and yet it fails: what it asked was answered before
            raise VenueError("locked")

    with closing(loop):
        assert loop.run_until_complete(insist(step, lambda _: None, news=news))
    assert tried_s == [tried_s[0]] * 2


def test_a_step_that_is_cancelled_ends() -> None:
    step = Step(VirtualLoop(), 10**6)

    async def scenario() -> None:
        task = asyncio.ensure_future(insist(step, lambda _: None))
        await asyncio.sleep(5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    with closing(step.loop):
        step.loop.run_until_complete(scenario())
