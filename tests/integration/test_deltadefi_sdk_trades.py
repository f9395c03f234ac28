"""The venue's own client, the official `deltadefi` SDK 1.1.1, trades against the simulator."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from typing import Any

import pytest

from harness import cardano_signer
from harness.simulator import Json, SimulatorProcess, depth_diff, trade, until

cardano_signer.install()
from deltadefi.clients import ApiClient  # noqa: E402 - its own import of the signer must find ours
from deltadefi.clients.websocket import WebSocketClient  # noqa: E402 - as above

SYMBOL = "ADAUSDM"
WITHIN_S = 10.0
NO_MESSAGE = "msg"  # the SDK reads err["msg"], the venue says {"error", "code"}: every refusal ends as this KeyError


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """DeltaDeFi's book is that of ADAUSDT itself: what a test plays there happens here."""
    options = ("--empty", "--venue", "deltadefi", "--symbol", "ADAUSDT", "--deltadefi-widen", "0",
               "--deltadefi-share", "1", "--deltadefi-calls-per-second", "10000")  # fmt: skip
    with SimulatorProcess(*options) as process:
        process.admin.play([
            depth_diff((1, 9), [["0.3500", "1000"], ["0.3490", "5000"]], [["0.3510", "1000"], ["0.3520", "5000"]],
                       "ADAUSDT"),
        ])  # fmt: skip
        yield process


@pytest.fixture
def client(simulator: SimulatorProcess) -> Iterator[Any]:
    with sdk(simulator) as found:
        found.load_operation_key(simulator.trading_password)
        yield found
        until(lambda: emptied(found), "no order is left open")


def emptied(client: Any) -> bool:  # noqa: ANN401 - the SDK is untyped
    """Cancel what rests; an order on its way to the market cannot be cancelled yet."""
    left = client.accounts.get_open_orders(SYMBOL)
    for order in left:
        if order["status"] != "processing":
            client.cancel_order(order["id"])
    return not left


@contextmanager
def sdk(simulator: SimulatorProcess) -> Iterator[Any]:
    found = ApiClient(
        base_url=simulator.rest, ws_url=simulator.deltadefi_stream, api_key=simulator.deltadefi_api_key
    )  # fmt: skip
    try:
        yield found
    finally:
        for part in (found.accounts, found.app, found.orders, found.markets, found.points):
            part.session.close()


@asynccontextmanager
async def stream(simulator: SimulatorProcess, kind: str, subscribe: Callable[[Any], Awaitable[None]]) -> Any:  # noqa: ANN401 - the SDK is untyped
    """What one stream sends, in a queue. One client each: a second subscription silences the SDK's first."""
    queue: asyncio.Queue[Any] = asyncio.Queue()
    client = WebSocketClient(simulator.deltadefi_stream, simulator.deltadefi_api_key)
    client.register_handler(kind, queue.put)
    await subscribe(client)
    try:
        yield queue
    finally:
        await client.disconnect()


def held(client: Any) -> dict[str, tuple[Decimal, Decimal]]:  # noqa: ANN401 - as above
    """Free and locked, by asset."""
    rows = client.accounts.get_account_balance()
    return {row["asset"]: (Decimal(row["free"]), Decimal(row["locked"])) for row in rows}


def place(client: Any, side: str, quantity: str, price: str, **options: object) -> Json:  # noqa: ANN401 - as above
    return dict(client.post_order(SYMBOL, side, "limit", base_quantity=quantity, price=price, **options))


def opened(client: Any, order_id: str) -> bool:  # noqa: ANN401 - as above
    return bool(client.accounts.get_order_record(order_id)["status"] == "open")


def test_the_sdk_decrypts_the_operation_key_with_the_right_password_only(simulator: SimulatorProcess) -> None:
    with sdk(simulator) as client:
        with pytest.raises(ValueError, match="incorrect password"):
            client.load_operation_key("wrong")
        client.load_operation_key(simulator.trading_password)
        assert client.operation_wallet is not None


