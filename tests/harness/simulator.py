"""The exchange simulator as a real process on a free port."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.lives import Life, launcher
from harness.log_lines import entries

RECORDING = Path(__file__).parents[3] / "shared" / "data" / "spot_btcusdt_20240808.gz"
START_WITHIN_S = 20.0
STOP_WITHIN_S = 5.0
REQUEST_WITHIN_S = 5.0
Json = dict[str, Any]


def until(condition: Callable[[], bool], what: str, within_s: float = 10.0) -> None:
    """Wait for a condition; AssertionError names what did not happen in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.01)


class SimulatorAdmin:
    """The simulator's /simulator/* endpoints."""

    def __init__(self, rest: str) -> None:
        self._metrics, self._base = f"{rest}/metrics", f"{rest}/simulator"

    def identity(self) -> Json:
        return dict(self._call("GET", "/identity"))

    def state(self) -> Json:
        return dict(self._call("GET", "/state"))

    def open_orders(self) -> list[Json]:
        return list(self._call("GET", "/orders"))

    def all_orders(self) -> list[Json]:
        """Every order ever placed, closed ones included."""
        return list(self._call("GET", "/orders?all=1"))

    def inject(self, kind: str, match: str = "*", **options: float) -> Json:
        """Arm a fault: `count` or `seconds` (neither: once), `delay_ms`, `retry_after_s`, `step_ms`."""
        return dict(self._call("POST", "/faults", {"kind": kind, "match": match, **options}))

    def clear_faults(self) -> None:
        self._call("DELETE", "/faults")

    def play(self, frames: Iterable[Json]) -> Json:
        """Feed market frames (combined framing) at once."""
        lines = "\n".join(json.dumps(frame) for frame in frames)
        return dict(self._call("POST", "/frames", lines.encode()))

    def deposit(self, asset: str, amount: str) -> None:
        self._call("POST", "/deposits", {"asset": asset, "amount": amount})

    def rotate(self, api_key: str, uid: int | None = None) -> None:
        """The account gets another key, and the former one is refused; with `uid`: it is another account's."""
        self._call("POST", "/api-key", {"apiKey": api_key, "uid": uid})

    def follow_plan(self, plan: Json) -> None:
        """Let faults happen by a seeded plan."""
        self._call("POST", "/fault-plan", plan)

    def forget_plan(self) -> None:
        self._call("DELETE", "/fault-plan")

    def injected(self) -> Json:
        """How often each kind of fault has happened."""
        return dict(self._call("GET", "/fault-plan")["injected"])

    def deltadefi(self) -> Json:
        return dict(self._call("GET", "/deltadefi/state"))

    def deltadefi_orders(self) -> list[Json]:
        """Every order of DeltaDeFi's side, those that were only built included."""
        return list(self._call("GET", "/deltadefi/orders?all=1"))

    def deltadefi_deposit(self, asset: str, amount: str) -> None:
        self._call("POST", "/deltadefi/deposits", {"asset": asset, "amount": amount})

    def lock_trading(self, seconds: float) -> None:
        self._call("POST", "/deltadefi/lock", {"seconds": seconds})

    def unlock_trading(self) -> None:
        self._call("DELETE", "/deltadefi/lock")

    def metrics(self) -> str:
        with urllib.request.urlopen(self._metrics, timeout=REQUEST_WITHIN_S) as response:  # noqa: S310 - as below
            return str(response.read(), "utf-8")

    def _call(self, method: str, path: str, body: Json | bytes | None = None) -> Any:  # noqa: ANN401 - JSON
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(self._base + path, data, method=method)  # noqa: S310 - http, on loopback
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_WITHIN_S) as response:  # noqa: S310 - as above
                return json.load(response)
        except urllib.error.HTTPError as refused:
            with refused:
                raise AssertionError(f"{method} {path}: {refused.status} {refused.read().decode()}") from None


