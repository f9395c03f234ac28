"""The day's loss of a bot that is not running at midnight UTC: a real journal, over two lives."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.engines import BTC, engine, tick
from harness.slots import Wire, config, slot_of
from tradingbot_runtime.core.breaches import BreachReason
from tradingbot_runtime.core.meters import DAY_NS
from tradingbot_runtime.core.positions import DailyLoss
from tradingbot_runtime.halt_file import HaltFile
from tradingbot_runtime.model import Lots, Money, Nanos, OrderFilled, OrderId, Side, StateChanged, Ticks, TradingState
from tradingbot_runtime.risk_watch import RiskWatch

BEFORE_NS, AFTER_NS = 20_000 * DAY_NS - 10**9, 20_000 * DAY_NS + 10**9
PRICE, FALLEN = 6_000_000, 5_980_000  # 200 USDT less for a bitcoin


def lived(path: Path, at_ns: int, price: int, *, buys: bool = False) -> tuple[Money, list[str]]:
    """One life with one valuation: the day's loss that it sees, and why it has halted."""
    slot = slot_of(path, Wire(), config(), lambda: Nanos(at_ns))
    market = slot.markets["btc"]
    if buys:
        bought = OrderFilled(time_ns=Nanos(at_ns), order_id=OrderId("o"), trade_id="t", side=Side.BUY,
                             price=Ticks(price), quantity=Lots(60_000), fee=0, fee_asset="BTC")  # fmt: skip
        market.handle(bought)
    market.handle(tick(at_ns, price, price + 2))
    state = market.engine.market
    slot.journal.keep_day(market.ledger, state.daily.day, state.daily.opening)
    RiskWatch(slot, {}, HaltFile(path.parent / "HALT", slot.halts.is_held_by, slot.halted_by_hand)).remember_now()
    reasons = [halt.reason for halt in slot.report().halts]
    slot.journal.close()
    return state.meters.loss_today, reasons


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def test_a_price_that_falls_while_the_bot_is_down_over_midnight_counts_and_halts(path: Path) -> None:
    assert lived(path, BEFORE_NS, PRICE, buys=True)[1] == []
    loss, reasons = lived(path, AFTER_NS, FALLEN)

    assert loss == BTC.money("120")
    assert reasons == [BreachReason.MAX_LOSS]


def test_after_a_day_without_a_valuation_the_day_begins_with_its_own_first_one(path: Path) -> None:
    lived(path, BEFORE_NS, PRICE, buys=True)

    assert lived(path, AFTER_NS + DAY_NS, FALLEN) == (0, [])


def found(path: Path, *fills: tuple[int, Side, int]) -> tuple[Money, list[str]]:
    """A life that has lost its journal, or has an older one: fills are found before anything is valued, then a tick.

    Fills are when, side and price; the tick is at the last one's price and a second later.
    """
    now_ns = fills[-1][0] + 10**9
    slot = slot_of(path, Wire(), config(), lambda: Nanos(now_ns))
    market = slot.markets["btc"]
    market.handle(StateChanged(time_ns=Nanos(now_ns), state=TradingState.STARTING, reason="start"))
    for number, (at_ns, side, price) in enumerate(fills):
        market.handle(OrderFilled(time_ns=Nanos(now_ns), venue_time_ns=Nanos(at_ns), order_id=OrderId(f"f{number}"),
                                  trade_id=f"f{number}", side=side, price=Ticks(price), quantity=Lots(60_000), fee=0,
                                  fee_asset="BTC"))  # fmt: skip
    market.handle(StateChanged(time_ns=Nanos(now_ns), state=TradingState.ACTIVE, reason="passed"))
    price = fills[-1][2]
    market.handle(tick(now_ns, price - 1, price + 1))
    reasons = [halt.reason for halt in slot.report().halts]
    slot.journal.close()
    return market.engine.market.meters.loss_today, reasons


def test_the_loss_of_a_day_whose_trades_are_found_again_counts_and_halts(path: Path) -> None:
    """Else a lost journal gives back the whole of the day's limit."""
    traded = found(path, (AFTER_NS, Side.BUY, PRICE), (AFTER_NS + 10**9, Side.SELL, FALLEN))

    assert traded == (BTC.money("120"), [BreachReason.MAX_LOSS])


def test_what_an_older_journal_lacks_of_former_days_is_no_loss_of_today(path: Path) -> None:
    lived(path, BEFORE_NS - 3 * DAY_NS, PRICE)
    lost_before = (BEFORE_NS - 2 * DAY_NS, Side.BUY, PRICE), (BEFORE_NS - 2 * DAY_NS + 1, Side.SELL, FALLEN)

    assert found(path, *lost_before, (AFTER_NS, Side.BUY, PRICE)) == (0, [])


def test_a_fall_between_the_last_trade_of_a_day_and_the_first_of_the_next_is_the_next_days_loss(path: Path) -> None:
    assert found(path, (BEFORE_NS, Side.BUY, PRICE), (AFTER_NS, Side.SELL, FALLEN))[0] == BTC.money("120")


def test_a_late_fill_of_a_former_day_leaves_todays_loss_as_it_is(path: Path) -> None:
    lived(path, AFTER_NS, PRICE, buys=True)

    assert found(path, (BEFORE_NS, Side.SELL, FALLEN), (AFTER_NS + 10**9, Side.BUY, PRICE))[0] == BTC.money("120")


def test_what_is_found_of_a_former_day_is_not_what_the_next_day_begins_with() -> None:
    daily = DailyLoss()
    daily.loss(5 * DAY_NS, Money(10))
    daily.found(4, Money(-50))

    assert daily.loss(6 * DAY_NS, Money(10)) == 0


def test_the_next_day_begins_with_what_the_latest_trade_of_a_day_has_left() -> None:
    daily = DailyLoss()
    daily.found(5, Money(10))
    daily.found(5, Money(-20))

    assert daily.loss(6 * DAY_NS, Money(-20)) == 0


@pytest.mark.parametrize("terms", [{"hedged": True}, {"hedge": object()}, {"reference_is_venue": False}])
def test_what_a_fill_cannot_value_it_does_not(terms: dict[str, Any]) -> None:
    """A hedged market without its hedge, whose trades are found apart; a market whose reference has another price."""
    market = engine().market
    bought = OrderFilled(time_ns=Nanos(AFTER_NS), order_id=OrderId("o"), trade_id="t", side=Side.BUY,
                         price=Ticks(PRICE), quantity=Lots(60_000), fee=0, fee_asset="BTC")  # fmt: skip
    market.value_day(bought)
    assert market.daily.day == AFTER_NS // DAY_NS
    market.daily, market.terms = DailyLoss(), replace(market.terms, **terms)

    market.value_day(bought)

    assert market.daily == DailyLoss()


def test_a_restart_on_the_same_day_goes_on_with_its_opening(path: Path) -> None:
    lived(path, BEFORE_NS - 10**9, PRICE, buys=True)

    assert lived(path, BEFORE_NS, FALLEN)[0] == BTC.money("119.994"), "from what it had before it bought"
