"""Two markets of a slot trade with one account: what one binds or spends of an asset, the other does not count on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from harness.engines import BTC, limits, tick, trading
from harness.slots import SECOND, Wire, config, slot_of
from tradingbot_runtime.core.quote_watch import WHAT_TO_DO
from tradingbot_runtime.core.risk import Refusal
from tradingbot_runtime.exposures import accounts_of, others_exposed
from tradingbot_runtime.live import PAPER
from tradingbot_runtime.market_watch import MarketWatch
from tradingbot_runtime.model import (
    BalancesReported,
    Cancel,
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OthersExposed,
    Place,
    Side,
)
from tradingbot_runtime.slot import Slot

BTC_MARKET, OTHER = "btc", "eth"
BID_COST = 1_000 * 5_994_000 * BTC.tick_lot  # of one bid, in money units


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def slot(tmp_path: Path, wire: Wire) -> Iterator[Slot]:
    opened = slot_of(tmp_path / "journal.sqlite3", wire, config(BTC_MARKET, OTHER))
    hold(opened, "612")
    yield opened
    opened.journal.close()


def hold(slot: Slot, quote: str, base: int = 10**9) -> None:
    for live in slot.markets.values():
        live.handle(BalancesReported(time_ns=Nanos(2), base=base, quote=BTC.money(quote)))


def quote(slot: Slot, wire: Wire, market: str, now_ns: int) -> list[Place]:
    """What a tick has a market place; the venue takes it."""
    wire.sent.clear()
    slot.markets[market].handle(tick(now_ns))
    placed = [command for command in wire.sent if isinstance(command, Place)]
    for place in placed:
        slot.markets[market].handle(OrderAccepted(time_ns=Nanos(now_ns), order_id=place.order_id, venue_order_id="v"))
    return placed


def sides(placed: list[Place]) -> list[tuple[Side, int]]:
    return [(place.side, place.quantity) for place in placed]


def test_a_bid_is_cut_to_what_the_other_market_leaves(slot: Slot, wire: Wire) -> None:
    hold(slot, "900")
    assert sides(quote(slot, wire, BTC_MARKET, SECOND)) == [(Side.BUY, 1_000), (Side.SELL, 1_000)]
    [bid, offer] = quote(slot, wire, OTHER, SECOND)
    assert (offer.side, offer.quantity) == (Side.SELL, 1_000)
    left = BTC.money("900") * 10_000 // (10_000 + 10) - BID_COST  # but for the fee reserve
    assert bid.quantity == left // (5_994_000 * BTC.tick_lot) == 500


def test_a_bid_that_there_is_no_money_for_is_refused_by_our_own_check_and_said(slot: Slot, wire: Wire) -> None:
    hold(slot, "600")
    quote(slot, wire, BTC_MARKET, SECOND)
    assert sides(quote(slot, wire, OTHER, SECOND)) == [(Side.SELL, 1_000)]
    assert [refused.reason for refused in slot.markets[OTHER].engine.decision.refused] == [Refusal.BALANCE]


def test_a_market_without_any_order_for_it_says_so(slot: Slot, wire: Wire) -> None:
    hold(slot, "600", base=10**6)  # a hundredth: one offer
    now = [SECOND]
    slot.now_ns = lambda: Nanos(now[0])
    watch = MarketWatch(slot)
    quote(slot, wire, BTC_MARKET, SECOND)
    for seconds in range(1, 20):
        now[0] = seconds * SECOND
        assert quote(slot, wire, OTHER, now[0]) == []
        slot.markets[BTC_MARKET].handle(tick(now[0]))
        watch.look()
    [(market, hindrance)] = slot.circumstances.hindered
    assert (market, hindrance.reason) == (OTHER, Refusal.BALANCE)
    assert "other markets' orders" in WHAT_TO_DO[Refusal.BALANCE]


def test_what_an_order_has_bound_is_free_again_when_it_is_over(slot: Slot, wire: Wire) -> None:
    hold(slot, "600")
    [bid, _] = quote(slot, wire, BTC_MARKET, SECOND)
    assert sides(quote(slot, wire, OTHER, SECOND)) == [(Side.SELL, 1_000)]
    slot.markets[BTC_MARKET].take(OrderCanceled(time_ns=Nanos(SECOND), order_id=bid.order_id))
    slot.share_exposure(BTC_MARKET)
    assert sides(quote(slot, wire, OTHER, SECOND + 1)) == [(Side.BUY, 1_000)]


def test_what_another_market_has_bought_for_is_spent_before_the_venue_is_asked(slot: Slot, wire: Wire) -> None:
    hold(slot, "600", base=10**6)
    [bid, _] = quote(slot, wire, BTC_MARKET, SECOND)
    fill = OrderFilled(time_ns=Nanos(SECOND), order_id=bid.order_id, trade_id="t", side=Side.BUY, price=bid.price,
                       quantity=bid.quantity, fee=1_000, fee_asset="BTC")  # fmt: skip
    slot.markets[BTC_MARKET].handle(fill)
    account = slot.markets[OTHER].engine.market.account
    assert account.quote == BTC.money("600") - BID_COST
    assert account.base == 10**6 + 1_000 * BTC.lot_units - 1_000
    assert sides(quote(slot, wire, OTHER, SECOND)) == [(Side.SELL, 999)], "and what it has bought may be sold"
    hold(slot, "5")
    assert account.quote == BTC.money("5"), "the venue's word, which has it all in it"


def test_a_market_is_told_and_decides_with_its_next_event(slot: Slot, wire: Wire) -> None:
    quote(slot, wire, OTHER, SECOND)
    wire.sent.clear()
    slot.markets[BTC_MARKET].handle(tick(SECOND))
    assert not any(isinstance(command, Cancel) for command in wire.sent)
    told = slot.markets[OTHER].engine.market.others
    assert told is not None
    assert told.quote_bound == 20 * 5_994_000 * BTC.tick_lot // BTC.fee_money, "what there was left to bid with"
    assert (told.long, told.short, told.gross) == (0, 0, 0), "no limit counts them together"


def test_paper_markets_have_an_account_each(slot: Slot, wire: Wire) -> None:
    for live in slot.markets.values():
        live.account = PAPER
    hold(slot, "600")
    assert len(quote(slot, wire, BTC_MARKET, SECOND)) == 2
    assert len(quote(slot, wire, OTHER, SECOND)) == 2


@pytest.mark.parametrize(
    ("changes", "base", "quote"),
    [({}, 1, 1), ({"base": "ETH"}, 0, 1), ({"quote": "EUR"}, 1, 0), ({"venue": "elsewhere"}, 0, 0),
     ({"base": "USDT", "quote": "EUR"}, 0, 2)],
)  # fmt: skip
def test_only_the_same_asset_at_the_same_venue_is_shared(changes: dict[str, str], base: int, quote: int) -> None:
    ours, other = trading(layers=1).market, trading(layers=1)
    other.handle(tick(SECOND))
    instrument = structs.replace(BTC, **changes)
    other.market.terms = replace(other.market.terms, limits=limits(instrument=instrument))
    other.market.position.instrument = instrument

    told = others_exposed(ours, [other.market], accounts_of([ours, other.market]), Nanos(1))

    offered = 1_000 * BTC.lot_units
    assert told.base_bound == base * offered
    assert told.quote_bound == {0: 0, 1: BID_COST // BTC.fee_money, 2: offered}[quote]


def test_replayed_inputs_have_what_was_told() -> None:
    assert OthersExposed(time_ns=Nanos(1), long=0, short=0, gross=0).quote_bound == 0, "as older recordings have it"