class SimulatorProcess:
    """Starts `simulate` with the given options and waits until it answers; stops it at the end.

    `rest`, `stream`, `websocket_api`: addresses as a Venue's `endpoints` have them; `api_key`, `secret`: the account's,
    made up for this process. With `--venue deltadefi` there are `deltadefi_stream` (REST is at `rest`), and that
    account's `deltadefi_api_key` and `trading_password`.
    """

    def __init__(self, *options: str, environment: dict[str, str] | None = None) -> None:
        self.api_key = secrets.token_hex(32)
        self.secret = secrets.token_hex(32)
        self.deltadefi_api_key = secrets.token_hex(16)
        self.trading_password = secrets.token_urlsafe(16)
        self._options = options
        self._environment = environment or {}
        self._output = self._errors = Path(os.devnull)
        self.log = ""  # once it has ended
        self.rest = self.stream = self.websocket_api = self.deltadefi_stream = ""
        self.process: Life | None = None

    def __enter__(self) -> Self:
        arguments = ["simulate", "--port", "0", *self._options]
        credentials = {
            "SIMULATOR_API_KEY": self.api_key, "SIMULATOR_SECRET_KEY": self.secret,
            "SIMULATOR_DELTADEFI_API_KEY": self.deltadefi_api_key,
            "SIMULATOR_DELTADEFI_TRADING_PASSWORD": self.trading_password,
        }  # fmt: skip
        environment = {**os.environ, **self._environment, **credentials}
        folder = Path(tempfile.mkdtemp(prefix="simulator-"))
        self._output, self._errors = folder / "output", folder / "errors"
        self.process = launcher().begin(arguments, environment, self._output, self._errors)
        try:
            until(self._has_addresses, "the simulator listens", START_WITHIN_S)
            until(self._answers, "the simulator answers", START_WITHIN_S)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def admin(self) -> SimulatorAdmin:
        return SimulatorAdmin(self.rest)

    @property
    def port(self) -> int:
        return int(self.rest.rpartition(":")[2])

    def stop(self) -> int:
        """SIGTERM, then SIGKILL; the exit code."""
        process = self.process
        assert process is not None, "not started"
        process.terminate()
        try:
            code = process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait(STOP_WITHIN_S)
        if self._errors.exists():
            self.log = self._errors.read_text(encoding="utf-8")
            sys.stderr.write(self.log)  # for whoever looks at a test that failed
            shutil.rmtree(self._errors.parent)
        return code

    def _has_addresses(self) -> bool:
        """Whether the one line of JSON is on stdout; the process ending first is an error that shows its code."""
        assert self.process is not None
        code = self.process.poll()
        for addresses in entries(self._output.read_text(encoding="utf-8")):
            if "rest" in addresses:
                self.rest, self.stream = addresses["rest"], addresses["stream"]
                self.websocket_api = addresses["websocketApi"]
                self.deltadefi_stream = addresses.get("deltadefi", {}).get("stream", "")
                return True
        assert code is None, f"the simulator ended with code {code}: {self._errors.read_text(encoding='utf-8')}"
        return False

    def _answers(self) -> bool:
        try:
            return bool(self.admin.identity()["simulator"] == "tradingbot")
        except urllib.error.URLError:
            return False


def book_ticker(update_id: int, bid: tuple[str, str], ask: tuple[str, str], symbol: str = "BTCUSDT") -> Json:
    """A bookTicker frame; bid and ask are (price, quantity)."""
    data = {"u": update_id, "s": symbol, "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
    return {"stream": f"{symbol.lower()}@bookTicker", "data": data}


def trade(trade_id: int, price: str, quantity: str, *, buyer_is_maker: bool, symbol: str = "BTCUSDT") -> Json:
    data = {
        "e": "trade", "E": 1, "s": symbol, "t": trade_id, "p": price, "q": quantity, "T": 1, "m": buyer_is_maker,
        "M": True,
    }  # fmt: skip
    return {"stream": f"{symbol.lower()}@trade", "data": data}


def depth_diff(ids: tuple[int, int], bids: list[list[str]], asks: list[list[str]], symbol: str = "BTCUSDT") -> Json:
    """A diff of updates `ids` (first, last); levels are [price, quantity]."""
    data = {"e": "depthUpdate", "E": 1, "s": symbol, "U": ids[0], "u": ids[1], "b": bids, "a": asks}
    return {"stream": f"{symbol.lower()}@depth@100ms", "data": data}
