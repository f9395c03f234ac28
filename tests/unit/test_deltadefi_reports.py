"""What DeltaDeFi says of orders and balances, in our words: both spellings, strings and numbers, never a float."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.deltadefi_wire import ADA, ADAUSDM, MARKET, ORDER, USDM, USDM_UNIT, record
from tradingbot_runtime.errors import VenueProtocolError
from tradingbot_runtime.model import Money, Nanos, OrderId, OrderStatus, Side, Ticks
from tradingbot_runtime.venues.deltadefi import reports
from tradingbot_runtime.venues.deltadefi.codec import (
    Token,
    TradingPair,
    WireBalance,
    WireExecution,
    WireOrder,
    number,
    page,
    time_ns,
    trading_locked,
)
from tradingbot_runtime.venues.deltadefi.market import Market

NOW = Nanos(7)
OURS = OrderId("ours")


def order(*records: dict[str, Any], **changes: object) -> WireOrder:
    return msgspec.json.decode(json.dumps({**ORDER, "order_execution_records": records, **changes}), type=WireOrder)


def test_the_instrument_is_what_the_market_configuration_says() -> None:
    assert (ADAUSDM.base, ADAUSDM.quote, ADAUSDM.tick_size, ADAUSDM.lot_size) == (
        "ADA", "USDM", Decimal("0.0001"), Decimal("0.01"))  # fmt: skip
    assert ADAUSDM.min_lots == 500, "5 ADA"


def test_a_pair_without_ada_has_its_minimum_in_the_quote_asset() -> None:
    night = Market.of("d", TradingPair("NIGHTUSDM", Token("NIGHT", "n", 6, 1), USDM, 5)).instrument

    assert (night.min_lots, night.money_text(night.min_notional)) == (1, "5")


def test_decimal_places_that_no_price_has_are_refused() -> None:
    with pytest.raises(VenueProtocolError, match="decimal places"):
        Market.of("d", TradingPair("ADAUSDM", ADA, USDM, 9))


STATUSES = {
    "building": OrderStatus.BUILDING, "processing": OrderStatus.OPEN, "open": OrderStatus.OPEN,
    "partially_filled": OrderStatus.OPEN, "fully_filled": OrderStatus.FILLED, "closed": OrderStatus.FILLED,
    "cancelled": OrderStatus.CANCELED, "canceled": OrderStatus.CANCELED, "partially_cancelled": OrderStatus.CANCELED,
    "failed": OrderStatus.REJECTED, "OPEN": OrderStatus.OPEN,
}  # fmt: skip


@pytest.mark.parametrize(("word", "meaning"), STATUSES.items())
def test_every_spelling_of_a_status_is_known(word: str, meaning: OrderStatus) -> None:
    report = reports.reported(order(status=word), OURS, MARKET, NOW)

    assert (report.status, report.venue_order_id) == (meaning, ORDER["id"])
    assert report.venue_time_ns == 1_704_067_201_500_000_000


def test_a_status_that_is_not_known_is_no_guess() -> None:
    with pytest.raises(VenueProtocolError, match="resting"):
        reports.reported(order(status="resting"), OURS, MARKET, NOW)


def test_fills_are_told_by_trade_id_oldest_first() -> None:
    taker = record(2, "20.5", execution_price=0.9299, role="taker", commission_unit=USDM_UNIT, commission="0.0190629")

    fills = reports.fills(order(taker, record(1, "10")), OURS, MARKET, NOW)

    assert [(f.trade_id, f.price, f.quantity, f.maker, f.fee_asset) for f in fills] == [
        ("trade-1", 9300, 1000, True, "ADA"), ("trade-2", 9299, 2050, False, "USDM")]  # fmt: skip
    assert fills[1].fee == 1_906_290, "in 1e-8"
    assert fills[0].venue_time_ns == 1_704_067_201_000_000_000


@pytest.mark.parametrize(
    ("unit", "amount", "asset", "fee"),
    [
        ("lovelace", "0.01", "ADA", 1_000_000),  # as people write it
        ("lovelace", "10000", "ADA", 1_000_000),  # in the smallest part
        ("lovelace", 10000, "ADA", 1_000_000),
        ("ADA", "0.01", "ADA", 1_000_000),
        (USDM_UNIT, "0.0093", "USDM", 930_000),
        (USDM_UNIT, "9300", "USDM", 930_000),
        ("usdm", "0.0093", "USDM", 930_000),
        ("SOMETHING", "3", "SOMETHING", 300_000_000),
        ("lovelace", "0.000000001", "ADA", 1),  # rounded against us
        ("lovelace", "0", "ADA", 0),
    ],
)
def test_a_commission_is_in_its_asset_whatever_unit_it_comes_in(
    unit: str, amount: object, asset: str, fee: int
) -> None:
    (fill,) = reports.fills(order(record(1, "10", commission_unit=unit, commission=amount)), OURS, MARKET, NOW)

    assert (fill.fee_asset, fill.fee) == (asset, fee)


@given(st.lists(st.integers(1, 30_000_000), min_size=1, max_size=8))
def test_trades_that_are_no_whole_lots_add_up_to_what_the_order_has_executed(parts: list[int]) -> None:
    quantities = [Decimal(part).scaleb(-6) for part in parts]
    records = [record(i, format(quantity, "f")) for i, quantity in enumerate(quantities)]
    whole = order(*records, executed_base_qty=format(sum(quantities), "f"))

    for seen in range(len(records) + 1):  # told one by one: what was told stays true
        told = reports.fills(order(*records[:seen]), OURS, MARKET, NOW)
        assert told == reports.fills(whole, OURS, MARKET, NOW)[: len(told)]
    assert sum(f.quantity for f in reports.fills(whole, OURS, MARKET, NOW)) == reports.executed(whole, ADAUSDM)


def test_whole_lots_do_not_depend_on_the_order_in_which_trades_are_listed() -> None:
    same = [record(1, quantity, id=f"t{i}", created_at="") for i, quantity in enumerate(("3", "0.01", "7.5"))]

    told = {tuple((f.trade_id, f.quantity) for f in reports.fills(order(*rows), OURS, MARKET, NOW))
            for rows in (same, same[::-1])}  # fmt: skip

    assert told == {(("t0", 300), ("t1", 1), ("t2", 750))}


@pytest.mark.parametrize(("side", "price"), [("buy", Ticks(9301)), ("sell", Ticks(9300))])
def test_a_price_between_two_ticks_counts_as_the_worse_one(side: str, price: Ticks) -> None:
    (fill,) = reports.fills(order(record(1, "10", execution_price="0.93005"), side=side), OURS, MARKET, NOW)

    assert fill.price == price


def test_filled_with_less_than_was_ordered_is_not_filled() -> None:
    assert reports.is_short(order(status="closed", executed_base_qty="99.99"), ADAUSDM)
    assert not reports.is_short(order(status="closed", executed_base_qty="100.0"), ADAUSDM)
    assert not reports.is_short(order(status="cancelled", executed_base_qty="1"), ADAUSDM)


def test_a_listed_order_is_restored_with_what_it_has_executed() -> None:
    restored = reports.restored(order(executed_base_qty=40, side="sell"), OURS, MARKET, NOW)

    assert (restored.side, restored.price, restored.quantity, restored.executed, restored.state, restored.seen) == (
        Side.SELL, 9300, 10_000, 4_000, "Partial", True)  # fmt: skip


@pytest.mark.parametrize(
    "broken",
    [{"side": "both"}, {"price": "cheap"}, {"base_qty": None}, {"executed_base_qty": "1e999999999"}, {"price": "NaN"}],
)
def test_a_listed_order_that_makes_no_sense_is_a_protocol_error(broken: dict[str, object]) -> None:
    with pytest.raises(VenueProtocolError):
        reports.restored(order(**broken), OURS, MARKET, NOW)


def test_a_trade_that_makes_no_sense_is_a_protocol_error() -> None:
    for broken in (record(1, "lots"), record(1, "1", execution_price=None), record(1, "1", commission="-")):
        with pytest.raises(VenueProtocolError, match="trades of order"):
            reports.fills(order(broken), OURS, MARKET, NOW)


@pytest.mark.parametrize("unit", ["", "lovelace"])
def test_balances_count_free_and_locked_as_strings_or_numbers(unit: str) -> None:
    rows = [
        {"asset": "usdm", "asset_unit": USDM_UNIT, "free": 1153.006812, "locked": 0},
        {"asset": "ada", "asset_unit": unit, "free": "1383.52097", "locked": "5"},
        {"asset": "djed", "asset_unit": "d", "free": "7", "locked": "0"},
    ]
    held = msgspec.json.decode(json.dumps(rows), type=list[WireBalance])

    report = MARKET.balances(held, NOW)

    assert (report.base, report.quote) == (138_852_097_000, ADAUSDM.money("1153.006812"))


def test_an_asset_that_is_not_listed_is_not_held() -> None:
    report = MARKET.balances([], NOW)

    assert (report.base, report.quote) == (0, Money(0))


@given(st.decimals(-(10**15), 10**15, allow_nan=False, places=10))
def test_a_number_is_read_exactly_whether_it_is_text_or_not(value: Decimal) -> None:
    text = format(value, "f")
    assert number(msgspec.Raw(text.encode())) == number(msgspec.Raw(f'"{text}"'.encode())) == value


@pytest.mark.parametrize("raw", [b"", b'""', b"null", b"true", b"[1]", b'"NaN"', b'"Infinity"', b'"0x1"', b'"1_0"',
                                 b'" 1"', b'"\xd9\xa1"', b"1" * 100, b"1e999", b'"1e-999"', b"\xff"])  # fmt: skip
def test_what_is_no_number_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="no number"):
        number(msgspec.Raw(raw))


def test_lists_come_bare_or_as_pages() -> None:
    row = {"id": "a", "order_id": "b", "execution_price": "1", "filled_base_qty": 1}
    bare, paged = json.dumps([row]).encode(), json.dumps({"data": [row], "total_count": 9, "total_page": 3}).encode()

    assert [len(page(body, WireExecution)[0]) for body in (bare, paged)] == [1, 1]
    assert [page(body, WireExecution)[1] for body in (bare, paged)] == [1, 3]
    assert page(b'{"data": null, "total_count": 0, "total_page": 0}', WireExecution) == ([], 0)
    for broken in (b"{}", b'{"data": {}}', b"[{}]", b"", b"null"):
        with pytest.raises(msgspec.DecodeError):
            page(broken, WireExecution)


def test_a_time_that_cannot_be_read_is_none() -> None:
    assert time_ns("2024-01-01T00:00:00.123456789Z") == 1_704_067_200_123_456_000
    assert time_ns("2024-01-01T01:00:00+01:00") == time_ns("2024-01-01T00:00:00") == 1_704_067_200_000_000_000
    assert [time_ns(text) for text in ("", "yesterday", "2024-13-01T00:00:00Z")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("body", "locked"),
    [
        (b'{"locked": true}', True), (b'{"locked": false}', False), (b'{"is_trading_locked": true}', True),
        (b'{"status": "locked"}', True), (b'{"status": "unlocked"}', False), (b'{"locked": "maybe"}', None),
        (b'{"status": "active", "trading_lock": true}', True), (b'{"ok": true}', None), (b"[]", None), (b"", None),
        (b'{"locked": null}', None),
    ],
)  # fmt: skip
def test_a_lock_status_says_locked_or_unlocked_or_nothing(body: bytes, *, locked: bool | None) -> None:
    assert trading_locked(body) is locked
