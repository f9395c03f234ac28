"""The runtime as a real process beside a real simulator: start it, watch it, kill it."""

import json
import os
import resource
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import yaml

from harness.exposition import sum_of
from harness.live_risk import LIVE_RISK
from harness.lives import RUNTIME, begin
from harness.log_lines import logged
from harness.simulator import Json, SimulatorProcess, until
from tradingbot_runtime.core.order_ids import OrderKey, bot_number, encode

VENUE = "simulator"
MARKET = "btc"
START_WITHIN_S = 20.0
END_WITHIN_S = 10.0
REQUEST_WITHIN_S = 5.0
CANCEL_ALL_S = 40
# A market that stands still: every change of the book comes from the test, and ticks go on (20 a second).
STILL = ("--volatility", "0", "--orders-per-10s", "100000", "--weight-per-minute", "1000000")


def manifest(simulator: SimulatorProcess, name: str = "tested", **spec: Any) -> list[Json]:  # noqa: ANN401 - a YAML tree
    """A Venue and a TradingBot in mode Live on it; `spec` replaces fields of the bot's spec."""
    symbol = {"venue": VENUE, "symbol": "BTCUSDT"}
    venue = {
        "environment": "Simulated",
        "type": "Binance",
        "endpoints": {"rest": simulator.rest, "stream": simulator.stream, "websocketApi": simulator.websocket_api},
        "rateLimit": {"ordersPerSecond": "200", "burst": 100, "cancelReserve": "0.3"},
    }
    bot: Json = {
        "mode": "Live",
        "strategy": {"marketMaking": making()},
        "markets": [{"name": MARKET, "reference": dict(symbol), "execution": dict(symbol)}],
        "risk": {**LIVE_RISK, "maxPosition": "0.5", "staleAfter": "1s"},
    }
    return [
        {"apiVersion": "tradingbot.dev/v1alpha1", "kind": "Venue", "metadata": {"name": VENUE}, "spec": venue},
        {"apiVersion": "tradingbot.dev/v1alpha1", "kind": "TradingBot", "metadata": {"name": name},
         "spec": bot | spec},
    ]  # fmt: skip


def making(**changes: Any) -> Json:  # noqa: ANN401 - a YAML tree
    """Two layers on each side that stay where they are while a still market's spread flickers."""
    usual = {
        "spreadBps": "10", "layers": 2, "stepBps": "5", "sizes": ["0.001", "0.002"],
        "hysteresis": {"ticks": 100, "quantityShare": "0.5"},
    }  # fmt: skip
    return {**usual, **changes}


