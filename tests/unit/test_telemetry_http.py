"""The probes, metrics and state over real sockets."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal

import aiohttp
import pytest
import uvloop

from tradingbot_runtime.model import TradingState
from tradingbot_runtime.telemetry import HttpServer, Sources, registry
from tradingbot_runtime.telemetry.metrics import LOOP_LAG


@dataclass
class Pod:
    """A running server and what it is told."""

    not_alive: list[str] = field(default_factory=list)
    not_ready: list[str] = field(default_factory=list)
    state: object = None
    url: str = ""
    session: aiohttp.ClientSession | None = None

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Status, content type, text."""
        assert self.session is not None
        async with self.session.get(self.url + path, headers=headers) as response:
            return response.status, response.headers["Content-Type"], await response.text()


def served(test: Callable[[Pod], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        async def body() -> None:
            pod = Pod()
            metrics = registry(lambda: {LOOP_LAG: {(): 0.5}})
            sources = Sources(lambda: pod.not_alive, lambda: pod.not_ready, lambda: pod.state, metrics)
            server = HttpServer(sources, port=0)
            pod.url = f"http://127.0.0.1:{await server.start()}"
            try:
                async with asyncio.timeout(20), aiohttp.ClientSession() as pod.session:
                    await test(pod)
            finally:
                await server.stop()

        uvloop.run(body())

    return run


@served
async def test_a_healthy_process_is_alive_and_an_unhealthy_one_says_why(pod: Pod) -> None:
    assert await pod.get("/healthz") == (200, "application/json", '{"alive":true,"reasons":[]}')
    pod.not_alive.append("the feed's task has ended")
    status, _, text = await pod.get("/healthz")
    assert (status, json.loads(text)["reasons"]) == (503, ["the feed's task has ended"])


@served
async def test_readiness_changes_with_the_runtime_and_says_why_not(pod: Pod) -> None:
    pod.not_ready[:] = ["Reconciling", "the Lease is held by another pod"]
    status, _, text = await pod.get("/readyz")
    assert (status, json.loads(text)) == (503, {"ready": False, "reasons": pod.not_ready})
    assert (await pod.get("/healthz"))[0] == 200
    pod.not_ready.clear()
    assert (await pod.get("/readyz"))[0] == 200


@served
async def test_metrics_are_served_in_the_format_that_the_scraper_asks_for(pod: Pod) -> None:
    status, content_type, text = await pod.get("/metrics")
    assert (status, content_type.split(";")[0]) == (200, "text/plain")
    assert "tradingbot_loop_lag_seconds 0.5" in text
    _, content_type, text = await pod.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


@served
async def test_the_state_is_shown_as_it_is_at_that_moment(pod: Pod) -> None:
    pod.state = {"state": TradingState.ACTIVE, "position": Decimal("1.50")}
    assert await pod.get("/state") == (200, "application/json", '{"state":"Active","position":"1.50"}')
    pod.state = {"state": TradingState.HALTED}
    assert '"Halted"' in (await pod.get("/state"))[2]


@served
async def test_other_paths_and_methods_do_nothing(pod: Pod) -> None:
    assert (await pod.get("/"))[0] == 404
    assert pod.session is not None
    async with pod.session.post(pod.url + "/state", data=b"x") as response:
        assert response.status == 405


def test_a_taken_port_is_an_error_at_the_start() -> None:
    async def body() -> None:
        sources = Sources(list, list, dict, registry(dict))
        first = HttpServer(sources, port=0)
        second = HttpServer(sources, port=await first.start())
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
        await second.stop()
        await first.stop()

    uvloop.run(body())
