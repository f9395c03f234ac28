"""An API server that does not answer: every message names it, and says why."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from kubernetes.aio.client import Configuration

from tradingbot_operator.api_errors import ApiUnavailable
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.leadership import Leadership
from tradingbot_operator.settings import Election

LEASE = "/apis/coordination.k8s.io/v1/namespaces/n/leases/operator"
ELECTION = Election(namespace="n", name="operator", duration_s=15.0, renew_deadline_s=10.0, retry_s=0.2)


@pytest.fixture
def silent() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


class LoginPage(BaseHTTPRequestHandler):
    """What a proxy in between says to everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>who are you?</html>")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def proxy() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), LoginPage) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def ask(host: str, question: Callable[[Cluster], Awaitable[object]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20), Cluster(Configuration(host=host)) as cluster:
            await question(cluster)

    asyncio.run(run())


def test_a_refused_connection_is_told_with_the_request_and_the_address(closed: str) -> None:
    told = f"^no answer from the API server to GET {closed}{LEASE}: connection refused: nothing listens there$"
    with pytest.raises(ApiUnavailable, match=told):
        ask(closed, lambda cluster: cluster.get("Lease", "n", "operator"))


def test_an_answer_that_is_no_json_is_one_that_was_not_given(proxy: str) -> None:
    with pytest.raises(ApiUnavailable, match=f"^no JSON in the answer to GET {LEASE}: "):
        ask(proxy, lambda cluster: cluster.get("Lease", "n", "operator"))


def test_a_lease_that_cannot_be_given_back_in_time_says_whom_it_waited_for(
    silent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def release(cluster: Cluster) -> None:
        clock = asyncio.get_running_loop().time
        leadership = Leadership(cluster, "me", ELECTION, clock, lambda: datetime.now(UTC), leading=True)
        leadership._lease = {"metadata": {"namespace": "n", "name": "operator"}}  # noqa: SLF001 - as it was taken
        await leadership.release()

    ask(silent, release)
    assert f"no answer from the API server about the Lease: {silent}: timed out after 0.2 s" in capsys.readouterr().out
