"""The canary: what was touched has to come back through watch and worker, and nothing else is waited for."""

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration

from tradingbot_operator.app import utc_now
from tradingbot_operator.canary import KIND, NAME, Canary
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.queue import WorkQueue
from tradingbot_operator.reconcile import Key

Lease = Manifest


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def flown(status: int, story: Callable[[Canary, list[Lease], Clock], None]) -> None:
    """`story` of a canary that has been touched once, at 0 s, at an API server that answers with `status`."""
    stored: list[Lease] = []

    async def answer(request: web.Request) -> web.Response:
        stored.append(await request.json())
        return web.json_response(stored[-1], status=status)

    async def run() -> None:
        application = web.Application()
        application.router.add_patch("/{path:.*}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            await fly(f"http://127.0.0.1:{runner.addresses[0][1]}")
        finally:
            await runner.cleanup()

    async def fly(host: str) -> None:
        clock = Clock()
        async with Cluster(Configuration(host=host)) as cluster:
            queue: WorkQueue[Key] = WorkQueue(clock, lambda: 0.5)
            canary = Canary(cluster, queue, "me", ("n",), clock, utc_now)
            await canary.touch("n")
            clock.now = 10.0
            if status < 300:
                await canary.touch("n")
            story(canary, stored, clock)

    asyncio.run(run())


def taken(canary: Canary) -> Key | None:
    found = canary.queue.machine.take(canary.clock())
    return found[0] if found else None


def test_one_that_came_through_the_watch_is_out_until_a_worker_has_taken_it() -> None:
    def story(canary: Canary, stored: list[Lease], clock: Clock) -> None:
        assert canary.out_for_s() == 10
        assert canary.age_s() is None
        canary.hear(stored[-1])
        assert canary.out_for_s() == 10

        assert taken(canary) == (KIND, "n", NAME)
        canary.arrive("n")

        assert canary.out_for_s() == 0
        clock.now = 14.0
        assert canary.age_s() == 4

    flown(200, story)


@pytest.mark.parametrize("change", [
    {"spec": {"holderIdentity": "another", "leaseTransitions": 2}},
    {"metadata": {"name": "another", "namespace": "n"}},
])  # fmt: skip
def test_a_lease_of_another_operator_is_not_ours(change: Manifest) -> None:
    def story(canary: Canary, stored: list[Lease], _: Clock) -> None:
        canary.hear(stored[-1] | change)

        assert taken(canary) is None
        assert canary.out_for_s() == 10

    flown(200, story)


def test_what_could_not_be_written_is_not_waited_for() -> None:
    def story(canary: Canary, _: list[Lease], __: Clock) -> None:
        assert canary.out_for_s() == 0

    flown(503, story)
