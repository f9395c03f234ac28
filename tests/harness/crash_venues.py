"""The two venues that crashes are tried at, each with a restless market, a bot on it and faults by a plan."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import yaml

from harness.crash_bot import CrashingBot
from harness.crash_run import CrashRun
from harness.crash_truth import BinanceTruth, DeltaDefiTruth
from harness.live_risk import LIVE_RISK
from harness.lives import Launcher
from harness.runtime_process import MARKET, making, manifest
from harness.simulator import Json, SimulatorProcess

SAMPLE = Path(__file__).parents[2] / "manifests/samples/bot-deltadefi-local.yaml"
RISK = LIVE_RISK | {"maxDailyLoss": "1000000", "maxDrawdown": "0.99", "maxRejectsPerMinute": 100_000,
                    "staleAfter": "300ms"}  # fmt: skip
# Fast enough that orders are placed, cancelled and filled all the time.
RESTLESS = ("--volatility", "10", "--steps-per-second", "40", "--orders-per-10s", "100000",
            "--weight-per-minute", "1000000")  # fmt: skip
REQUEST_KINDS = ["http-5xx", "accept-then-5xx", "accept-then-drop", "drop", "half-sent", "delay", "garbage"]
STREAM_KINDS = ["duplicate", "reorder", "delay", "garbage"]
ANSWERS_LOST = {"rate": 0.01, "kinds": ["lost-answer", "lost-request"]}
LONGEST_DELAY_MS = 150
AGAIN = "CRASH_SEED={{seed}} CRASH_KILLS={{kills}} .venv/bin/pytest -s tests/integration/test_crash_{venue}.py"
BINANCE_FAULTS: list[Json] = [
    {"match": "order.*", "rate": 0.04, "kinds": REQUEST_KINDS, "delayMs": LONGEST_DELAY_MS},
    {"match": "order.*", **ANSWERS_LOST},
    {"match": "user", "rate": 0.05, "kinds": STREAM_KINDS, "delayMs": LONGEST_DELAY_MS},
    {"match": "POST /api/v3/order*", "rate": 0.04, "kinds": REQUEST_KINDS, "delayMs": LONGEST_DELAY_MS},
    {"match": "DELETE /api/v3/order*", "rate": 0.04, "kinds": REQUEST_KINDS, "delayMs": LONGEST_DELAY_MS},
    {"match": "GET /api/v3/*", "rate": 0.02, "kinds": REQUEST_KINDS, "delayMs": LONGEST_DELAY_MS},
]
DELTADEFI_FAULTS: list[Json] = [
    {"match": "POST /order/*", "rate": 0.05, "kinds": [*REQUEST_KINDS, "tx-expired", "utxo-spent"],
     "delayMs": LONGEST_DELAY_MS},
    {"match": "POST /order/*", **ANSWERS_LOST},
    {"match": "/accounts/stream", "rate": 0.05, "kinds": STREAM_KINDS, "delayMs": LONGEST_DELAY_MS},
    {"match": "GET /accounts/*", "rate": 0.02, "kinds": REQUEST_KINDS, "delayMs": LONGEST_DELAY_MS},
]  # fmt: skip


@contextmanager
def crashes_at_binance(folder: Path, seed: int, *, rest_orders: bool = False) -> Iterator[CrashRun]:
    """`rest_orders`: each order by a request of its own, instead of over the connection that reports come by."""
    making_tightly = making(spreadBps="1", minSpreadBps="0.5", layers=2, stepBps="1",
                            hysteresis={"ticks": 50, "quantityShare": "0.1"})  # fmt: skip
    with SimulatorProcess(*RESTLESS, "--seed", str(seed % 2**31)) as simulator, Launcher() as launcher:
        risk = RISK | {"maxPosition": "0.5"}
        documents = manifest(simulator, strategy={"marketMaking": making_tightly}, risk=risk)
        if rest_orders:
            documents[0]["spec"]["orderEntry"] = "Rest"
        bot = CrashingBot(folder, simulator, documents=documents, launcher=launcher)
        yield CrashRun(
            bot,
            BinanceTruth(simulator),
            MARKET,
            "btcusdt@bookTicker",
            BINANCE_FAULTS,
            Decimal("0.5"),
            seed,
            AGAIN.format(venue="binance_rest" if rest_orders else "binance"),
        )


@contextmanager
def crashes_at_deltadefi(folder: Path, seed: int) -> Iterator[CrashRun]:
    options = ("--venue", "deltadefi", "--symbol", "ADAUSDT", "--deltadefi-calls-per-second", "1000")
    with SimulatorProcess(*RESTLESS, "--seed", str(seed % 2**31), *options) as simulator, Launcher() as launcher:
        documents = list(yaml.safe_load_all(SAMPLE.read_text()))
        binance, deltadefi, bot_spec = (document["spec"] for document in documents)
        binance["endpoints"] = {"rest": simulator.rest, "stream": simulator.stream,
                                "websocketApi": simulator.websocket_api}  # fmt: skip
        deltadefi["endpoints"] = {"rest": simulator.rest, "stream": simulator.deltadefi_stream}
        deltadefi["rateLimit"] = {"ordersPerSecond": "200", "burst": 100, "cancelReserve": "0.3"}
        bot_spec["risk"] = RISK | {"maxPosition": "2000", "maxOrder": "100"}
        keys = {"TRADINGBOT_DELTADEFI_API_KEY": simulator.deltadefi_api_key,
                "TRADINGBOT_DELTADEFI_TRADING_PASSWORD": simulator.trading_password}  # fmt: skip
        bot = CrashingBot(folder, simulator, documents=documents, environment=keys, launcher=launcher)
        most = Decimal(2000)
        yield CrashRun(
            bot,
            DeltaDefiTruth(simulator),
            "ada",
            "adausdt@bookTicker",
            DELTADEFI_FAULTS,
            most,
            seed,
            AGAIN.format(venue="deltadefi"),
        )
