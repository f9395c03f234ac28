"""DeltaDeFi's depth frames: the best of whole books, exactly, and nothing broken gets further than a reason."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.deltadefi_wire import ADAUSDM
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.venues.deltadefi.feed import DepthCodec
from tradingbot_runtime.venues.feed import FrameRefused

Levels = list[dict[str, Any]]


def frame(bids: object, asks: object, timestamp: object = 1_755_747_950_587) -> bytes:
    return json.dumps({"timestamp": timestamp, "bids": bids, "asks": asks}).encode()


def level(price: object, quantity: object = 30) -> dict[str, Any]:
    return {"price": price, "quantity": quantity}


def reason(payload: bytes) -> str:
    try:
        DepthCodec(ADAUSDM).top(payload, Nanos(1))
    except FrameRefused as refused:
        return refused.reason
    return ""


def test_the_best_bid_and_offer_are_found_in_whatever_order_levels_come() -> None:
    bids, asks = [level(0.1949), level("0.195", 50.65), level(0.19)], [level(0.35), level(0.3495, "7.019")]

    tick = DepthCodec(ADAUSDM).top(frame(bids, asks), Nanos(1))

    assert tick is not None
    assert (tick.bid, tick.bid_lots, tick.ask, tick.ask_lots) == (1950, 5065, 3495, 701)
    assert tick.update_id == 1_755_747_950_587


def test_the_noise_of_binary_fractions_is_no_other_price() -> None:
    tick = DepthCodec(ADAUSDM).top(frame([level(0.35000000000000003)], [level(0.3600999999999999)]), Nanos(1))

    assert tick is not None
    assert (tick.bid, tick.ask) == (3500, 3601)


@pytest.mark.parametrize(
    ("bids", "asks", "top"),
    [([], [level(0.4)], (None, 4000)), ([level(0.3)], [], (3000, None)), ([], [], (None, None))],
)
def test_a_side_that_nobody_is_on_is_no_price(bids: Levels, asks: Levels, top: tuple[int | None, int | None]) -> None:
    tick = DepthCodec(ADAUSDM).top(frame(bids, asks), Nanos(1))

    assert tick is not None
    assert (tick.bid, tick.ask) == top


BROKEN = {
    "cut": (frame([], [])[:20], "NotJson"),
    "not UTF-8": (b'{"timestamp": 1, "bids": [{"price": "\xff", "quantity": 1}], "asks": []}', "BadNumber"),
    "a list": (b"[]", "WrongShape"),
    "no asks": (b'{"timestamp": 1, "bids": []}', "WrongShape"),
    "a level as a list": (frame([[1, 2]], []), "WrongShape"),
    "time as text": (frame([], [], "now"), "WrongShape"),
    "between two ticks": (frame([level(0.19505)], []), "BadNumber"),
    "not a number": (frame([level("NaN")], []), "BadNumber"),
    "null": (frame([level(None)], []), "BadNumber"),
    "a quantity that is none": (frame([level(0.19, {})], []), "BadNumber"),
    "crossed": (frame([level(0.2)], [level(0.19)]), "Crossed"),
    "locked": (frame([level(0.2)], [level(0.2)]), "Crossed"),
    "a price of zero": (frame([level(0)], [level(0.19)]), "Crossed"),
    "a negative price": (frame([level(-1)], [level(0.19)]), "Crossed"),
}


@pytest.mark.parametrize(("payload", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_broken_frame_is_refused_with_its_reason(payload: bytes, expected: str) -> None:
    assert reason(payload) == expected


@given(st.binary(max_size=100))
def test_no_bytes_raise_anything_but_a_refusal(payload: bytes) -> None:
    assert reason(payload)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"price": st.floats() | st.integers() | st.text(max_size=5), "quantity": st.floats(0, 10**6)}
        )
    )
)
def test_no_values_raise_anything_but_a_refusal(levels: Levels) -> None:
    reason(frame(levels, []))
