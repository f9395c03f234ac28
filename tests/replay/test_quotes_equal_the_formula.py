"""Every decision on recorded frames equals the published formula, computed once more with exact rationals."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from harness.formula import Level, Parameters, wanted
from harness.formula import Place as Grid
from harness.runtime_process import making, rows, runtime
from harness.shown import Shown
from harness.simulator import RECORDING, Json, SimulatorProcess, until
from tradingbot_runtime.journal import Decided, read_decisions
from tradingbot_runtime.model import OrderFilled, Place, Replace, Side

FRAMES = 10_000
DECISIONS = 100
FILLS = 5
SPEED = "25"
WITHIN_S = 120.0  # a busy machine takes in many frames at once, and so decides less often: then it goes on for longer
OPENING = {"BTC": Fraction(1), "USDT": Fraction(100_000)}
# What exchangeInfo says of BTCUSDT.
GRID = Grid(tick=Fraction("0.01"), lot=Fraction("0.00001"), min_quantity=Fraction("0.00001"), min_notional=Fraction(5))
STRATEGY = making(
    spreadBps="1.2", minSpreadBps="0.3", maxSpreadBps="20", feeBps="0.1", edgeBps="0.15", stepBps="0.7", layers=5,
    sizes=["0.001", "0.0023", "0.004"], hysteresis={"ticks": 0, "quantityShare": "0.01"},
    inventorySkew={"targetShare": "0.4", "spreadFactorBps": "3.7", "sizeFactor": "0.9", "maxImbalance": "0.45",
                   "minSizeFactor": "0.35", "maxSizeFactor": "1.7"},
)  # fmt: skip
PARAMETERS = Parameters(
    spread=Fraction("1.2"), min_spread=Fraction("0.3"), max_spread=Fraction(20), min_edge=Fraction("0.25"),
    step=Fraction("0.7"), layers=5, sizes=(Fraction("0.001"), Fraction("0.0023"), Fraction("0.004")),
    skew_spread=Fraction("3.7"), skew_size=Fraction("0.9"), max_skew=Fraction("0.45"), target=Fraction("0.4"),
    min_factor=Fraction("0.35"), max_factor=Fraction("1.7"),
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    frames: int
    journal: Path
    balances: dict[str, Fraction]  # at the venue, when all was over


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    if not RECORDING.exists():
        pytest.skip(f"the recording {RECORDING.name} is not beside this repository")
    folder = tmp_path_factory.mktemp("replay")
    balances = (f"--balance={asset}={amount}" for asset, amount in OPENING.items())
    options = ("--recording", str(RECORDING), "--wait", "--speed", SPEED, "--orders-per-10s", "100000",
               "--weight-per-minute", "1000000", *balances)  # fmt: skip
    with (
        SimulatorProcess(*options) as simulator,
        runtime(folder, simulator, spec={"strategy": {"marketMaking": STRATEGY}}) as bot,
    ):
        bot.start()
        until(
            lambda: (
                bot.metric("tradingbot_frames_total", outcome="ok") >= FRAMES
                and bot.metric("tradingbot_fills_total") >= FILLS
                and _decided(bot.journal) >= DECISIONS
            ),
            f"{FRAMES} frames, {DECISIONS} decisions and {FILLS} fills",
            WITHIN_S,
        )
        frames = int(bot.metric("tradingbot_frames_total", outcome="ok"))
        assert bot.terminate()[0] == 0, bot.output()
        held = {b["asset"]: Fraction(b["free"]) + Fraction(b["locked"]) for b in simulator.admin.state()["balances"]}
        return Run(frames, bot.journal, held)


@pytest.fixture(scope="module")
def frames() -> dict[int, Json]:
    """The recording's bookTicker frames by update id, as they are in the file."""
    with gzip.open(RECORDING, "rt", encoding="utf-8") as file:
        found = (json.loads(line.partition(" ")[2]) for line in file if "@bookTicker" in line)
        return {frame["data"]["u"]: frame["data"] for frame in found}


def test_enough_recorded_frames_were_received_and_acted_on(run: Run, shown: Shown) -> None:
    decisions = sum(1 for _ in read_decisions(run.journal))
    fills = rows(run.journal, "SELECT count(*) FROM fills")[0][0]

    shown.at_least("recorded frames whose quotes equal the formula", run.frames, "frames", FRAMES)
    shown.at_least("decisions on them", decisions, "decisions", DECISIONS)
    # The holdings must move, or the skew proves nothing.
    shown.at_least("fills in between", fills, "fills", FILLS)


def test_quotes_of_every_decision_are_zero_ticks_and_zero_lots_off(run: Run, frames: dict[int, Json]) -> None:
    for decision in read_decisions(run.journal):
        if not decision.quotes:
            continue  # quotes were withdrawn
        frame = frames[decision.update_id]
        best = (Fraction(frame["b"]), Fraction(frame["a"]))
        holdings = (decision.base * GRID.lot, Fraction(decision.quote, 10**8))

        assert (Fraction(decision.reference_bid) * GRID.tick, Fraction(decision.reference_ask) * GRID.tick) == best
        assert decision.venue_bid is not None
        assert decision.venue_ask is not None
        assert (Fraction(decision.venue_bid) * GRID.tick, Fraction(decision.venue_ask) * GRID.tick) == best
        assert _levels(decision) == wanted(PARAMETERS, GRID, best, best, holdings), decision


def test_holdings_of_every_decision_are_the_opening_ones_moved_by_the_fills(run: Run) -> None:
    held = dict(OPENING)
    checked = 0
    for record in _records(run.journal):
        if isinstance(record, OrderFilled):
            _apply(held, record)
            continue
        assert record.base == held["BTC"] // GRID.lot, record
        assert Fraction(record.quote, 10**8) == held["USDT"], record
        checked += 1

    assert checked >= DECISIONS
    assert held == {asset: run.balances[asset] for asset in OPENING}, "and the venue agrees"


def test_every_order_that_was_sent_is_one_of_the_wanted_quotes(run: Run) -> None:
    places = 0
    for decision in read_decisions(run.journal):
        quotes = {(quote.side, quote.price, quote.quantity) for quote in decision.quotes}
        for command in decision.commands:
            if isinstance(command, Place | Replace):
                assert (command.side, command.price, command.quantity) in quotes, decision
                places += 1

    assert places >= DECISIONS


def _decided(journal: Path) -> int:
    return int(rows(journal, "SELECT count(*) FROM events WHERE kind = 'Decided'")[0][0])


def _levels(decision: Decided) -> tuple[list[Level], list[Level]]:
    sides = [
        [(quote.price * GRID.tick, quote.quantity * GRID.lot) for quote in decision.quotes if quote.side is side]
        for side in (Side.BUY, Side.SELL)
    ]
    return sides[0], sides[1]


def _records(journal: Path) -> Iterator[Decided | OrderFilled]:
    decoder = msgspec.json.Decoder(Decided | OrderFilled)
    query = "SELECT payload FROM events WHERE kind IN ('Decided', 'OrderFilled') ORDER BY seq"
    return (decoder.decode(payload) for (payload,) in rows(journal, query))


def _apply(held: dict[str, Fraction], fill: OrderFilled) -> None:
    quantity = fill.quantity * GRID.lot * fill.side.sign
    held["BTC"] += quantity
    held["USDT"] -= quantity * fill.price * GRID.tick
    held[fill.fee_asset] -= Fraction(fill.fee, 10**8)
