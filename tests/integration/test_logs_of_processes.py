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
from harness.log_lines import entries
from harness.operator_process import OperatorProcess, eventually, install, kubeconfig_of_account
from harness.prometheus import free_port
from harness.runtime_process import RuntimeProcess, ours_at_venue, runtime
from harness.simulator import SimulatorProcess, until

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
    for level in ("debug", "info"):
        bot.process.send_signal(signal.SIGUSR1)
        assert bot.until_logged("LogLevelChanged", 1 + (level == "info"))[-1]["log_level"] == level
    assert bot.state()["state"] == "Active"


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
