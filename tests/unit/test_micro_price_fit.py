"""The micro-price's fit: chains whose answer is known by hand, and a table that a manifest takes."""

import gzip
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tradingbot_runtime.config import MicroPrice

SCRIPT = Path(__file__).resolve().parents[2] / "hack/micro_price/fit.py"
HEAVY, LIGHT = (3.0, 1.0), (1.0, 3.0)


@pytest.fixture(scope="module")
def fitting() -> ModuleType:
    found = importlib.util.spec_from_file_location("micro_price_fit", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def walk(rounds: int) -> list[tuple[int, float, int, float]]:
    """A heavy bid lifts the price by a tick, a light one lowers it; each follows on either as often as the other."""
    ticks, bid = [], 100
    for _ in range(rounds):
        for (bid_quantity, ask_quantity), step in ((HEAVY, 1), (HEAVY, 1), (LIGHT, -1), (LIGHT, -1)):
            ticks.append((bid, bid_quantity, bid + 1, ask_quantity))
            bid += step
    return ticks


def test_a_chain_with_a_known_answer(fitting: ModuleType) -> None:
    table = fitting.fit((fitting.Tick(*tick) for tick in walk(50)), spreads=1, buckets=1)

    assert table == [[pytest.approx(1.0, abs=0.02)]]


def test_waiting_does_not_change_where_the_price_goes(fitting: ModuleType) -> None:
    patient = [tick for tick in walk(50) for _ in range(3)]
    table = fitting.fit((fitting.Tick(*tick) for tick in patient), spreads=1, buckets=1)

    assert table == [[pytest.approx(1.0, abs=0.02)]]


def test_wider_spreads_than_asked_for_are_left_out(fitting: ModuleType) -> None:
    wide = [fitting.Tick(bid, b, ask + 5, a) for bid, b, ask, a in walk(3)]

    with pytest.raises(ValueError, match="never moved"):
        fitting.fit(wide, spreads=2, buckets=2)


def test_what_it_prints_goes_into_a_manifest(
    fitting: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "frames.gz"
    frames = [
        json.dumps({"stream": "x@bookTicker", "data": {"u": i, "s": "X", "b": f"{b / 100:.2f}", "B": str(bq),
                                                       "a": f"{a / 100:.2f}", "A": str(aq)}})
        for i, (b, bq, a, aq) in enumerate(walk(20))
    ]  # fmt: skip
    with gzip.open(recording, "wt", encoding="utf-8") as file:
        file.writelines(f"{i} {frame}\n" for i, frame in enumerate(frames))

    assert fitting.main([str(recording), "--tick", "0.01", "--spreads", "1", "--buckets", "2"]) == 0

    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["referencePrice"] == "MicroPrice"
    assert len(MicroPrice.model_validate(printed["microPrice"]).shift_ticks[0]) == 2