class Process(Protocol):
    """What is asked of a process, whoever has started it."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def kill(self) -> None: ...
    def send_signal(self, sig: int, /) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...


@dataclass
class RuntimeProcess:
    """`tradingbot-runtime run` on a manifest, with one journal over all its lives.

    `spec` replaces fields of the usual bot's spec; `documents` replaces the whole manifest.
    """

    folder: Path
    simulator: SimulatorProcess
    spec: Mapping[str, Any] = field(default_factory=dict)
    documents: list[Json] = field(default_factory=list)
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    file_limit_bytes: int | None = None  # what no file of the process may exceed: a full volume
    process: "Process | None" = None
    port: int = 0
    lives: int = 0
    name: str = field(default_factory=lambda: f"bot-{secrets.token_hex(4)}")  # bots of several tests share a venue

    @property
    def journal(self) -> Path:
        return self.folder / "journal.sqlite3"

    def start(self) -> "RuntimeProcess":
        """Start, and wait until its HTTP server listens."""
        self.launch()
        until(self._listens, f"the HTTP server listens; the log: {self.output()[-2000:]}", START_WITHIN_S)
        return self

    def launch(self) -> "RuntimeProcess":
        """Start without waiting for anything."""
        assert self.process is None, "runs already"
        documents = self.documents or manifest(self.simulator, self.name, **self.spec)
        path = self.folder / "manifest.yaml"
        path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
        self.lives += 1
        self.port = 0
        arguments = ["run", str(path), "--journal", str(self.journal), "--http-port", "0", *self.options]
        keys = {f"TRADINGBOT_{VENUE.upper()}_API_KEY": self.simulator.api_key,
                f"TRADINGBOT_{VENUE.upper()}_SECRET_KEY": self.simulator.secret}  # fmt: skip
        self.process = self._begin(arguments, {**keys, **self.environment})
        if self.file_limit_bytes is not None:
            limit = (self.file_limit_bytes, self.file_limit_bytes)
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, limit)
        return self

    def _begin(self, arguments: list[str], environment: Mapping[str, str]) -> "Process":
        return begin(RUNTIME, arguments, environment, self._log, self._errors)

    @property
    def prefix(self) -> str:
        """What this bot's order ids begin with, whatever the epoch."""
        uid = str(rows(self.journal, "SELECT value FROM meta WHERE key = 'uid'")[0][0])
        return encode(OrderKey(bot_number(uid), 0, 0, 0))[:14]

    # -- watching ------------------------------------------------------------------------------------------------

    def state(self) -> Json:
        return dict(json.loads(self.get("/state")[1]))

    def market(self) -> Json:
        return dict(self.state()["markets"][MARKET])

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of `name` that have these labels."""
        return sum_of(self.get("/metrics")[1], name, **labels)

    def not_ready(self) -> list[str]:
        """Why /readyz refuses; empty: it does not."""
        status, body = self.get("/readyz")
        reasons = list(json.loads(body)["reasons"])
        assert (status == 200) == (not reasons), (status, body)
        return reasons

    def until(self, condition: Callable[[Json], object], what: str, within_s: float = 10.0) -> Json:
        """Wait for a condition on /state; returns that state. The process must not end meanwhile."""
        seen: list[Json] = [{}]

        def met() -> bool:
            assert self.running, f"ended while waiting for: {what}; {self.output()[-2000:]}"
            seen[0] = self.state()
            return bool(condition(seen[0]))

        try:
            until(met, what, within_s)
        except AssertionError as failure:
            raise AssertionError(f"{failure}; state: {seen[0]}") from None
        return seen[0]

    def until_quoting(self, orders: int = 4, within_s: float = 15.0) -> Json:
        """Wait until that many orders are resting, and nothing is in doubt."""

        def quoting(state: Json) -> bool:
            market = state["markets"].get(MARKET, {"orders": []})
            return state["state"] == "Active" and [o["state"] for o in market["orders"]] == ["Open"] * orders

        return self.until(quoting, f"{orders} orders are open", within_s)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def output(self) -> str:
        """Logs and messages of this life."""
        return "".join(path.read_text(encoding="utf-8") for path in (self._log, self._errors) if path.exists())

    def errors(self) -> list[str]:
        """What this life has told the person at the terminal, line by line."""
        return self._errors.read_text(encoding="utf-8").splitlines()

    def logged(self, event: str) -> list[Json]:
        return logged(self._log, event)

    def until_logged(self, event: str, count: int = 1) -> list[Json]:
        """The entries, once there are so many: a thread of its own writes the log, after the state is told."""
        until(lambda: len(self.logged(event)) >= count, f"{event} is logged")
        return self.logged(event)

    # -- ending --------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        process = self._take()
        process.kill()
        process.wait(END_WITHIN_S)

    def terminate(self, within_s: float = END_WITHIN_S) -> tuple[int, float]:
        """SIGTERM; the exit code and the seconds that it took."""
        started = time.monotonic()
        process = self._take()
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(within_s), time.monotonic() - started
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_WITHIN_S)
            raise AssertionError(f"still runs {within_s} s after SIGTERM: {self.output()[-2000:]}") from None

    def wait(self, within_s: float = END_WITHIN_S) -> int:
        """Wait until it ends by itself; the exit code."""
        process = self._take()
        try:
            return process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_WITHIN_S)
            raise AssertionError(f"still runs after {within_s} s: {self.output()[-2000:]}") from None

    def _take(self) -> "Process":
        process, self.process = self.process, None
        assert process is not None, "not started"
        return process

    @property
    def _log(self) -> Path:
        return self.folder / f"log-{self.lives}"

    @property
    def _errors(self) -> Path:
        return self.folder / f"errors-{self.lives}"

    def _listens(self) -> bool:
        assert self.running, f"ended with {self.process and self.process.returncode}: {self.output()[-2000:]}"
        listening = self.logged("HttpListening")
        if listening:
            self.port = int(listening[0]["port"])
        return bool(listening)

    def get(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=REQUEST_WITHIN_S) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()


@contextmanager
def runtime(folder: Path, simulator: SimulatorProcess, **options: Any) -> Iterator[RuntimeProcess]:  # noqa: ANN401 - fields
    """A RuntimeProcess that is not started yet. At the end the faults are cleared, and what still runs is ended."""
    folder.mkdir(parents=True, exist_ok=True)
    bot = RuntimeProcess(folder, simulator, **options)
    try:
        yield bot
    finally:
        simulator.admin.clear_faults()
        if bot.running:
            bot.terminate()


def cancel_all(
    bot: RuntimeProcess, *options: str, secret: str = "", environment: Mapping[str, str] | None = None,
    slot_config: Path | None = None,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """The command beside a bot's journal, or with a configuration instead.

    With the bot's keys or with `secret`, and what `environment` replaces.
    """
    prefix = f"TRADINGBOT_{VENUE.upper()}"
    keys = {f"{prefix}_API_KEY": bot.simulator.api_key, f"{prefix}_SECRET_KEY": secret or bot.simulator.secret}
    known_by = ("--slot-config", str(slot_config), "--slot", "0") if slot_config else (str(bot.journal),)
    command = (sys.executable, "-m", "tradingbot_runtime", "cancel-all", *known_by, *options)
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=CANCEL_ALL_S,
                          env={**os.environ, **keys, **bot.environment, **(environment or {})})  # fmt: skip


# -- what the venue and the journal say ------------------------------------------------------------------------------


def ours_at_venue(bot: RuntimeProcess) -> set[str]:
    """Client ids of the bot's orders that are open at the venue."""
    placed = (str(order["clientOrderId"]) for order in bot.simulator.admin.open_orders())
    return {client_id for client_id in placed if client_id.startswith(bot.prefix)}


def bought_at_venue(bot: RuntimeProcess) -> Decimal:
    """The position that all of the bot's orders at the venue add up to, by their executed quantities."""
    orders = (o for o in bot.simulator.admin.all_orders() if o["clientOrderId"].startswith(bot.prefix))
    return sum((Decimal(o["executedQty"]) * (1 if o["side"] == "BUY" else -1) for o in orders), Decimal(0))


def rows(journal: Path, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Rows of a journal that nobody needs to have closed."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as database:
        return database.execute(query, parameters).fetchall()
