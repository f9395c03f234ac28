"""What an approved order adds to the situation that the next one is judged in, and what others' orders add."""

import pytest

from harness.engines import BTC, SECOND, limits
from tradingbot_runtime.core.risk import Exposure, Refusal, Situation, review
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
    nobody = Situation(**{name: getattr(BEFORE, name) for name in BEFORE.__struct_fields__} | {"own_ask": Ticks(0)})

    assert nobody.plus(order(Side.SELL, 150), 7).own_ask == 150


def test_orders_of_others_count_on_both_sides() -> None:
    foreign = ForeignOrdersSeen(time_ns=Nanos(1), orders=3, buying=Lots(5), selling=Lots(7), buying_cost=Money(11))
    ours = Exposure(Lots(10), Lots(20), Money(100), 2, lost=1)

    assert ours.beside(foreign) == Exposure(Lots(15), Lots(27), Money(111), 5, lost=1)


def refused(place: Place, now: Situation = BEFORE, **changes: object) -> tuple[Refusal, str] | None:
    found = review([place], now, limits(**changes)).refused
    return (found[0].reason, found[0].message) if found else None


def changed(**changes: object) -> Situation:
    return Situation(**{name: getattr(BEFORE, name) for name in BEFORE.__struct_fields__} | changes)


BUY = order(Side.BUY, MID - 600, 1_000)
FREE = changed(own_ask=Ticks(0), own_bid=Ticks(0))


@pytest.mark.parametrize(
    ("now", "allowed", "reason", "message"),
    [
        ({"order_tokens": 0}, {}, Refusal.RATE, "the message budget is used up"),
        ({"quiet_until_ns": 11 * SECOND}, {}, Refusal.BACKING_OFF, "the venue refused the latest orders"),
        ({"refused_in_a_row": 1, "unanswered": 1, "placed_ns": 1}, {}, Refusal.BACKING_OFF,
         "one order is out to see whether the venue takes them again"),
        ({"quote": Money(0)}, {}, Refusal.BALANCE, "open orders and this one exceed the balance"),
        ({"only_reducing": "depegged"}, {}, Refusal.REDUCE_ONLY,
         "Buy 1000 lots would not only reduce a position of 0 (depegged)"),
        ({"state": TradingState.REDUCING}, {}, Refusal.REDUCE_ONLY,
         "Buy 1000 lots would not only reduce a position of 0"),
        ({"placed_ns": 10 * SECOND - 1}, {"min_interval_ns": 2}, Refusal.MIN_INTERVAL, "1 ns after the last ones"),
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
    perpetual = type(BTC)(**{n: getattr(BTC, n) for n in BTC.__struct_fields__} | {"type": InstrumentType.PERPETUAL})

    assert refused(BUY, FREE, instrument=perpetual) == (Refusal.LEVERAGE, "a perpetual needs a limit on leverage")


@pytest.mark.parametrize(("passed_ns", "is_too_soon"), [(0, False), (1, True), (9, True), (10, False)])
def test_the_next_orders_come_no_sooner_than_the_interval_after_the_last(passed_ns: int, is_too_soon: bool) -> None:  # noqa: FBT001 - a table's column
    now = changed(own_ask=0, own_bid=0, placed_ns=10 * SECOND - passed_ns)

    assert (refused(BUY, now, min_interval_ns=10) is not None) is is_too_soon
