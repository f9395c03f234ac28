"""The sample of a bot on DeltaDeFi as a real process beside its simulator."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from harness.runtime_process import STILL, RuntimeProcess
from harness.simulator import Json, SimulatorProcess, trade

SAMPLE = Path(__file__).parents[2] / "manifests/samples/bot-deltadefi-local.yaml"
SIMULATOR = (*STILL, "--venue", "deltadefi", "--symbol", "ADAUSDT")
MARKET = "ada"


@contextmanager
def bot_on(folder: Path, *options: str, documents: list[Json] | None = None, **spec: Any) -> Iterator[RuntimeProcess]:  # noqa: ANN401 - a YAML tree
    """The sample against a simulator of its own: at other addresses, and with `spec` in the bot's."""
    with SimulatorProcess(*SIMULATOR, *options) as simulator:
        found = copy.deepcopy(documents or list(yaml.safe_load_all(SAMPLE.read_text())))
        binance, deltadefi, bot = (document["spec"] for document in found)
        binance["endpoints"] = {"rest": simulator.rest, "stream": simulator.stream,
                                "websocketApi": simulator.websocket_api}  # fmt: skip
        deltadefi["endpoints"] = {"rest": simulator.rest, "stream": simulator.deltadefi_stream}
        bot.update(spec)
        keys = {"TRADINGBOT_DELTADEFI_API_KEY": simulator.deltadefi_api_key,
                "TRADINGBOT_DELTADEFI_TRADING_PASSWORD": simulator.trading_password}  # fmt: skip
        runtime = RuntimeProcess(folder, simulator, documents=found, environment=keys)
        try:
            yield runtime.start()
        finally:
            if runtime.running:
                runtime.kill()


def resting(runtime: RuntimeProcess) -> None:
    """Wait until it quotes both sides; trades go on meanwhile, so that some order is always on its way."""

    def rest(state: Json) -> bool:
        orders = state["markets"].get(MARKET, {"orders": []})["orders"]
        return state["state"] == "Active" and {o["side"] for o in orders if o["state"] == "Open"} == {"buy", "sell"}

    runtime.until(rest, "both sides rest", 20.0)


def at_venue(runtime: RuntimeProcess) -> list[Json]:
    return list(runtime.simulator.admin.deltadefi()["openOrders"])


def held(runtime: RuntimeProcess, asset: str) -> Decimal:
    rows = runtime.simulator.admin.deltadefi()["balances"]
    return sum((Decimal(r["free"]) + Decimal(r["locked"]) for r in rows if r["asset"] == asset), Decimal(0))


def sell_through(runtime: RuntimeProcess, price: str = "0.3000", trade_id: int = 1) -> None:
    """Somebody sells down to `price`: our bids there are filled."""
    frame = trade(trade_id, price, "100000", buyer_is_maker=True, symbol="ADAUSDT")
    runtime.simulator.admin.play([frame])
