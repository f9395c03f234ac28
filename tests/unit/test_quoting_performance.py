"""What the quoting earns: markouts, the exact parts of the profit, fill ratio, uptime; bounded, and by event times."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engines import BTC, SECOND, accept, tick, trading
from tradingbot_runtime.core.analytics import HORIZONS, Mark, Markout
from tradingbot_runtime.core.analytics.markout import MOST_PENDING, Markouts, Traded
from tradingbot_runtime.core.analytics.performance import LAYERS_KEPT, Performance
from tradingbot_runtime.core.hedging import HedgeTerms
from tradingbot_runtime.core.quoting import Quote
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.inputs.snapshot import differences, market_of, state_of
from tradingbot_runtime.model import (
    ClockMeasured,
    FeedLost,
    Lots,
    Nanos,
    OrderFilled,
    OrderId,
    Place,
    Side,
    StateChanged,
    Ticks,
    TimePassed,
    TradingState,
)

MS = 1_000_000
START = 10 * SECOND
UNIT = BTC.tick_lot


def quoting(bid: int = 6_000_000) -> tuple[Engine, list[Place]]:
    """An engine whose ladder of two layers rests, and its orders: inner bid, inner ask, outer bid, outer ask."""
    made = trading(START)
    made.handle(tick(START, bid, bid + 2))
    commands = [approved.command for approved in made.handle(tick(START + MS, bid, bid + 2))]
    orders = list(made.market.orders)
    assert commands == []
    for order in orders:
        made.handle(accept(order.id, START + 2 * MS))
    return made, [Place(order_id=o.id, side=o.side, price=o.price, quantity=o.quantity) for o in orders]


def fill_of(order: Place, now_ns: int, quantity: int = 10, trade_id: str = "t", **changes: Any) -> OrderFilled:  # noqa: ANN401 - fields
    usual: dict[str, Any] = {"fee": 0, "fee_asset": "USDT"}
    return OrderFilled(
        time_ns=Nanos(now_ns), order_id=order.order_id, trade_id=trade_id, side=order.side, price=order.price,
        quantity=Lots(quantity), **(usual | changes),
    )  # fmt: skip


def inner(orders: Iterable[Place], side: Side) -> Place:
    return min((o for o in orders if o.side is side), key=lambda o: -side.sign * o.price)


def outer(orders: Iterable[Place], side: Side) -> Place:
    return max((o for o in orders if o.side is side), key=lambda o: -side.sign * o.price)


def gains(made: Engine, series: str) -> list[int]:
    """In ticks times lots, one for each horizon."""
    return [markout.gain // UNIT for markout in made.market.performance.markouts.sums[series]]


def test_a_fill_is_marked_at_the_mid_that_stood_at_each_horizon_and_not_at_the_tick_after_it() -> None:
    made, orders = quoting()
    bid = inner(orders, Side.BUY)
    filled_ns = START + SECOND
    made.handle(tick(filled_ns - MS, 6_000_000, 6_000_002))
    made.handle(fill_of(bid, filled_ns, 10))
    mids = {0: 6_000_001, 100: 6_000_011, 1_000: 5_999_991, 10_000: 6_000_101, 60_000: 6_000_201}
    for after_ms, mid in mids.items():
        if after_ms:
            made.handle(tick(filled_ns + after_ms * MS - MS, mid - 1, mid + 1))
        made.handle(tick(filled_ns + after_ms * MS + MS, mid + 500, mid + 502))  # too late to count

    assert gains(made, "buy/1") == [10 * (mid - bid.price) for mid in mids.values()]
    assert [m.fills for m in made.market.performance.markouts.sums["buy/1"]] == [1] * len(HORIZONS)
    assert made.market.performance.markouts.missed == 0


def test_a_sale_gains_when_the_market_falls_and_layers_and_sides_are_told_apart() -> None:
    made, orders = quoting()
    ask, far_ask = inner(orders, Side.SELL), outer(orders, Side.SELL)
    made.handle(fill_of(ask, START + 3 * MS, 10))
    made.handle(fill_of(far_ask, START + 3 * MS, 5, "u"))
    made.handle(tick(START + 50 * MS, 5_999_900, 5_999_902))
    made.handle(tick(START + 200 * MS, 5_999_900, 5_999_902))

    assert gains(made, "sell/1")[:2] == [10 * (ask.price - 6_000_001), 10 * (ask.price - 5_999_901)]
    assert gains(made, "sell/2")[:2] == [5 * (far_ask.price - 6_000_001), 5 * (far_ask.price - 5_999_901)]


def test_time_alone_settles_in_a_quiet_market_and_without_a_mid_a_markout_is_missed_and_not_invented() -> None:
    made, orders = quoting()
    made.handle(fill_of(inner(orders, Side.BUY), START + 3 * MS))
    made.handle(TimePassed(time_ns=Nanos(START + 104 * MS)))
    assert [m.fills for m in made.market.performance.markouts.sums["buy/1"]] == [1, 1, 0, 0, 0]

    made.handle(FeedLost(time_ns=Nanos(START + 500 * MS), feed="reference", reason="Closed"))
    made.handle(TimePassed(time_ns=Nanos(START + 2 * SECOND)))
    made.handle(tick(START + 3 * SECOND))
    made.handle(tick(START + 50 * SECOND))  # the mid at 10 s is not known: there was no tick for 47 s

    assert [m.fills for m in made.market.performance.markouts.sums["buy/1"]] == [1, 1, 0, 0, 0]
    assert made.market.performance.markouts.missed == 2


def test_a_fill_that_was_told_late_has_no_markout_and_no_spread() -> None:
    made, orders = quoting()
    bid = inner(orders, Side.BUY)
    made.handle(ClockMeasured(time_ns=Nanos(START), offset_ns=100 * SECOND))
    now_ns = START + 3 * MS
    made.handle(fill_of(bid, now_ns, trade_id="prompt", venue_time_ns=now_ns + 100 * SECOND - 900 * MS))
    made.handle(fill_of(bid, now_ns, trade_id="late", venue_time_ns=now_ns + 100 * SECOND - 1_100 * MS))
    made.handle(StateChanged(time_ns=Nanos(now_ns), state=TradingState.RECONCILING, reason="Reconnected"))
    made.handle(fill_of(bid, now_ns, trade_id="found"))

    assert made.market.performance.markouts.sums["buy/1"][0].fills == 1
    assert made.market.performance.capture.spread == 10 * (6_000_001 - bid.price) * UNIT
    assert made.market.performance.late_fills == 2
    assert made.market.performance.fill_ratio.filled == {Side.BUY: 30}


def test_a_trade_that_is_told_twice_is_measured_once() -> None:
    made, orders = quoting()
    for _ in range(3):
        made.handle(fill_of(inner(orders, Side.BUY), START + 3 * MS))

    assert made.market.performance.markouts.sums["buy/1"][0].fills == 1
    assert made.market.performance.fill_ratio.filled == {Side.BUY: 10}


def test_what_waits_for_a_markout_is_bounded_and_what_is_dropped_is_counted() -> None:
    markouts, mark = Markouts(), Mark(2 * 100, 1, UNIT, Nanos(0))
    for number in range(MOST_PENDING + 7):
        markouts.traded(Traded(Nanos(number), "buy/1", Lots(1), Ticks(100)), mark)

    assert [len(queue) for queue in markouts.waiting] == [MOST_PENDING] * 4
    assert markouts.missed == 4 * 7


def test_the_memory_of_layers_is_bounded_and_a_forgotten_layer_is_unknown() -> None:
    made = Performance()
    quotes = [Quote(Side.BUY, Ticks(100), Lots(1)), Quote(Side.BUY, Ticks(90), Lots(1))]
    for number in range(LAYERS_KEPT + 1):
        place = Place(order_id=OrderId(f"o{number}"), side=Side.BUY, price=Ticks(90), quantity=Lots(1))
        made.placed([place], quotes)
    assert len(made.layers) == LAYERS_KEPT

    for number in (0, 1):
        place = Place(order_id=OrderId(f"o{number}"), side=Side.BUY, price=Ticks(90), quantity=Lots(1))
        made.filled(fill_of(place, 1, trade_id=str(number)), Mark(200, 1, UNIT, Nanos(1)), is_late=False)
    assert set(made.markouts.sums) == {"buy/unknown", "buy/2"}


prices = st.integers(1_000, 1_100)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("tick"), prices, st.integers(1, 9)),
        st.tuples(st.just("fill"), st.sampled_from(Side), st.integers(1, 50), prices, st.integers(0, 1_000),
                  st.sampled_from(["USDT", "BTC"])),
        st.tuples(st.just("late"), st.sampled_from(Side), st.integers(1, 50), prices),
        st.tuples(st.just("lost")),
    ),
    max_size=60,
)  # fmt: skip


@given(steps, st.sampled_from([(1, 1), (3, 7), (10, 1)]))
def test_spread_inventory_and_fees_are_the_profit_to_the_last_unit(
    story: list[tuple[Any, ...]], ratio: tuple[int, int]
) -> None:
    made = trading(START, max_position=Lots(10**9), max_divergence=None)
    market = made.market
    market.terms = replace(market.terms, reference_numerator=ratio[0], reference_denominator=ratio[1])
    market.apply(fill_of(Place(order_id=OrderId("w"), side=Side.BUY, price=Ticks(1_000), quantity=Lots(7)), START,
                         fee=123, fee_asset="BTC"))  # fmt: skip
    market.apply(tick(START, 1_050, 1_052))
    market.apply(TimePassed(time_ns=Nanos(START)))
    opening = market.profit
    spread = inventory = Fraction(0)
    last_mid, now_ns, fills = _mid(market), START, 0
    for number, (kind, *rest) in enumerate(story):
        now_ns += MS
        before = market.position.lots
        if kind == "tick":
            market.apply(tick(now_ns, rest[0], rest[0] + rest[1]))
        elif kind == "lost":
            market.apply(FeedLost(time_ns=Nanos(now_ns), feed="reference", reason="Closed"))
        else:
            side, quantity, price = rest[:3]
            fee, asset = rest[3:] if kind == "fill" else (0, "")
            venue_time_ns = 1 if kind == "late" else 0
            fill = OrderFilled(
                time_ns=Nanos(now_ns), order_id=OrderId("x"), trade_id=str(number), side=side, price=Ticks(price),
                quantity=Lots(quantity), fee=fee, fee_asset=asset, venue_time_ns=venue_time_ns,
            )  # fmt: skip
            fills += 1
            if kind == "fill" and market.reference.is_valid:
                spread += side.sign * quantity * (last_mid - price) * UNIT
            else:
                inventory += side.sign * quantity * (last_mid - price) * UNIT
            market.apply(fill)
        if market.reference.is_valid:
            inventory += before * (_mid(market) - last_mid) * UNIT
            last_mid = _mid(market)
        if market.mark.mid_2:
            parts = market.performance.capture.parts(market.position, market.mark)
            assert sum(parts) == market.profit - opening
            assert abs(parts.spread - spread) <= fills
            assert abs(parts.inventory - inventory) <= fills + 2
            if ratio[1] == 1:  # every mid is a whole number of money units: no rounding anywhere
                assert (Fraction(parts.spread), Fraction(parts.inventory)) == (spread, inventory)


def _mid(market: Any) -> Fraction:  # noqa: ANN401 - a Market
    return Fraction(market.mid_2, 2 * market.terms.reference_denominator)


def test_uptime_is_the_time_that_quotes_rested_within_the_distance_on_both_sides_or_on_either() -> None:
    made, orders = quoting()  # inner quotes at 10 bps, outer ones at 15
    look_ns = START + SECOND
    made.handle(TimePassed(time_ns=Nanos(look_ns)))
    look_ns += 100 * MS
    made.handle(TimePassed(time_ns=Nanos(look_ns)))
    uptime = made.market.performance.uptime
    assert (uptime.observed_ns, uptime.within_ns) == (
        100 * MS, {"both": [0, 0, 100 * MS, 100 * MS, 100 * MS], "either": [0, 0, 100 * MS, 100 * MS, 100 * MS]},
    )  # fmt: skip

    for order in (o for o in orders if o.side is Side.SELL):
        made.market.apply(fill_of(order, look_ns, order.quantity, order.order_id))
    look_ns += 100 * MS
    made.market.apply(TimePassed(time_ns=Nanos(look_ns)))
    assert (uptime.observed_ns, uptime.within_ns["both"][2], uptime.within_ns["either"][2]) == (
        200 * MS, 100 * MS, 200 * MS,
    )  # fmt: skip

    look_ns += 2 * SECOND
    made.market.apply(tick(look_ns))
    made.market.apply(TimePassed(time_ns=Nanos(look_ns)))  # the process stood still: who knows what rested
    assert (uptime.observed_ns, uptime.within_ns["either"][2]) == (2_200 * MS, 200 * MS)


def test_neither_a_leaving_order_nor_an_old_mid_is_uptime() -> None:
    made, orders = quoting()
    made.handle(TimePassed(time_ns=Nanos(START + 100 * MS)))
    uptime = made.market.performance.uptime
    for number in range(1, 40):  # the feed is silent from here on, and stale after three seconds
        made.market.apply(TimePassed(time_ns=Nanos(START + 100 * MS * (number + 1))))
    assert (uptime.observed_ns, uptime.within_ns["both"][2]) == (3_900 * MS, 2_900 * MS)

    made.market.apply(tick(START + 4_000 * MS))
    for order in orders:
        made.market.orders.cancel_sent(order.order_id)
    made.market.apply(TimePassed(time_ns=Nanos(START + 4_100 * MS)))
    assert (uptime.observed_ns, uptime.within_ns["either"][2]) == (4_000 * MS, 2_900 * MS)


@pytest.mark.parametrize("state", TradingState)
def test_time_in_which_nobody_expects_quotes_is_not_observed_at_all(state: TradingState) -> None:
    """Or a resume is followed by an alert about the time before it."""
    made, _ = quoting()
    made.handle(TimePassed(time_ns=Nanos(START + 100 * MS)))
    made.market.apply(StateChanged(time_ns=Nanos(START + 100 * MS), state=state, reason="Wanted"))
    made.market.apply(TimePassed(time_ns=Nanos(START + 200 * MS)))

    uptime, quiet = made.market.performance.uptime, {"Reducing", "Stopped", "Drained", "Halted"}
    spent = 0 if state in quiet else 100 * MS
    assert (uptime.observed_ns, uptime.within_ns["both"][2], uptime.within_ns["either"][2]) == (spent,) * 3

    made.market.apply(StateChanged(time_ns=Nanos(START + 200 * MS), state=TradingState.ACTIVE, reason="Trading"))
    made.market.apply(TimePassed(time_ns=Nanos(START + 300 * MS)))
    assert (uptime.observed_ns, uptime.within_ns["both"][2]) == (spent + 100 * MS,) * 2


def test_a_hedge_rests_nowhere_and_owes_no_quotes() -> None:
    made, _ = quoting()
    made.market.follow(replace(made.market.terms, hedge=HedgeTerms(BTC, (1, 100), SECOND, Lots(1))))
    made.market.apply(TimePassed(time_ns=Nanos(START + 100 * MS)))
    made.market.apply(TimePassed(time_ns=Nanos(START + 200 * MS)))
    assert made.market.performance.uptime.observed_ns == 0


def test_an_order_counts_as_rested_once_and_only_when_the_venue_has_had_it() -> None:
    made, orders = quoting()
    made.handle(accept(orders[0].order_id, START + 3 * MS))
    rested = {side: sum(o.quantity for o in orders if o.side is side) for side in Side}
    assert made.market.performance.fill_ratio.rested == rested

    assert made.handle(tick(START + 4 * MS, 6_100_000, 6_100_002))
    assert made.market.performance.fill_ratio.rested == rested  # nobody has acknowledged the new ones yet


def test_what_is_measured_survives_new_terms_and_a_snapshot() -> None:
    made, orders = quoting()
    made.handle(fill_of(inner(orders, Side.BUY), START + 3 * MS))
    made.handle(TimePassed(time_ns=Nanos(START + 4 * MS)))
    back = market_of(state_of(made.market), made.market.terms)
    assert differences(made.market, back) == {}

    made.market.terms = replace(made.market.terms)
    made.handle(tick(START + 5 * MS))
    assert made.market.performance.markouts.sums["buy/1"][0].fills == 1

    assert back.performance.markouts.waiting[0][0].series == "buy/1"
    back.apply(tick(START + SECOND // 2))
    assert back.performance.markouts.sums["buy/1"][1].fills == 1


def test_sums_of_markouts_add_up() -> None:
    one = Markout(gain=3, notional=10, fills=1)  # type: ignore[arg-type]
    assert one + one == Markout(gain=6, notional=20, fills=2)  # type: ignore[arg-type]
