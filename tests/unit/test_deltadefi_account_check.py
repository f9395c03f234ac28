"""A pair whose venue names no least value of an order: what is no difference, and what is too small to be a fill."""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from harness.deltadefi_wire import ADAUSDM
from tradingbot_runtime.core.account_check import AccountCheck, tolerance
from tradingbot_runtime.model import Ticks


@dataclass(frozen=True)
class Case:
    usdm: str
    price: int
    is_mismatch: bool


@pytest.mark.parametrize(
    "case",
    [
        Case("100", 3500, is_mismatch=False),
        Case("100", 0, is_mismatch=False),  # no book: no difference is still none
        Case("100.000001", 3500, is_mismatch=False),  # rounded fees
        Case("100.000001", 0, is_mismatch=True),
        Case("101.75", 3500, is_mismatch=True),  # 5 ADA at 0.35: the smallest order
        Case("98.25", 3500, is_mismatch=True),
    ],
)
def test_a_difference_counts_from_the_worth_of_the_smallest_order(case: Case) -> None:
    check = AccountCheck()
    check.accept({"USDM": Decimal(100)}, {})

    told = check.mismatch({"USDM": Decimal(case.usdm)}, {}, tolerance(ADAUSDM, Ticks(case.price)))

    assert bool(told) is case.is_mismatch
