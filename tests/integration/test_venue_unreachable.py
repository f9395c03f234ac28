"""A venue that is not reached: logs, state, readiness and `cancel-all` say which one, where, and why; and no secret."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.runtime_process import STILL, VENUE, RuntimeProcess, cancel_all, manifest, runtime
from harness.simulator import Json, SimulatorProcess, until

BOTH = (*STILL, "--venue", "deltadefi", "--symbol", "ADAUSDT")
SYMBOLS = {"Binance": "ADAUSDT", "DeltaDeFi": "ADAUSDM"}
FIRST_QUESTION = {"Binance": "/api/v3/time", "DeltaDeFi": "/app/market-config"}
REFUSED = "connection refused: nothing listens there"
UNKNOWN = ("this name is not known", "the name cannot be looked up: the name server does not answer")


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*BOTH) as process:
        yield process


@pytest.fixture
def closed() -> str:
    """host:port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """host:port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def live_on(kind: str, simulator: SimulatorProcess, name: str, **endpoints: str) -> list[Json]:
    """A bot in mode Live with one market at one Venue of this type; `endpoints` in place of the simulator's."""
    documents = manifest(simulator, name)
    venue, (market,) = documents[0]["spec"], documents[1]["spec"]["markets"]
    if kind == "DeltaDeFi":
        venue |= {"type": kind, "endpoints": {"rest": simulator.rest, "stream": simulator.deltadefi_stream}}
    market["reference"]["symbol"] = market["execution"]["symbol"] = SYMBOLS[kind]
    venue["credentialsSecretRef"] = {"name": "keys"}
    venue["endpoints"] |= endpoints
    return documents


@contextmanager
def bot_on(kind: str, simulator: SimulatorProcess, folder: Path, **endpoints: str) -> Iterator[RuntimeProcess]:
    key = simulator.deltadefi_api_key if kind == "DeltaDeFi" else simulator.api_key
    keys = {f"TRADINGBOT_{VENUE.upper()}_API_KEY": key}
    with runtime(folder, simulator, environment=keys) as bot:
        bot.documents = live_on(kind, simulator, bot.name, **endpoints)
        yield bot.start()
        secrets = (simulator.api_key, simulator.secret, simulator.deltadefi_api_key, simulator.trading_password)
        assert not [secret for secret in secrets if secret in bot.output()]


@pytest.fixture(autouse=True)
def _password(simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"TRADINGBOT_{VENUE.upper()}_TRADING_PASSWORD", simulator.trading_password)
    monkeypatch.setenv("RES_OPTIONS", "timeout:1 attempts:1")  # a name server that is away is given up at once


def told(bot: RuntimeProcess, step: str, within_s: float = 15.0) -> str:
    """What the first failure of a step of the start barrier says."""

    def failed() -> list[Json]:
        return [entry for entry in bot.logged("BarrierStepFailed") if entry["step"] == step]

    until(lambda: bool(failed()), f"a failure of {step}; {bot.output()[-2000:]}", within_s)
    return str(failed()[0]["message"])


def shown_as(bot: RuntimeProcess, step: str, message: str) -> None:
    """The message is in the bot's state, too, from where the operator takes it into the conditions."""
    expected = f"waiting for {step}: {message}"
    assert bot.until(lambda s: s["message"] == expected, expected)["reason"] == "Provisioning"
    assert bot.not_ready() == [expected]


@pytest.mark.parametrize("kind", ["Binance", "DeltaDeFi"])
def test_a_venue_that_refuses_the_connection(
    kind: str, closed: str, simulator: SimulatorProcess, tmp_path: Path
) -> None:
    with bot_on(kind, simulator, tmp_path, rest=f"http://{closed}") as bot:
        message = told(bot, f"venue {VENUE}")

        assert message == f"no answer from {kind} to GET http://{closed}{FIRST_QUESTION[kind]}: {REFUSED}"
        shown_as(bot, f"venue {VENUE}", message)
        assert bot.terminate()[0] == 0

        ended = cancel_all(bot, "--within", "1")
        assert ended.returncode == 1, ended.stderr
        assert ended.stdout.splitlines()[-1] == f"not proved empty within 1 s: market btc: {message}"
        assert simulator.secret not in ended.stdout + ended.stderr


