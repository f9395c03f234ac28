"""Logs of real processes: whose they are, a level that a signal changes, and a reader that has gone to sleep."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.bot_world import VENUE
from harness.control_plane import ControlPlane
from harness.log_lines import entries, logged
from harness.operator_process import OperatorProcess, eventually, install, kubeconfig_of_account
from harness.prometheus import free_port
from harness.runtime_process import RuntimeProcess, ours_at_venue, runtime
from harness.simulator import Json, SimulatorProcess, book_ticker, until

HALTED_WITHIN_S = 1.0


@contextmanager
def nobody_reads(path: Path) -> Iterator[None]:
    """A pipe at `path` that is full, and that nobody reads while the block runs."""
    os.mkfifo(path)
    both_ends = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        with suppress(BlockingIOError):
            while os.write(both_ends, b"." * 4096):
                pass
        yield
    finally:
        os.close(both_ends)


def test_a_bot_whose_log_nobody_reads_quotes_halts_and_ends_in_time(
    simulator: SimulatorProcess, tmp_path: Path
) -> None:
    port = free_port()
    with nobody_reads(tmp_path / "log-1"), runtime(tmp_path, simulator, options=("--http-port", str(port))) as bot:
        bot.launch().port = port
        until(lambda: listens(bot), "its HTTP server listens", 20)
        bot.until_quoting()
        (tmp_path / "HALT").touch()
        began = time.monotonic()
        until(lambda: not ours_at_venue(bot), "its orders are cancelled")
        assert time.monotonic() - began < HALTED_WITHIN_S
        code, _ = bot.terminate()
        assert code == 0


def listens(bot: RuntimeProcess) -> bool:
    try:
        return bot.get("/healthz")[0] == 200
    except OSError:
        return False


def test_a_bots_lines_say_whose_they_are_and_a_signal_changes_the_level(bot: RuntimeProcess) -> None:
    (line,) = bot.logged("HttpListening")
    assert (line["service.name"], line["bot"], line["slot"]) == ("tradingbot-runtime", bot.name, 0)
    assert not {name for name in line if name.startswith("k8s.")}, "there is no cluster"
    assert line["service.version"]
    assert bot.process
    turns = ((signal.SIGUSR1, "debug"), (signal.SIGUSR2, "info"), (signal.SIGUSR2, "warning"), (signal.SIGUSR1, "info"))
    for number, (signalled, level) in enumerate(turns, 1):
        bot.process.send_signal(signalled)
        assert bot.until_logged("LogLevelChanged", number)[-1]["log_level"] == level
    assert bot.state()["state"] == "Active"


DETAILS = ("Decided", "OrderRequestAnswered", "RequestAnswered")


def test_debug_tells_what_a_bot_decides_and_asks_and_says_nothing_secret(bot: RuntimeProcess) -> None:
    assert not any(bot.logged(event) for event in DETAILS)
    assert bot.process
    bot.process.send_signal(signal.SIGUSR1)
    bot.until_logged("LogLevelChanged")
    bot.simulator.admin.play([book_ticker(10**12, ("60300.00", "3"), ("60300.02", "3"))])

    def answered() -> Json | None:
        """A request about an order whose decision was told, too."""
        decided = {word for line in bot.logged("Decided") for sent in line["sent"] for word in sent.split()}
        return next((line for line in bot.logged("OrderRequestAnswered") if decided.issuperset(line["orders"])), None)

    until(lambda: answered() is not None, "an order's request is answered")
    until(lambda: bool(bot.logged("RequestAnswered")), "the venue was asked something", 40)
    bot.process.send_signal(signal.SIGUSR2)
    bot.until_logged("LogLevelChanged", 2)

    ordered, asked = answered(), bot.logged("RequestAnswered")[0]
    assert ordered is not None
    assert ordered["level"] == "debug"
    assert ordered["status"] in {200, 400}, "the market may move first"
    assert ordered["took_ms"] > 0
    assert asked["path"]
    assert asked["took_ms"] > 0
    assert {line["market"] for line in bot.logged("Decided")} == {"btc"}
    for secret in (bot.simulator.api_key, bot.simulator.secret, "signature="):
        assert secret not in bot.output()


@pytest.fixture
def operator(tradingbot_api: ControlPlane, tmp_path: Path) -> Iterator[OperatorProcess]:
    install(tradingbot_api)
    process = OperatorProcess(kubeconfig_of_account(tradingbot_api, tmp_path), tmp_path / "log")
    yield process
    if process.running:
        process.kill()


def test_an_operator_whose_log_nobody_reads_leads_reconciles_and_ends_in_time(
    operator: OperatorProcess, tradingbot_api: ControlPlane, namespace: str
) -> None:
    with nobody_reads(operator.log):
        operator.start()
        eventually(lambda: operator.get("/readyz")[0] == 200, 60, "it is ready")
        tradingbot_api.client.apply(VENUE, namespace)
        path = f"/apis/tradingbot.dev/v1alpha1/namespaces/{namespace}/venues/{VENUE['metadata']['name']}"
        eventually(lambda: tradingbot_api.client.request("GET", path).body.get("status"), 10, "the Venue has a status")
        assert operator.stop() == 0


def test_debug_tells_what_an_operator_looks_at_and_writes(
    operator: OperatorProcess, tradingbot_api: ControlPlane, namespace: str
) -> None:
    operator.start()
    operator.wait_until_leading()
    assert not logged(operator.log, "Reconciled") + logged(operator.log, "Requested")
    assert operator.process
    operator.process.send_signal(signal.SIGUSR1)
    eventually(lambda: logged(operator.log, "LogLevelChanged"), 10, "it says more")
    tradingbot_api.client.apply(VENUE, namespace)

    def done() -> bool:
        looked = [(line.get("k8s.namespace.name"), line["object"]) for line in logged(operator.log, "Reconciled")]
        return (namespace, "Venue/venue") in looked

    eventually(done, 10, "it tells of the Venue")
    written = [line for line in logged(operator.log, "Requested") if line["verb"] == "PATCH"]
    assert any(f"/namespaces/{namespace}/venues/venue/status" in line["path"] for line in written)
    assert all(line["level"] == "debug" and line["took_ms"] > 0 for line in written)


def test_an_operators_lines_are_of_the_same_schema_and_a_signal_changes_the_level(operator: OperatorProcess) -> None:
    operator.start()
    operator.wait_until_leading()
    assert operator.process
    operator.process.send_signal(signal.SIGUSR1)

    def lines() -> list[dict[str, object]]:
        return entries(operator.log.read_text())

    changed = eventually(lambda: [line for line in lines() if line["event"] == "LogLevelChanged"], 10, "it says so")
    assert changed[0]["log_level"] == "debug"
    assert (changed[0]["service.name"], changed[0]["k8s.pod.name"]) == ("tradingbot-operator", "operator-under-test")
    assert all(list(line)[:4] == ["ts", "level", "event", "logger"] for line in lines())
