"""The situation that orders are judged in: what each adds for the next, prices between ticks, and the words said."""

import pytest
from msgspec.structs import replace

from harness.engines import BTC, FINE, SECOND, limits
from tradingbot_runtime.core.breaches import Breach, BreachReason, Measured, breach
from tradingbot_runtime.core.meters import Meters, Remembered
from tradingbot_runtime.core.risk import Exposure, Refusal, Situation, review
from tradingbot_runtime.core.risk.exposure import across_markets, leverage
from tradingbot_runtime.core.risk.validity import fat_finger
from tradingbot_runtime.model import (
    ForeignOrdersSeen,
    InstrumentType,
    Lots,
    Money,
    Nanos,
    OrderId,
    Place,
    Side,
    Ticks,
    TradingState,
)

MID = 6_000_000
BEFORE = Situation(
    now_ns=Nanos(10 * SECOND), state=TradingState.ACTIVE, feed_age_ns=0, book_valid=True, mid_2=2 * MID, mid_unit=1,
    venue_bid=Ticks(MID - 1), venue_ask=Ticks(MID + 1), position=Lots(0), base=Lots(100_000),
    quote=BTC.money("100000"), buying=Lots(40), selling=Lots(50), buying_cost=Money(700), open_orders=4,
    order_tokens=9, quiet_until_ns=Nanos(0), unanswered=2, messages_today=30, own_bid=Ticks(90), own_ask=Ticks(200),
    placed_ns=Nanos(3),
)  # fmt: skip
COUNTED = ("open_orders", "order_tokens", "unanswered", "messages_today", "placed_ns")
MONEY = ("buying", "buying_cost", "own_bid", "selling", "own_ask")


def order(side: Side, price: int, quantity: int = 10, *, post_only: bool = True) -> Place:
    return Place(order_id=OrderId("o"), side=side, price=Ticks(price), quantity=Lots(quantity), post_only=post_only)


