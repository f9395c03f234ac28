"""An independent client trades against the simulator: ccxt and ccxt.pro, unmodified except for their addresses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

import ccxt
import ccxt.pro
import pytest

from harness.simulator import SimulatorProcess, trade

T = TypeVar("T")
WITHIN_S = 15.0
SYMBOL = "BTC/USDT"


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess("--seed", "7") as process:
        yield process


@asynccontextmanager
async def client(simulator: SimulatorProcess) -> AsyncIterator[Any]:
    """ccxt.pro's Binance, which also has all of ccxt's REST."""
    exchange = ccxt.pro.binance({
        "apiKey": simulator.api_key, "secret": simulator.secret, "enableRateLimit": False,
        "options": {
            "defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False,
            "fetchMargins": False,
        },
    })  # fmt: skip
    for name in ("public", "private", "v1"):
        exchange.urls["api"][name] = f"{simulator.rest}/api/v3"
    stream = f"{simulator.stream}/ws"  # ccxt tells spot from swap by "/stream" in the address
    exchange.urls["api"]["ws"] = {"spot": stream, "margin": stream, "ws-api": {"spot": simulator.websocket_api}}
    try:
        await exchange.load_markets()
        yield exchange
    finally:
        await exchange.close()


def run(simulator: SimulatorProcess, scenario: Callable[[Any], Awaitable[T]]) -> T:
    async def body() -> T:
        async with client(simulator) as exchange:
            return await asyncio.wait_for(scenario(exchange), WITHIN_S)

    return asyncio.run(body())


async def bid_below_the_market(exchange: Any, share: float) -> float:  # noqa: ANN401 - ccxt has no types
    """A price that no generated market reaches within the test."""
    ticker = await exchange.fetch_bids_asks([SYMBOL])
    return float(exchange.price_to_precision(SYMBOL, ticker[SYMBOL]["bid"] * share))


def sell_through(simulator: SimulatorProcess, price: float) -> None:
    """The market prints a trade whose seller hit this price."""
    simulator.admin.play([trade(1, f"{price:.2f}", "5", buyer_is_maker=True)])


async def next_closed_order(exchange: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Watch the account's stream until an order is filled."""
    while True:
        for order in await exchange.watch_orders(SYMBOL):
            if order["status"] == "closed":
                return dict(order)


def test_ccxt_reads_the_market(simulator: SimulatorProcess) -> None:
    async def scenario(exchange: Any) -> None:  # noqa: ANN401 - as above
        market = exchange.market(SYMBOL)
        assert market["precision"] == {"amount": 1e-05, "price": 0.01, "base": 1e-08, "quote": 1e-08}
        assert market["limits"]["cost"]["min"] == 5
        await exchange.watch_trades(SYMBOL)
        ticker = await exchange.fetch_ticker(SYMBOL)
        book = await exchange.fetch_order_book(SYMBOL, 5)
        assert len(book["bids"]) == len(book["asks"]) == 5
        assert book["bids"][0][0] < book["asks"][0][0]
        assert ticker["symbol"] == SYMBOL
        assert await exchange.fetch_trades(SYMBOL)
        candles = await exchange.fetch_ohlcv(SYMBOL, "1m")
        assert candles
        assert candles[-1][2] >= candles[-1][3]
        assert abs(await exchange.fetch_time() - exchange.milliseconds()) < 5000

    run(simulator, scenario)


def test_ccxt_pro_keeps_a_book_from_a_snapshot_and_the_diff_stream(simulator: SimulatorProcess) -> None:
    async def scenario(exchange: Any) -> None:  # noqa: ANN401 - as above
        first = (await exchange.watch_order_book(SYMBOL))["nonce"]
        for _ in range(20):  # a gap in U/u would be raised here as ChecksumError
            book = await exchange.watch_order_book(SYMBOL)
        assert book["nonce"] > first
        assert book["bids"][0][0] < book["asks"][0][0]
        ticker = await exchange.watch_bids_asks([SYMBOL])
        assert ticker[SYMBOL]["bid"] < ticker[SYMBOL]["ask"]

    run(simulator, scenario)


