"""The sample of crossExchange as a real process beside a simulator of both venues."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from harness.runtime_process import STILL, RuntimeProcess
from harness.simulator import Json, SimulatorProcess

SAMPLE = Path(__file__).parents[2] / "manifests/samples/bot-cross-exchange-local.yaml"
# With its usual five ticks farther out, somebody of the made-up market would now and then meet our quotes.
SIMULATOR = (*STILL, "--venue", "deltadefi", "--deltadefi-widen", "0", "--symbol", "ADAUSDT")
QUOTED, HEDGE = "ada", "ada.hedge"


@contextmanager
def bot_on(folder: Path, *, swapped: bool = False, **strategy: Any) -> Iterator[RuntimeProcess]:  # noqa: ANN401 - a YAML tree
    """The sample with `strategy` in crossExchange, against a simulator of its own.

    `swapped`: quotes at Binance, hedges at DeltaDeFi, where an order that takes may rest.
    """
    with SimulatorProcess(*SIMULATOR) as simulator:
        found = copy.deepcopy(list(yaml.safe_load_all(SAMPLE.read_text())))
        binance, deltadefi, bot = (document["spec"] for document in found)
        binance["endpoints"] = {"rest": simulator.rest, "stream": simulator.stream,
                                "websocketApi": simulator.websocket_api}  # fmt: skip
        deltadefi["endpoints"] = {"rest": simulator.rest, "stream": simulator.deltadefi_stream}
        bot["strategy"]["crossExchange"].update(strategy)
        if swapped:
            market = bot["markets"][0]
            market["reference"], market["execution"] = market["execution"], market["reference"]
        keys = {
            "TRADINGBOT_DELTADEFI_API_KEY": simulator.deltadefi_api_key,
            "TRADINGBOT_DELTADEFI_TRADING_PASSWORD": simulator.trading_password,
            "TRADINGBOT_BINANCE_API_KEY": simulator.api_key,
            "TRADINGBOT_BINANCE_SECRET_KEY": simulator.secret,
        }
        runtime = RuntimeProcess(folder, simulator, documents=found, environment=keys)
        try:
            yield runtime.start()
        finally:
            simulator.admin.clear_faults()
            if runtime.running:
                runtime.kill()


def market(state: Json, name: str = QUOTED) -> Json:
    return dict(state["markets"].get(name, {"orders": [], "fills": {}}))


def quoting(runtime: RuntimeProcess) -> Json:
    def quotes(state: Json) -> bool:
        resting = {order["side"] for order in market(state)["orders"] if order["state"] == "Open"}
        return state["state"] == "Active" and resting == {"buy", "sell"}

    return runtime.until(quotes, "both sides rest", 20.0)


def nothing_left(runtime: RuntimeProcess) -> bool:
    admin = runtime.simulator.admin
    return not admin.open_orders() and not admin.deltadefi()["openOrders"]