@pytest.mark.parametrize("kind", ["Binance", "DeltaDeFi"])
def test_a_venue_whose_name_is_not_known(kind: str, simulator: SimulatorProcess, tmp_path: Path) -> None:
    with bot_on(kind, simulator, tmp_path, rest="http://venue.invalid:9000") as bot:
        message = told(bot, f"venue {VENUE}")

        begin = f"no answer from {kind} to GET http://venue.invalid:9000{FIRST_QUESTION[kind]}: "
        assert message in [f"{begin}{words}" for words in UNKNOWN]
        shown_as(bot, f"venue {VENUE}", message)


@pytest.mark.parametrize("kind", ["Binance", "DeltaDeFi"])
def test_a_venue_that_never_answers(kind: str, silent: str, simulator: SimulatorProcess, tmp_path: Path) -> None:
    with bot_on(kind, simulator, tmp_path, rest=f"http://{silent}") as bot:
        message = told(bot, f"venue {VENUE}")

        assert message == f"no answer from {kind} to GET http://{silent}{FIRST_QUESTION[kind]}: timed out after 5 s"
        shown_as(bot, f"venue {VENUE}", message)
        bot.terminate()
        last = cancel_all(bot, "--within", "1").stdout.splitlines()[-1]
        waited = f"market btc: no answer yet from venue {VENUE} (http://{silent})"
        assert last == f"not proved empty within 1 s: {waited}"


@pytest.mark.parametrize("kind", ["Binance", "DeltaDeFi"])
def test_a_venue_that_answers_that_it_cannot(kind: str, simulator: SimulatorProcess, tmp_path: Path) -> None:
    simulator.admin.inject("http-5xx", "*", seconds=60)
    with bot_on(kind, simulator, tmp_path) as bot:
        message = told(bot, f"venue {VENUE}")

        begin = f"{kind} answered GET {simulator.rest}{FIRST_QUESTION[kind]} with "
        assert message.startswith(begin), message
        assert not message.removeprefix(begin).startswith(" (")
        shown_as(bot, f"venue {VENUE}", message)


class Stream(NamedTuple):
    """One of a Venue's streams; `url`: as in `endpoints`, `path`: what is asked for there beyond it."""

    kind: str
    endpoint: str
    url: str
    path: str
    connection: str
    step: str


STREAMS = [
    Stream("Binance", "websocketApi", "ws://{}/ws-api/v3", "", "orders", f"account stream of venue {VENUE}"),
    Stream("DeltaDeFi", "stream", "ws://{}", "/accounts/stream", "account", f"account stream of venue {VENUE}"),
    Stream("Binance", "stream", "ws://{}/stream", "", "ADAUSDT", "the feeds of market btc"),
]


@pytest.mark.parametrize("stream", STREAMS, ids=[f"{s.kind}-{s.connection}" for s in STREAMS])
def test_a_stream_that_is_refused(stream: Stream, closed: str, simulator: SimulatorProcess, tmp_path: Path) -> None:
    url, connection = stream.url.format(closed), f"{VENUE}/{stream.connection}"
    lost = f"cannot connect to {url}{stream.path}: {REFUSED}"
    with bot_on(stream.kind, simulator, tmp_path, **{stream.endpoint: url}) as bot:

        def losses() -> list[str]:
            return [e["reason"] for e in bot.logged("ConnectionLost") if e["connection"] == connection]

        until(lambda: bool(losses()), "a lost connection")
        assert set(losses()) == {lost}

        message = told(bot, stream.step, 20.0)
        feed = f"not every feed has quotes: {connection}: " if "feeds" in stream.step else ""
        assert message == f"not within 10 s: {feed}{lost}"
        shown_as(bot, stream.step, message)