def test_ccxt_places_a_post_only_order_sees_it_filled_and_the_money_moved(simulator: SimulatorProcess) -> None:
    async def scenario(exchange: Any) -> None:  # noqa: ANN401 - as above
        before = await exchange.fetch_balance()
        price = await bid_below_the_market(exchange, 0.97)
        await exchange.ensure_user_data_stream_ws_subscribe_signature()
        watching = asyncio.create_task(next_closed_order(exchange))
        await asyncio.sleep(0)  # the watcher listens before there is something to hear
        order = await exchange.create_order(SYMBOL, "limit", "buy", 0.02, price, {"postOnly": True})
        assert (await exchange.fetch_order(order["id"], SYMBOL))["status"] == "open"
        assert [o["id"] for o in await exchange.fetch_open_orders(SYMBOL)] == [order["id"]]
        sell_through(simulator, price)
        filled = await watching
        assert (filled["id"], filled["filled"], filled["average"]) == (order["id"], 0.02, price)
        trades = [t for t in await exchange.fetch_my_trades(SYMBOL) if t["order"] == order["id"]]
        assert [(t["amount"], t["price"], t["takerOrMaker"]) for t in trades] == [(0.02, price, "maker")]
        assert (
            trades[0]["fee"] == {"currency": "BTC", "cost": 0.00002, "rate": None} or trades[0]["fee"]["cost"] == 2e-05
        )
        after = await exchange.fetch_balance()
        assert exact(after["BTC"]["total"]) - exact(before["BTC"]["total"]) == Decimal("0.01998")
        assert exact(before["USDT"]["total"]) - exact(after["USDT"]["total"]) == exact(price) * Decimal("0.02")

    run(simulator, scenario)


def test_ccxt_cancels_and_is_told_what_is_wrong(simulator: SimulatorProcess) -> None:
    async def scenario(exchange: Any) -> None:  # noqa: ANN401 - as above
        price = await bid_below_the_market(exchange, 0.9)
        order = await exchange.create_order(SYMBOL, "limit", "buy", 0.01, price, {"postOnly": True})
        assert (await exchange.cancel_order(order["id"], SYMBOL))["status"] == "canceled"
        assert (await exchange.fetch_order(order["id"], SYMBOL))["status"] == "canceled"
        assert await exchange.fetch_open_orders(SYMBOL) == []
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.cancel_order(order["id"], SYMBOL)
        with pytest.raises(ccxt.InsufficientFunds):
            await exchange.create_order(SYMBOL, "limit", "buy", 100, price)
        with pytest.raises(ccxt.OrderImmediatelyFillable):
            await exchange.create_order(SYMBOL, "limit", "buy", 0.01, price * 1.2, {"postOnly": True})
        exchange.secret = simulator.api_key
        with pytest.raises(ccxt.AuthenticationError):
            await exchange.fetch_balance()

    run(simulator, scenario)


def test_ccxt_takes_liquidity_with_a_market_order_by_quantity_and_by_cost(simulator: SimulatorProcess) -> None:
    async def scenario(exchange: Any) -> None:  # noqa: ANN401 - as above
        bought = await exchange.create_order(SYMBOL, "market", "buy", 0.01)
        assert (bought["status"], bought["filled"]) == ("closed", 0.01)
        spent = await exchange.create_order(SYMBOL, "market", "buy", None, None, {"cost": 1000})
        assert spent["status"] == "closed"
        assert 999 < spent["cost"] <= 1000
        sold = await exchange.create_order(SYMBOL, "market", "sell", 0.01)
        assert sold["fees"][0]["currency"] == "USDT"

    run(simulator, scenario)


def test_ccxt_trades_by_the_websocket_api(simulator: SimulatorProcess) -> None:
    async def scenario(exchange: Any) -> None:  # noqa: ANN401 - as above
        price = await bid_below_the_market(exchange, 0.96)
        await exchange.ensure_user_data_stream_ws_subscribe_signature()
        watching = asyncio.create_task(next_closed_order(exchange))
        await asyncio.sleep(0)  # the watcher listens before there is something to hear
        order = await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.02, price, {"postOnly": True})
        assert (await exchange.fetch_order_ws(order["id"], SYMBOL))["status"] == "open"
        assert [o["id"] for o in await exchange.fetch_open_orders_ws(SYMBOL)] == [order["id"]]
        sell_through(simulator, price)
        assert (await watching)["filled"] == 0.02
        assert order["id"] in [t["order"] for t in await exchange.fetch_my_trades_ws(SYMBOL)]
        balances = (await exchange.fetch_balance_ws())["info"]["balances"]  # ccxt 4.5.90 reads the rest as futures
        assert float(next(b for b in balances if b["asset"] == "BTC")["free"]) > 0
        resting = await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, price, {"postOnly": True})
        assert (await exchange.cancel_order_ws(resting["id"], SYMBOL))["status"] == "canceled"
        for _ in range(2):
            await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, price, {"postOnly": True})
        await exchange.cancel_all_orders_ws(SYMBOL)
        assert await exchange.fetch_open_orders_ws(SYMBOL) == []

    run(simulator, scenario)


def exact(value: float) -> Decimal:
    """The decimal that one of ccxt's floats was read from."""
    return Decimal(str(value))
