"""A market moves from one real process to another and back, at venues with ids and without: its position goes along."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.control_plane import ControlPlane
from harness.met_orders import executed_at_binance, executed_at_deltadefi, trade_through
from harness.pod_process import PodProcess, pod_process
from harness.runtime_process import STILL
from harness.simulator import SimulatorProcess
from harness.slot_account import create_slot
from harness.slots import config
from tradingbot_runtime.config import CarriedMarket
from tradingbot_runtime.core.carried import CarriedAccount
from tradingbot_runtime.model import TradingState
from tradingbot_runtime.model.control import ClosingStatement, Drain, SlotReport

pytestmark = pytest.mark.controlplane
DRAIN = Drain(term=1, reason="scaled")
SIZE = "20"


@dataclass(frozen=True)
class Place:
    """Where it trades: a market of the slot's configuration, and how somebody sells through its bids."""

    execution: str
    symbol: str

    def venues(self, simulator: SimulatorProcess) -> dict[str, Any]:
        endpoints = {"rest": simulator.rest, "stream": simulator.stream, "websocketApi": simulator.websocket_api}
        binance = {"environment": "Simulated", "type": "Binance", "endpoints": endpoints,
                   "rateLimit": {"ordersPerSecond": "100", "burst": 100}}  # fmt: skip
        there = {"rest": simulator.rest, "stream": simulator.deltadefi_stream}
        return {"binance": binance, "deltadefi": {"environment": "Simulated", "type": "DeltaDeFi", "endpoints": there}}

    def fields(self, simulator: SimulatorProcess) -> dict[str, Any]:
        used = {"binance", self.execution}
        return {
            "markets": [{"name": "ada", "reference": {"venue": "binance", "symbol": "ADAUSDT"},
                         "execution": {"venue": self.execution, "symbol": self.symbol}}],
            "venues": {name: venue for name, venue in self.venues(simulator).items() if name in used},
            "strategy": {"marketMaking": {"spreadBps": "60", "sizes": [SIZE]}},
            "risk": {"maxPosition": "2000", "maxOrder": "100", "maxOpenOrders": 10, "maxDailyLoss": "50",
                     "maxDistanceBps": "900"},
        }  # fmt: skip


EXECUTED = {"binance": executed_at_binance, "deltadefi": executed_at_deltadefi}
PLACES = [Place("binance", "ADAUSDT"), Place("deltadefi", "ADAUSDM")]


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    """Each test's own: at DeltaDeFi, what the account has traded today is everybody's business."""
    with SimulatorProcess(*STILL, "--venue", "deltadefi", "--deltadefi-widen", "0", "--symbol", "ADAUSDT") as process:
        yield process


@dataclass
class Slots:
    plane: ControlPlane
    namespace: str
    folder: Path
    simulator: SimulatorProcess
    place: Place
    stack: ExitStack
    pods: dict[int, PodProcess] = field(default_factory=dict)
    lives: int = 0

    def start(self, slot: int, brought: ClosingStatement | None = None) -> PodProcess:
        """A pod of the slot, on the slot's volume, with what the operator hands on."""
        folder = self.folder / f"slot-{slot}"
        folder.mkdir(exist_ok=True)
        self.lives += 1
        carried = None if brought is None else [
            CarriedMarket(id=brought.id, market=brought.market, account=brought.account, summary=brought.summary,
                          instrument=f"{brought.venue}/{brought.symbol}")]  # fmt: skip
        made = config(**self.place.fields(self.simulator)).model_copy(update={"slot": slot, "carried": carried})
        if slot not in self.pods:
            entered = pod_process(self.plane, self.namespace, folder, f"pod-{slot}", made)
            self.pods[slot] = self.stack.enter_context(entered)
        pod = self.pods[slot]
        pod.config = made
        pod.environment = {
            "TRADINGBOT_BINANCE_API_KEY": self.simulator.api_key,
            "TRADINGBOT_BINANCE_SECRET_KEY": self.simulator.secret,
            "TRADINGBOT_DELTADEFI_API_KEY": self.simulator.deltadefi_api_key,
            "TRADINGBOT_DELTADEFI_TRADING_PASSWORD": self.simulator.trading_password,
        }
        return pod.start().until_logged("BarrierPassed")

    def is_bought(self, pod: PodProcess, position: str) -> None:
        """Somebody sells through its bid."""
        pod.report(until=lambda report: any(market.open_orders == 2 for market in report.markets))
        admin, executed = self.simulator.admin, EXECUTED[self.place.execution]
        trade_through(admin, "0.2000", lambda: executed(admin), buyer_is_maker=True)
        pod.report(until=lambda report: holds(report, position))


@pytest.fixture(params=PLACES, ids=[place.execution for place in PLACES])
def slots(
    request: pytest.FixtureRequest, control_plane: ControlPlane, namespace: str, tmp_path: Path,
    simulator: SimulatorProcess,
) -> Iterator[Slots]:  # fmt: skip
    create_slot(control_plane.client, namespace)
    with ExitStack() as stack:
        yield Slots(control_plane, namespace, tmp_path, simulator, request.param, stack)


def holds(report: SlotReport, position: str) -> bool:
    return any(float(market.position or 0) == float(position) for market in report.markets)


def statement(pod: PodProcess) -> ClosingStatement:
    """What a slot says that was told to drain; then it ends."""
    report = pod.report(DRAIN, until=lambda report: bool(report.closed))
    assert report.closed
    (found,) = report.closed
    assert not any(market.open_orders for market in report.markets)
    assert pod.terminate() == 0
    return found


def told_by(command: str, pod: PodProcess) -> str:
    """What a command says of its journal."""
    called = (sys.executable, "-m", "tradingbot_runtime", command, str(pod.journal))
    done = subprocess.run(called, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def account(found: ClosingStatement) -> CarriedAccount:
    return msgspec.json.decode(found.account, type=CarriedAccount)


def test_a_market_goes_to_another_slot_and_back_with_its_position(slots: Slots) -> None:
    first = slots.start(0)
    slots.is_bought(first, "20")
    closed = statement(first)
    assert closed.summary.startswith("position 20"), closed.summary

    second = slots.start(1, closed)
    slots.is_bought(second, "40")
    assert second.report(until=lambda report: report.state is TradingState.ACTIVE).halts == ()
    returned = statement(second)
    assert account(returned).lots == 2 * account(closed).lots
    assert account(returned).cost > account(closed).cost > 0
    told = told_by("inspect", second)
    assert "Taken over from other slots: 1" in told
    assert closed.summary in told
    assert returned.summary.split(" at a cost")[0].removeprefix("position ") in told
    told_by("replay", second)  # the recorded inputs begin with what was carried

    again = slots.start(0, returned)
    report = again.report(until=lambda report: report.state is TradingState.ACTIVE)
    assert (holds(report, "40"), report.halts) == (True, ())


def test_a_slot_that_is_killed_while_it_takes_a_market_over_takes_it_over_once(slots: Slots) -> None:
    first = slots.start(0)
    slots.is_bought(first, "20")
    closed = statement(first)
    second = slots.start(1, closed)
    slots.is_bought(second, "40")
    second.kill()

    second.start().until_logged("BarrierPassed")

    assert holds(second.report(until=lambda report: report.state is TradingState.ACTIVE), "40")