def test_the_sdk_reads_the_market(simulator: SimulatorProcess, client: Any) -> None:  # noqa: ANN401 - as above
    pair = client.app.get_market_config()["trading_pairs"][0]
    assert (pair["symbol"], pair["price_max_dp"], pair["base_token"]["max_qty_dp"]) == (SYMBOL, 4, 2)
    simulator.admin.play([trade(50, "0.3510", "20", buyer_is_maker=False, symbol="ADAUSDT")])
    assert client.markets.get_market_price(SYMBOL) == {"price": 0.351}
    candle = client.markets.get_aggregated_price(SYMBOL, "15m", 1, 2**40)[-1]
    assert (candle["s"], candle["c"]) == (SYMBOL, 0.351)
    assert client.app.get_hydra_cycle()["start"] < client.app.get_hydra_cycle()["end"]
    assert client.app.get_terms_and_conditions()["value"]
    assert client.accounts.get_api_key()["api_key"] == simulator.deltadefi_api_key


def test_the_sdk_places_an_order_sees_it_open_and_cancels_it(client: Any) -> None:  # noqa: ANN401 - as above
    before = held(client)
    placed = place(client, "buy", "100", "0.3400", post_only=True)
    assert placed["status"] == "processing"
    until(lambda: opened(client, placed["id"]), "the order is open")
    assert [order["id"] for order in client.accounts.get_open_orders(SYMBOL)] == [placed["id"]]
    free, locked = held(client)["usdm"]
    assert before["usdm"][0] - free == locked == 34
    assert client.cancel_order(placed["id"]) == {"order_id": placed["id"]}
    assert client.accounts.get_order_record(placed["id"])["status"] == "cancelled"
    assert client.accounts.get_open_orders(SYMBOL) == []
    assert held(client) == before


def test_the_sdks_order_is_filled_by_the_market_and_the_money_moves_exactly(
    simulator: SimulatorProcess, client: Any  # noqa: ANN401 - as above
) -> None:  # fmt: skip
    before = held(client)
    placed = place(client, "buy", "12.34", "0.3505", post_only=True)
    until(lambda: opened(client, placed["id"]), "the order is open")
    simulator.admin.play([trade(60, "0.3505", "500", buyer_is_maker=True, symbol="ADAUSDT")])
    order = client.accounts.get_order_record(placed["id"])
    assert (order["status"], order["executed_base_qty"], order["executed_price"]) == ("fully_filled", "12.34", "0.3505")
    (execution,) = order["order_execution_records"]
    assert (execution["role"], execution["commission"], execution["commission_unit"]) == (
        "maker", "0.01234", "lovelace",
    )  # fmt: skip
    assert client.accounts.get_trades(SYMBOL)[0] == execution
    assert client.accounts.get_trade_orders(SYMBOL, limit=1)[0]["id"] == placed["id"]
    after = held(client)
    assert after["ada"][0] - before["ada"][0] == Decimal("12.34") - Decimal("0.01234")
    assert before["usdm"][0] - after["usdm"][0] == Decimal("12.34") * Decimal("0.3505")


def test_the_sdk_cancels_all_and_a_second_time_is_refused(client: Any) -> None:  # noqa: ANN401 - as above
    placed = [place(client, "sell", "50", price)["id"] for price in ("0.3600", "0.3700", "0.3800")]
    until(lambda: all(opened(client, order_id) for order_id in placed), "the orders are open")
    answer = client.cancel_all_orders(SYMBOL)
    assert (answer["symbol"], sorted(answer["order_ids"])) == (SYMBOL, sorted(placed))
    with pytest.raises(KeyError, match=NO_MESSAGE):
        client.cancel_all_orders(SYMBOL)


def test_the_sdk_takes_liquidity_with_a_market_order(client: Any) -> None:  # noqa: ANN401 - as above
    bought = client.post_order(SYMBOL, "buy", "market", base_quantity="20", max_slippage_basis_point="50")
    until(lambda: client.accounts.get_order_record(bought["id"])["status"] == "fully_filled", "it is filled")
    order = client.accounts.get_order_record(bought["id"])
    assert (order["type"], order["executed_price"], order["market_order_limit_price"]) == ("market", "0.351", "0.3527")
    assert [record["role"] for record in order["order_execution_records"]] == ["taker"]


