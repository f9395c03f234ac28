"""What was measured of a market, as series and as reported to the operator: exact, and never too many series."""

from decimal import Decimal

from harness.engines import BTC, SECOND, accept, tick, trading
from tradingbot_runtime.core.analytics.markout import HORIZONS
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.metric_families import MOST_SERIES
from tradingbot_runtime.model import Lots, Nanos, OrderFilled, TimePassed
from tradingbot_runtime.model.control import MARKOUT_HORIZON, QuotingReport
from tradingbot_runtime.orders_counted import OrdersCounted
from tradingbot_runtime.performance_readings import performance
from tradingbot_runtime.quoting_reports import quoting_report
from tradingbot_runtime.telemetry import metrics

TENTH = SECOND // 10


def bought_ten() -> Market:
    """A market whose inner bid was filled with ten lots, and whose price fell by ten ticks."""
    made = trading(1)
    made.handle(tick(TENTH))
    made.handle(TimePassed(time_ns=Nanos(TENTH + 1)))
    order = max((o for o in made.market.orders if o.side == "buy"), key=lambda o: o.price)
    for other in list(made.market.orders):
        made.handle(accept(other.id, TENTH + 2))
    made.handle(OrderFilled(
        time_ns=Nanos(TENTH + 3), order_id=order.id, trade_id="t", side=order.side, price=order.price,
        quantity=Lots(10), fee=1_000, fee_asset="USDT",
    ))  # fmt: skip
    made.market.apply(tick(TENTH + 4, 5_999_990, 5_999_992))
    made.market.apply(TimePassed(time_ns=Nanos(2 * TENTH + 3)))
    return made.market


def test_what_was_measured_comes_out_in_the_units_of_people() -> None:
    market = bought_ten()
    found = performance({"btc": market})
    price = Decimal(max(o.price for o in [*market.orders, *market.orders.closed.values()] if o.side == "buy"))
    quantity = BTC.lot_size * 10
    spread = (6_000_001 - price) * BTC.tick_size * quantity

    assert found[metrics.MARKOUT]["btc", "buy", "0s"] == spread
    assert found[metrics.MARKOUT]["btc", "buy", "100ms"] == (5_999_991 - price) * BTC.tick_size * quantity
    assert found[metrics.MARKOUT_NOTIONAL]["btc", "buy", "100ms"] == price * BTC.tick_size * quantity
    assert found[metrics.MARKOUT_NOTIONAL]["btc", "buy", "1s"] == 0
    assert found[metrics.PNL_PART] == {
        ("btc", "spread"): spread,
        ("btc", "inventory"): -10 * BTC.tick_size * quantity,
        ("btc", "fees"): Decimal("-0.00001"),
    }
    assert found[metrics.FILLED] == {("btc", "buy"): quantity, ("btc", "sell"): 0}
    assert found[metrics.RESTED]["btc", "buy"] == Decimal("0.02")
    assert found[metrics.QUOTE_OBSERVED] == {("btc",): Decimal("0.100000002")}
    assert found[metrics.QUOTE_UPTIME]["btc", "both", "25"] == Decimal("0.100000002")


def test_a_slot_of_many_markets_keeps_every_market() -> None:
    market = bought_ten()
    many = performance({f"m{number}": market for number in range(50)})

    assert {labels[0] for labels in many[metrics.MARKOUT]} == {f"m{number}" for number in range(50)}
    assert all(len(values) <= MOST_SERIES for values in many.values())
    assert 50 * 2 * len(HORIZONS) <= MOST_SERIES, "fifty markets in a slot is what a bot may have"


def test_without_a_mid_the_profits_parts_are_not_told() -> None:
    assert performance({"btc": trading(1).market})[metrics.PNL_PART] == {}


def test_the_operator_is_told_the_sums_of_all_layers_and_sides() -> None:
    market = bought_ten()
    found = performance({"btc": market})
    orders = OrdersCounted()
    orders.outcomes |= {"PlaceSent": 4, "ReplaceSent": 3, "OrderRejected": 2, "OrderAccepted": 5}
    orders.messages["CancelSent"] = 9

    before = quoting_report(market, orders)
    market.apply(tick(10 * SECOND, 5_999_990, 5_999_992))
    market.apply(TimePassed(time_ns=Nanos(11 * SECOND)))
    after = quoting_report(market, orders)

    turnover = found[metrics.MARKOUT_NOTIONAL]["btc", "buy", "0s"]
    assert isinstance(turnover, Decimal)
    profit = sum(part for part in found[metrics.PNL_PART].values() if isinstance(part, Decimal))
    assert before == QuotingReport(
        orders=7, refused=2, fills=1, turnover=f"{turnover:f}", profit=f"{profit:f}", marked=0,
        marked_turnover="0.00000000", markout="0.00000000",
    )  # fmt: skip
    assert after
    assert (after.marked, Decimal(after.marked_turnover)) == (1, turnover)
    assert Decimal(after.markout) == found[metrics.MARKOUT]["btc", "buy", "100ms"], "the mid has not moved since"
    assert MARKOUT_HORIZON in HORIZONS


def test_before_there_was_a_mid_the_operator_is_told_nothing() -> None:
    assert quoting_report(trading(1).market, OrdersCounted()) is None