def values(now: Situation, names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(getattr(now, name) for name in names)


@pytest.mark.parametrize("side", Side)
def test_an_approved_order_is_one_more_in_every_count(side: Side) -> None:
    assert values(BEFORE.plus(order(side, 100), 7), COUNTED) == (5, 8, 3, 31, 10 * SECOND)


@pytest.mark.parametrize(
    ("placed", "after"),
    [
        (order(Side.BUY, 100), (50, 700 + 100 * 10 * 7, 100, 50, 200)),
        (order(Side.BUY, 80), (50, 700 + 80 * 10 * 7, 90, 50, 200)),
        (order(Side.SELL, 150), (40, 700, 90, 60, 150)),
        (order(Side.SELL, 250), (40, 700, 90, 60, 200)),
    ],
)
def test_an_approved_order_binds_its_side_and_moves_our_own_best_price(placed: Place, after: tuple[int, ...]) -> None:
    assert values(BEFORE.plus(placed, 7), MONEY) == after


def test_the_first_order_to_sell_is_our_lowest_price() -> None:
    nobody = replace(BEFORE, own_ask=Ticks(0))

    assert nobody.plus(order(Side.SELL, 150), 7).own_ask == 150


def test_orders_of_others_count_on_both_sides() -> None:
    foreign = ForeignOrdersSeen(time_ns=Nanos(1), orders=3, buying=Lots(5), selling=Lots(7), buying_cost=Money(11))
    ours = Exposure(Lots(10), Lots(20), Money(100), 2, lost=1)

    assert ours.beside(foreign) == Exposure(Lots(15), Lots(27), Money(111), 5, lost=1)


def refused(place: Place, now: Situation = BEFORE, **changes: object) -> tuple[Refusal, str] | None:
    found = review([place], now, limits(**changes)).refused
    return (found[0].reason, found[0].message) if found else None


def changed(**changes: object) -> Situation:
    return replace(BEFORE, **changes)


BUY = order(Side.BUY, MID - 600, 1_000)
FREE = changed(own_ask=Ticks(0), own_bid=Ticks(0))


@pytest.mark.parametrize(
    ("now", "allowed", "reason", "message"),
    [
        ({"state": TradingState.FENCED}, {}, Refusal.FENCED, "the slot's Lease has run out"),
        ({"killed": True}, {}, Refusal.KILL_SWITCH, "halted by a person"),
        ({"book_valid": False}, {}, Refusal.BOOK_INVALID, "not known, crossed, or half a reference"),
        ({"order_tokens": 0}, {}, Refusal.RATE, "the message budget is used up"),
        ({"quiet_until_ns": 11 * SECOND}, {}, Refusal.BACKING_OFF, "the latest orders were refused, or did not leave"),
        ({"refused_in_a_row": 1, "unanswered": 1, "placed_ns": 1}, {}, Refusal.BACKING_OFF,
         "one order is out to see whether the venue takes them again"),
        ({"quote": Money(0)}, {}, Refusal.BALANCE, "open orders and this one exceed the balance"),
        ({"only_reducing": "depegged"}, {}, Refusal.REDUCE_ONLY,
         "Buy 1000 lots would not only reduce a position of 0 (depegged)"),
        ({"state": TradingState.REDUCING}, {}, Refusal.REDUCE_ONLY,
         "Buy 1000 lots would not only reduce a position of 0"),
        ({"placed_ns": 10 * SECOND - 1}, {"min_interval_ns": 2}, Refusal.MIN_INTERVAL, "1 ns after the last ones"),
        ({"clock_offset_ns": None}, {"max_clock_drift_ns": 5, "signed": True}, Refusal.CLOCK_DRIFT,
         "the venue's clock was never measured"),
        ({"checked_ns": 7 * SECOND}, {"check_within_ns": SECOND}, Refusal.ACCOUNT_UNCHECKED,
         "last compared with the venue 3000000000 ns ago"),
    ],
)  # fmt: skip
def test_a_refusal_says_in_words_and_numbers_what_stood_against_it(
    now: dict[str, object], allowed: dict[str, object], reason: Refusal, message: str
) -> None:
    told = refused(BUY, changed(**({"own_ask": 0, "own_bid": 0} | now)), **allowed)

    assert told is not None
    assert (told[0], told[1].lower()) == (reason, message.lower())
    assert told[1] == message or told[1].startswith(str(BUY.side)), "only the side's spelling is the model's own"


def test_an_id_that_was_used_is_told_from_one_that_was_not() -> None:
    assert refused(BUY, changed(own_ask=0, own_bid=0, known=lambda used: used == "other")) is None
    assert refused(BUY, changed(own_ask=0, own_bid=0, known=lambda used: used == "o")) is not None


def test_a_perpetual_without_a_limit_on_leverage_is_refused_in_words() -> None:
    perpetual = replace(BTC, type=InstrumentType.PERPETUAL)

    assert refused(BUY, FREE, instrument=perpetual) == (Refusal.LEVERAGE, "a perpetual needs a limit on leverage")


@pytest.mark.parametrize(("passed_ns", "is_too_soon"), [(0, False), (1, True), (9, True), (10, False)])
def test_the_next_orders_come_no_sooner_than_the_interval_after_the_last(passed_ns: int, is_too_soon: bool) -> None:  # noqa: FBT001 - a table's column
    now = changed(own_ask=0, own_bid=0, placed_ns=10 * SECOND - passed_ns)

    assert (refused(BUY, now, min_interval_ns=10) is not None) is is_too_soon


@pytest.mark.parametrize(
    ("now", "allowed", "reason"),
    [
        ({"placed_ns": 10 * SECOND - 1}, {"min_interval_ns": 2}, Refusal.MIN_INTERVAL),
        ({"messages_today": 50}, {"max_messages_per_day": 50}, Refusal.DAILY_MESSAGES),
        ({"cancels_today": 1_001}, {"max_cancels_per_fill": 0}, Refusal.CANCEL_RATIO),
    ],
)
def test_a_quote_that_reduces_is_held_to_what_spares_messages_and_what_closes_the_position_is_not(
    now: dict[str, object], allowed: dict[str, object], reason: Refusal
) -> None:
    """A maker with a position quotes the side that reduces it all day: those messages are counted at the venue, too."""
    short = {"own_ask": 0, "own_bid": 0, "position": -5_000} | now
    told = refused(BUY, changed(**short), **allowed)

    assert told is not None
    assert told[0] is reason
    assert refused(BUY, changed(**short, state=TradingState.HALTED, flattening=True), **allowed) is None


def test_what_was_refused_is_told_with_the_order_itself() -> None:
    assert review([BUY], changed(order_tokens=0, own_ask=0), limits()).refused[0].command is BUY


def between_ticks(**changes: object) -> Situation:
    """A reference of 151 / 14 ticks."""
    return changed(**({"own_ask": 0, "own_bid": 0, "mid_2": 151, "mid_unit": 7, "buying": 0, "selling": 0} | changes))


def test_what_all_markets_could_reach_is_rounded_up_and_told() -> None:
    now, placed = between_ticks(buying=500, others_gross=1_000), order(Side.BUY, 10, 10**9)
    worth = -(-(10**9 + 500) * 151 * FINE.tick_lot // (14 * FINE.fee_money))
    fine: dict[str, object] = {"instrument": FINE, "max_base_exposure": None}

    assert across_markets(placed, now, limits(**fine, max_gross=worth + 1_000)) is None
    told = across_markets(placed, now, limits(**fine, max_gross=worth + 999))
    assert told == (Refusal.MAX_GROSS, f"all markets could reach {worth + 1_000}; {worth + 999} allowed")


def test_a_position_of_one_lot_counts_across_markets_and_what_only_reduces_does_not() -> None:
    allowed = limits(max_base_exposure=0)

    assert across_markets(order(Side.BUY, 10, 1), between_ticks(), allowed) is not None
    assert across_markets(order(Side.BUY, 10, 1), between_ticks(position=-1), allowed) is None


def test_leverage_is_of_the_worst_position_on_the_orders_side_at_a_price_between_ticks() -> None:
    perpetual = replace(FINE, type=InstrumentType.PERPETUAL)
    placed = order(Side.BUY, 10, 1_000)
    least = -(-1_500 * 151 * FINE.tick_lot * 2 // (14 * 5))  # at five to two
    allowed = limits(instrument=perpetual, max_leverage=(5, 2))

    assert leverage(placed, between_ticks(buying=500, equity=least), allowed) is None
    assert leverage(placed, between_ticks(buying=500, equity=least - 1), allowed) is not None


def test_the_distance_from_a_price_between_ticks_is_exact() -> None:
    allowed = limits(max_distance=(3, 40))  # 10.786 ticks less 7.5 % is 9.977, and more is 11.595
    passed = [price for price in range(8, 14) if fat_finger(order(Side.BUY, price), between_ticks(), allowed) is None]

    assert passed == [10, 11]


NOW_NS = 100 * SECOND


@pytest.mark.parametrize(
    ("meters", "allowed", "expected"),
    [
        (Meters(remembered=Remembered(capital=900, best=101), profit=Money(0)), {"max_drawdown": (3, 40)},
         Breach(BreachReason.MAX_DRAWDOWN, "0.00000101 USDT", "0.00000075 USDT")),
        (Meters(recent_loss=Money(101)), {"max_loss_rate": (Money(100), SECOND)},
         Breach(BreachReason.LOSS_RATE, "0.00000101 USDT", "0.000001 USDT")),
        (Meters(clock_offset_ns=2_700_000), {"max_clock_drift_ns": 1_200_000, "signed": True},
         Breach(BreachReason.CLOCK, "2 ms", "1 ms")),
        (Meters(apart_since_ns=Nanos(NOW_NS - 7_700_000)), {"halt_after_ns": 5_200_000},
         Breach(BreachReason.DIVERGENCE, "for 7 ms", "5 ms")),
    ],
)  # fmt: skip
def test_a_breach_says_what_was_measured_and_what_was_allowed_in_whole_units(
    meters: Meters, allowed: dict[str, object], expected: Breach
) -> None:
    assert breach(Measured(Nanos(NOW_NS), meters, Lots(0), opens=True), limits(**allowed)) == expected
