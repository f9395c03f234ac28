"""The calibration on five minutes of recorded Bitcoin: plausible, steady, and not a matter of where one looks."""

import gzip
import json
from decimal import Decimal
from fractions import Fraction

import pytest

from harness.simulator import RECORDING
from tradingbot_runtime.core.book import Book
from tradingbot_runtime.core.calibration import PPB_IN_BPS, Calibration, CalibrationTerms, Flow
from tradingbot_runtime.model import Nanos, Ticks

SECOND = 10**9


@pytest.fixture(scope="module")
def flows() -> dict[int, list[Flow]]:
    """Every fit, by the depth in basis points that arrivals were counted up to."""
    if not RECORDING.exists():
        pytest.skip(f"the recording {RECORDING.name} is not beside this repository")
    terms = {bps: CalibrationTerms(600 * SECOND, SECOND // 10, 5 * SECOND, bps * PPB_IN_BPS) for bps in (2, 5)}
    measured = {bps: Calibration() for bps in terms}
    found: dict[int, list[Flow]] = {bps: [] for bps in terms}
    with gzip.open(RECORDING, "rt", encoding="utf-8") as file:
        for line in file:
            if "@bookTicker" not in line:
                continue
            time_ns, _, frame = line.partition(" ")
            tick = json.loads(frame)["data"]
            book = Book(bid=Ticks(int(Fraction(tick["b"]) * 100)), ask=Ticks(int(Fraction(tick["a"]) * 100)))
            for bps, calibration in measured.items():
                before = calibration.flow
                calibration.observe(Nanos(int(time_ns)), book, terms[bps])
                if calibration.flow is not before and calibration.flow is not None:
                    found[bps].append(calibration.flow)
    return found


def test_every_fit_is_plausible(flows: dict[int, list[Flow]]) -> None:
    assert all(len(found) >= 30 for found in flows.values())
    for flow in (flow for found in flows.values() for flow in found):
        assert flow.rate is not None
        assert flow.decay is not None
        assert Decimal("0.1") < flow.rate < 1
        assert Decimal("0.5") < flow.decay < 4
        assert Decimal("0.3") < flow.volatility < 3


def test_the_fit_does_not_hang_on_the_depth_that_is_looked_at(flows: dict[int, list[Flow]]) -> None:
    for near, far in zip(flows[2], flows[5], strict=True):
        assert near.decay is not None
        assert far.decay is not None
        assert near.volatility == far.volatility
        assert abs(near.decay - far.decay) < near.decay / 2
