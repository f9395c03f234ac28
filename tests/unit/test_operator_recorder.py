"""Events are posted behind what is reconciled: in their order, each once, and never without bound."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import pytest

from harness.bot_model import bot
from tradingbot_operator import recorder as module
from tradingbot_operator.api_errors import ApiUnavailable
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.core.outcome import Announcement
from tradingbot_operator.recorder import Recorder


@dataclass(slots=True)
class SlowCluster:
    """Answers a request when the test lets it."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False
    asked: list[str] = field(default_factory=list)
    posted: list[str] = field(default_factory=list)

    async def create(self, event: Manifest) -> Manifest:
        self.asked.append(event["message"])
        await self.answers.wait()
        if self.away:
            raise ApiUnavailable("nobody answers")
        self.posted.append(event["message"])
        return event


def recorder(cluster: SlowCluster) -> Recorder:
    return Recorder(cast(Cluster, cluster), "me", lambda: datetime(2026, 1, 2, tzinfo=UTC))


def tell(recorder: Recorder, *messages: str) -> None:
    for message in messages:
        recorder.tell(bot(), Announcement(Reason.DRAIN_TIMED_OUT, message, warning=True))


async def rounds() -> None:
    """Everybody who can go on does."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_events_are_posted_in_their_order_one_at_a_time_and_nobody_waits_for_them() -> None:
    cluster = SlowCluster()

    async def work() -> None:
        here = recorder(cluster)
        keeper = asyncio.create_task(here.keep())
        tell(here, "one", "two")
        await rounds()
        assert cluster.asked == ["one"]
        cluster.answers.set()
        await rounds()
        tell(here, "three")
        await rounds()
        assert cluster.posted == ["one", "two", "three"]
        assert here.counters == {"posted": 3}
        keeper.cancel()

    asyncio.run(work())


def test_an_event_waits_while_bots_wait_to_be_halted() -> None:
    cluster, halting = SlowCluster(), [True]
    cluster.answers.set()

    async def work() -> None:
        here = recorder(cluster)
        keeper = asyncio.create_task(here.keep(lambda: halting[0]))
        tell(here, "one", "two")
        await rounds()
        assert cluster.posted == []
        halting[0] = False
        async with asyncio.timeout(5):
            while len(cluster.posted) < 2:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)  # between two looks at a condition with a deadline
        keeper.cancel()

    asyncio.run(work())


def test_what_was_on_its_way_when_the_leader_ended_is_posted_with_the_rest() -> None:
    cluster = SlowCluster()

    async def work() -> None:
        here = recorder(cluster)
        keeper = asyncio.create_task(here.keep())
        tell(here, "one", "two")
        await rounds()
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        cluster.answers.set()
        await here.post_waiting()

    asyncio.run(work())

    assert cluster.posted == ["one", "two"]


def test_one_that_cannot_be_posted_is_counted_and_holds_up_no_other() -> None:
    cluster = SlowCluster(away=True)
    cluster.answers.set()

    async def work() -> Recorder:
        here = recorder(cluster)
        tell(here, "one", "two")
        await here.post_waiting()
        return here

    assert asyncio.run(work()).counters == {"failed": 2}
    assert cluster.asked == ["one", "two"]


def test_no_more_wait_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    cluster = SlowCluster()
    cluster.answers.set()

    async def work() -> Recorder:
        here = recorder(cluster)
        tell(here, "one", "two", "three")
        await here.post_waiting()
        tell(here, "four")
        await here.post_waiting()
        return here

    assert asyncio.run(work()).counters == {"failed": 1, "posted": 3}
    assert cluster.posted == ["one", "two", "four"]