@pytest.mark.parametrize(
    ("quantity", "price", "options"),
    [("4.99", "0.3400", {}), ("10", "0.34001", {}), ("10.001", "0.3400", {}), ("10", "0.3600", {"post_only": True})],
)
def test_what_the_venue_refuses_leaves_no_order(
    client: Any, quantity: str, price: str, options: dict[str, object]  # noqa: ANN401 - as above
) -> None:  # fmt: skip
    with pytest.raises(KeyError, match=NO_MESSAGE):
        place(client, "buy", quantity, price, **options)
    assert client.accounts.get_open_orders(SYMBOL) == []


def test_a_signature_of_another_key_is_refused(client: Any) -> None:  # noqa: ANN401 - as above
    built = client.orders.build_place_order_transaction(SYMBOL, "buy", "limit", base_quantity="10", price="0.34")
    signed = client.operation_wallet.sign_tx(built["tx_hex"])
    tampered = signed.replace(signed[-140:-136], "0000")
    with pytest.raises(KeyError, match=NO_MESSAGE):
        client.orders.submit_place_order_transaction(built["order_id"], tampered)
    assert client.accounts.get_order_record(built["order_id"])["status"] == "building"
    assert client.orders.submit_place_order_transaction(built["order_id"], signed)["status"] == "processing"


def test_the_sdk_hears_an_orders_whole_life(simulator: SimulatorProcess, client: Any) -> None:  # noqa: ANN401 - as above
    async def scenario() -> None:
        async with stream(simulator, "account", lambda ws: ws.subscribe_account()) as queue:
            placed = await asyncio.to_thread(place, client, "sell", "10", "0.3508")
            statuses: list[str] = []
            balances = 0
            while "closed" not in statuses:
                event = await asyncio.wait_for(queue.get(), WITHIN_S)
                if event["sub_type"] == "order_info" and event["order"]["id"] == placed["id"]:
                    statuses.append(event["order"]["status"])
                    if statuses[-1] == "open" and event["order"]["executed_base_qty"] == "0":
                        sold = [trade(70, "0.3508", "4", buyer_is_maker=False, symbol="ADAUSDT"),
                                trade(71, "0.3508", "100", buyer_is_maker=False, symbol="ADAUSDT")]  # fmt: skip
                        await asyncio.to_thread(simulator.admin.play, sold)
                balances += event["sub_type"] == "balance"
            assert statuses == ["building", "processing", "open", "open", "closed"]
            assert balances >= 2

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_the_sdk_hears_depth_trades_and_price(simulator: SimulatorProcess, client: Any) -> None:  # noqa: ANN401 - as above
    async def scenario() -> None:
        async with (
            stream(simulator, "depth", lambda ws: ws.subscribe_depth(SYMBOL)) as depth,
            stream(simulator, "trade", lambda ws: ws.subscribe_trades(SYMBOL)) as trades,
            stream(simulator, "price", lambda ws: ws.subscribe_price(SYMBOL)) as price,
        ):
            await asyncio.wait_for(depth.get(), WITHIN_S)
            await asyncio.wait_for(price.get(), WITHIN_S)
            await asyncio.to_thread(place, client, "buy", "77", "0.3401")
            while True:
                book = await asyncio.wait_for(depth.get(), WITHIN_S)
                if {"price": 0.3401, "quantity": 77} in book["bids"]:
                    break
            print_of = [trade(80, "0.3510", "3", buyer_is_maker=False, symbol="ADAUSDT")]
            await asyncio.to_thread(simulator.admin.play, print_of)
            while (await asyncio.wait_for(trades.get(), WITHIN_S))[0]["amount"] != 3:
                pass
            while (await asyncio.wait_for(price.get(), WITHIN_S))["price"] != 0.351:
                pass

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_while_trading_is_locked_the_sdk_can_ask_but_not_trade(simulator: SimulatorProcess, client: Any) -> None:  # noqa: ANN401 - as above
    placed = place(client, "buy", "10", "0.3400")
    until(lambda: opened(client, placed["id"]), "the order is open")
    simulator.admin.lock_trading(60)
    with pytest.raises(KeyError, match=NO_MESSAGE):
        client.cancel_order(placed["id"])
    with pytest.raises(KeyError, match=NO_MESSAGE):
        place(client, "buy", "10", "0.3400")
    assert [order["id"] for order in client.accounts.get_open_orders(SYMBOL)] == [placed["id"]]
    simulator.admin.unlock_trading()
    assert client.cancel_order(placed["id"])["order_id"] == placed["id"]
