"""Recent trades of DeltaDeFi: a window without ids, told trade by trade, each once."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.deltadefi_wire import ADAUSDM, Json
from tradingbot_runtime.venues.deltadefi.recent_trades import RecentTrades
from tradingbot_runtime.venues.feed import FrameRefused

WINDOW = 5


def printed(number: int, **changes: object) -> Json:
    trade = {"timestamp": f"2024-01-01T00:00:{number // 3:02d}Z", "symbol": "ADAUSDM", "side": "buy", "price": 0.35,
             "amount": 10 + number % 2}  # fmt: skip
    return trade | changes


def window(trades: list[Json]) -> bytes:
    """The newest ones, newest first, as the venue sends them."""
    return json.dumps(trades[::-1][:WINDOW]).encode()


@given(st.lists(st.integers(0, WINDOW), max_size=30))
def test_every_trade_after_the_first_window_is_told_once_and_in_order(steps: list[int]) -> None:
    trades, recent = [printed(0), printed(1)], RecentTrades(ADAUSDM)
    assert recent.trades(window(trades)) == []
    told = []
    for step in steps:
        trades += [printed(len(trades) + n) for n in range(step)]
        told += recent.trades(window(trades))

    assert [trade.lots for trade in told] == [trade["amount"] * 100 for trade in trades[2:]]
    assert [trade.trade_id for trade in told] == list(range(1, len(told) + 1))


def test_trades_that_are_all_alike_are_counted() -> None:
    recent = RecentTrades(ADAUSDM)
    recent.trades(window([printed(0)]))

    assert len(recent.trades(window([printed(0)] * 4))) == 3
    assert recent.trades(window([printed(0)] * 4)) == []


def test_the_side_is_the_aggressors() -> None:
    recent = RecentTrades(ADAUSDM)
    recent.trades(b"[]")
    sold, bought = recent.trades(window([printed(0, side="sell", price="0.3499"), printed(1)]))

    assert (sold.buyer_is_maker, sold.price, bought.buyer_is_maker, bought.price) == (True, 3499, False, 3500)


def test_a_new_connection_begins_with_history() -> None:
    recent = RecentTrades(ADAUSDM)
    recent.trades(b"[]")
    recent.opened()

    assert recent.trades(window([printed(0)])) == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [(b"[", "NotJson"), (b"{}", "WrongShape"), (b"[{}]", "WrongShape"),
     (window([printed(0, price="x")]), "BadNumber"), (window([printed(0, price=0.35005)]), "BadNumber")],
)  # fmt: skip
def test_a_frame_that_makes_no_sense_is_refused(payload: bytes, reason: str) -> None:
    recent = RecentTrades(ADAUSDM)
    recent.trades(b"[]")

    with pytest.raises(FrameRefused) as refused:
        recent.trades(payload)
    assert refused.value.reason == reason
