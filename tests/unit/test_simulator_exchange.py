"""The exchange's core: money is conserved exactly, refusals come in order, the account hears everything."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.examples import examples
from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.accounts import Account, Commission
from tradingbot_runtime.simulator.amounts import ATOMS, BadAmount, amount_text, parse_amount
from tradingbot_runtime.simulator.binance_json import account_event
from tradingbot_runtime.simulator.exchange import Exchange
from tradingbot_runtime.simulator.instruments import LISTINGS, listing
from tradingbot_runtime.simulator.market_events import DepthSnapshot, TopChanged, TradePrinted
from tradingbot_runtime.simulator.matching import TimeInForce
from tradingbot_runtime.simulator.orders import NewOrder, Order, OrderStatus, OrderType, Trade
from tradingbot_runtime.simulator.refusals import Refusal

BTC = listing("BTCUSDT")
BID, ASK = 6_000_000, 6_000_100  # ticks of 0.01
DEEP = Lots(300_000)


def exchange_with_book(usdt: int = 100_000, btc: int = 2, history: int = 1000) -> Exchange:
    account = Account({"USDT": usdt * ATOMS, "BTC": btc * ATOMS}, Commission(maker=1000, taker=1500))
    exchange = Exchange([BTC], account, first_id=1, history=history)
    levels = range(10)
    exchange.on_market(
        DepthSnapshot(
            symbol="BTCUSDT",
            time_ns=0,
            last_id=1,
            bids=tuple((Ticks(BID - i), DEEP) for i in levels),
            asks=tuple((Ticks(ASK + i), DEEP) for i in levels),
        ),
        0,
    )
    exchange.drain_events()
    return exchange


def request(side: Side, price: int | None, lots: int, client_id: str = "", **options: object) -> NewOrder:
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    limit = None if price is None else Ticks(price)
    fields = {"type": kind, "time_in_force": TimeInForce.GTC, **options}
    return NewOrder(listing=BTC, side=side, price=limit, lots=Lots(lots), client_id=client_id, **fields)  # type: ignore[arg-type]  # the options are the tests' own


def prints(exchange: Exchange, price: int, lots: int, *, buyer_is_maker: bool) -> None:
    exchange.on_market(
        TradePrinted(
            symbol="BTCUSDT",
            time_ns=0,
            trade_id=1,
            price=Ticks(price),
            lots=Lots(lots),
            buyer_is_maker=buyer_is_maker,
        ),
        1,
    )


def refusal_of(exchange: Exchange, order: NewOrder) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        exchange.place(order, 1)
    return caught.value.code, caught.value.message


def test_a_resting_bid_locks_its_cost_and_a_cancel_gives_it_back() -> None:
    exchange = exchange_with_book()
    order, trades = exchange.place(request(Side.BUY, BID - 5, 10_000), 1)
    usdt = exchange.account.balance("USDT")
    assert not trades
    assert usdt.locked == (BID - 5) * 10_000 * BTC.instrument.tick_lot
    exchange.cancel(order, "c", 2)
    assert (usdt.free, usdt.locked) == (100_000 * ATOMS, 0)


def test_a_fill_pays_the_price_and_takes_the_commission_from_what_is_received() -> None:
    exchange = exchange_with_book()
    order, _ = exchange.place(request(Side.BUY, BID, 100_000), 1)
    prints(exchange, BID - 1, 100_000, buyer_is_maker=True)
    assert order.status is OrderStatus.FILLED
    assert exchange.account.balance("BTC").free == 3 * ATOMS - ATOMS * 1000 // 1_000_000
    assert exchange.account.balance("USDT").free == (100_000 - 60_000) * ATOMS
    assert exchange.account.fees == {"BTC": 100_000}


def test_a_limit_order_that_trades_at_a_better_price_gets_the_difference_back() -> None:
    exchange = exchange_with_book()
    exchange.place(request(Side.BUY, ASK + 9, 1_000), 1)
    usdt = exchange.account.balance("USDT")
    assert usdt.locked == 0
    assert usdt.free == 100_000 * ATOMS - ASK * 1_000 * BTC.instrument.tick_lot


def test_a_market_buy_for_an_amount_of_quote_never_spends_more() -> None:
    exchange = exchange_with_book()
    order, trades = exchange.place(request(Side.BUY, None, 0, quote_atoms=1000 * ATOMS), 1)
    assert order.status is OrderStatus.FILLED
    assert 0 <= 1000 * ATOMS - order.spent < ASK * BTC.instrument.tick_lot
    assert sum(trade.lots for trade in trades) == order.executed


@pytest.mark.parametrize(
    ("order", "code", "message"),
    [
        (request(Side.BUY, BID, 0), -1013, "Filter failure: LOT_SIZE"),
        (request(Side.BUY, BID, 10**12), -1013, "Filter failure: LOT_SIZE"),
        (request(Side.BUY, BID // 10, 1_000), -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        (request(Side.BUY, BID, 8), -1013, "Filter failure: NOTIONAL"),
        (request(Side.BUY, BID, 1_000, "twice"), -2010, "Duplicate order sent."),
        (
            request(Side.BUY, ASK, 1_000, type=OrderType.LIMIT_MAKER),
            -2010,
            "Order would immediately match and take.",
        ),
        (request(Side.BUY, BID, 400_000), -2010, "Account has insufficient balance for requested action."),
        (request(Side.SELL, ASK, 400_000), -2010, "Account has insufficient balance for requested action."),
        (request(Side.BUY, None, 400_000), -2010, "Account has insufficient balance for requested action."),
    ],
)
def test_a_refused_order_says_why_and_changes_nothing(order: NewOrder, code: int, message: str) -> None:
    exchange = exchange_with_book()
    exchange.place(request(Side.BUY, BID - 9, 1_000, "twice"), 1)
    before = (exchange.history.placed, amounts(exchange))
    assert refusal_of(exchange, order) == (code, message)
    assert (exchange.history.placed, amounts(exchange)) == before


def test_a_client_order_id_may_be_used_again_once_its_order_is_closed() -> None:
    exchange = exchange_with_book()
    order, _ = exchange.place(request(Side.BUY, BID, 1_000, "id"), 1)
    exchange.cancel(order, "c", 2)
    again, _ = exchange.place(request(Side.BUY, BID, 1_000, "id"), 3)
    assert exchange.find(BTC, None, "id") is again


def test_self_trade_prevention_expires_the_resting_order_and_frees_its_money() -> None:
    exchange = exchange_with_book()
    resting, _ = exchange.place(request(Side.SELL, ASK - 50, 1_000), 1)
    exchange.place(request(Side.BUY, ASK - 50, 1_000), 2)
    assert resting.status is OrderStatus.EXPIRED_IN_MATCH
    assert exchange.account.balance("BTC").locked == 0
    assert "TRADE_PREVENTION" in [account_event(event).get("x") for event in exchange.drain_events()]


def test_the_account_hears_every_change_in_order() -> None:
    exchange = exchange_with_book()
    order, _ = exchange.place(request(Side.BUY, BID, 2_000), 1)
    prints(exchange, BID - 1, 500, buyer_is_maker=True)
    exchange.cancel(order, "the cancel", 2)
    events = [account_event(event) for event in exchange.drain_events()]
    reports = [event for event in events if event["e"] == "executionReport"]
    assert [(r["x"], r["X"], r["z"]) for r in reports] == [
        ("NEW", "NEW", "0.00000000"),
        ("TRADE", "PARTIALLY_FILLED", "0.00500000"),
        ("CANCELED", "CANCELED", "0.00500000"),
    ]
    assert (reports[2]["c"], reports[2]["C"]) == ("the cancel", order.client_id)
    assert [event["e"] for event in events].count("outboundAccountPosition") == 3


def test_history_forgets_only_closed_orders() -> None:
    exchange = exchange_with_book(history=5)
    resting, _ = exchange.place(request(Side.BUY, BID - 9, 1_000, "stays"), 1)
    for number in range(20):
        order, _ = exchange.place(request(Side.BUY, BID, 1_000, f"o{number}"), 1)
        exchange.cancel(order, "c", 2)
    assert len(list(exchange.history)) == 6
    assert exchange.find(BTC, None, "stays") is resting
    assert exchange.find(BTC, None, "o3") is None


def test_a_top_that_is_older_than_the_book_changes_nothing() -> None:
    exchange = exchange_with_book()
    old = TopChanged(symbol="BTCUSDT", time_ns=0, update_id=1, bid=(Ticks(1), Lots(1)), ask=(Ticks(2), Lots(1)))
    exchange.on_market(old, 1)
    assert exchange.book("BTCUSDT").bids.best() == BID
    assert exchange.book("BTCUSDT").stale_tops == 1


@pytest.mark.parametrize("text", ["", ".", "-1", "1e5", "0x10", "NaN", "Infinity", " 1", "1 ", "+1", "1_000", "٣"])
def test_an_amount_that_is_not_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(BadAmount):
        parse_amount(text)


@given(st.integers(0, 10**18))
def test_amounts_survive_the_wire_exactly(atoms: int) -> None:
    assert parse_amount(amount_text(atoms)) == atoms
    assert Decimal(amount_text(atoms)) == Decimal(atoms) / ATOMS


def test_every_listing_is_exact_in_atoms() -> None:
    for entry in LISTINGS:
        assert entry.tick_atoms * entry.lot_atoms == entry.instrument.tick_lot * ATOMS


step = st.tuples(
    st.sampled_from(["limit", "limit", "market", "quote", "cancel", "trade", "top"]),
    st.sampled_from(list(Side)),
    st.integers(-30, 30),
    st.integers(100, 150_000),
    st.sampled_from(list(TimeInForce)),
)


def act(exchange: Exchange, action: str, side: Side, offset: int, lots: int, force: TimeInForce) -> None:
    price = BID + 50 + offset * 5
    if action == "limit":
        exchange.place(request(side, price, lots, time_in_force=force), 1)
    elif action == "market":
        exchange.place(request(side, None, lots), 1)
    elif action == "quote":
        exchange.place(request(Side.BUY, None, 0, quote_atoms=lots * ATOMS // 10), 1)
    elif action == "cancel":
        for order in exchange.history.open_orders()[: lots % 3]:
            exchange.cancel(order, "c", 1)
    elif action == "trade":
        prints(exchange, price, lots, buyer_is_maker=side is Side.BUY)
    else:
        top = (Ticks(price), Lots(lots)), (Ticks(price + 1), Lots(lots))
        number = exchange.book("BTCUSDT").update_id + 1
        exchange.on_market(TopChanged(symbol="BTCUSDT", time_ns=0, update_id=number, bid=top[0], ask=top[1]), 1)


@settings(max_examples=examples(150))
@given(st.lists(step, max_size=40))
def test_money_is_conserved_exactly_whatever_happens(
    steps: list[tuple[str, Side, int, int, TimeInForce]],
) -> None:
    exchange = exchange_with_book()
    for drawn in steps:
        try:
            act(exchange, *drawn)
        except Refusal:
            continue
        check_money(exchange)


def check_money(exchange: Exchange) -> None:
    trades, account = list(exchange.history.trades), exchange.account
    base = 2 * ATOMS + sum(t.side.sign * t.lots * BTC.lot_atoms for t in trades)
    quote = 100_000 * ATOMS - sum(t.side.sign * value(t) for t in trades)
    assert amounts(exchange) == {
        "BTC": base - account.fees.get("BTC", 0),
        "USDT": quote - account.fees.get("USDT", 0),
    }
    assert sum(account.fees.values()) == sum(t.commission for t in trades)
    locked = {"BTC": 0, "USDT": 0}
    for order in exchange.history.open_orders():
        check_order(order, trades)
        asset, atoms = account.needs(order)
        locked[asset] += atoms
    for asset, balance in account.balances.items():
        assert balance.free >= 0
        assert balance.locked == locked[asset]


def check_order(order: Order, trades: list[Trade]) -> None:
    own = [trade for trade in trades if trade.order_id == order.order_id]
    assert sum(trade.lots for trade in own) == order.executed <= order.lots
    assert sum(value(trade) for trade in own) == order.spent


def value(trade: Trade) -> int:
    return trade.price * trade.lots * BTC.instrument.tick_lot


def amounts(exchange: Exchange) -> dict[str, int]:
    return {asset: balance.free + balance.locked for asset, balance in exchange.account.balances.items()}
