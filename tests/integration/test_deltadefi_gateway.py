"""The gateway to DeltaDeFi over real sockets: reports, questions, the trading lock, the rate, and keys."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from aiohttp import web

from harness.deltadefi_play import play
from harness.deltadefi_shell import Shell, shell
from harness.deltadefi_venue import Reply, ScriptedVenue, garbage, lost, proxy_error, refusal, scripted_venue
from harness.deltadefi_wire import Json, record
from tradingbot_runtime.errors import ConfigError, VenueError, VenueRefused
from tradingbot_runtime.model import (
    OrderAccepted,
    OrderDenied,
    OrderFilled,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    VenueLocked,
)
from tradingbot_runtime.venues.protocols import TradeCursor

BUILD, SUBMIT, CANCEL_ALL = "POST /order/build", "POST /order/submit", "POST /order/cancel-all"
ORDER_1 = "GET /accounts/order/venue-1"
CANCEL_1 = "POST /order/venue-1/cancel"


# -- what the stream and the questions tell ----------------------------------------------------------------------


def test_fills_come_before_the_end_of_their_order_and_again_when_asked_for() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        order_id = made.place()
        await made.first(OrderAccepted)
        records = [record(number, "5", order_id="venue-1") for number in (2, 3)]
        venue.change("venue-1", status="closed", executed_base_qty="10", order_execution_records=records)
        await made.until(lambda: any(r.status is OrderStatus.FILLED for r in made.events(OrderReported)), "filled")

        venue.tell(venue.orders["venue-1"])  # the same once more
        await made.until(lambda: len([r for r in made.events(OrderReported) if r.status is OrderStatus.FILLED]) == 2)
        kinds = made.kinds()[:-1]
        assert kinds[-3:] == ["OrderFilled", "OrderFilled", "OrderReported"]
        listed = await made.gateway.fills(made.instrument, order_id, "venue-1")
        assert [f.trade_id for f in listed] == [f.trade_id for f in made.events(OrderFilled)] == ["trade-2", "trade-3"]
        page = await made.gateway.trades(made.instrument, TradeCursor(0))
        assert [(t.venue_order_id, t.fill.order_id, t.fill.trade_id) for t in page.trades] == [
            ("venue-1", "ours-1", "trade-2"), ("venue-1", "ours-1", "trade-3")]  # fmt: skip
        assert page.cursor.trade_id == "trade-3"

    play(scenario)


def test_an_order_that_the_stream_closes_too_early_is_asked_about() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        made.place()
        await made.first(OrderAccepted)
        venue.change("venue-1", status="closed", executed_base_qty="4",
                     order_execution_records=[record(2, "4", order_id="venue-1")])  # fmt: skip
        await made.until(lambda: any(r.status is OrderStatus.CANCELED for r in made.events(OrderReported)), "resolved")

        assert ORDER_1 in venue.calls
        assert not any(r.status is OrderStatus.FILLED for r in made.events(OrderReported))

    play(scenario)


def test_an_order_of_an_earlier_life_is_known_once_it_is_remembered() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.build({"side": "buy", "price": "0.9", "base_quantity": "7"})
        venue.change("venue-1", status="open")
        listed = await made.gateway.open_orders(made.instrument)
        assert [(o.order_id, o.venue_order_id, o.quantity) for o in listed] == [("", "venue-1", 700)]
        unknown = await made.gateway.order(made.instrument, OrderId("ours-9"))
        assert unknown.status is OrderStatus.ABSENT

        made.gateway.remember(OrderId("ours-9"), "venue-1")
        assert [o.order_id for o in await made.gateway.open_orders(made.instrument)] == ["ours-9"]
        venue.change("venue-1", status="cancelled")
        assert (await made.first(OrderReported)).order_id == "ours-9"

    play(scenario)


def test_an_order_whose_build_was_not_answered_is_recognised_by_what_it_is() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        def built_in_vain(request: web.Request, body: Json) -> None:
            venue.build(body)
            lost(request, body)

        venue.script[BUILD] = [built_in_vain]
        order_id = made.place()
        await made.first(OrderDenied)
        now = "2999-01-01T00:00:00Z"
        venue.orders["venue-1"] |= {"status": "open", "created_at": now}  # somebody has submitted it
        assert [o.order_id for o in await made.gateway.open_orders(made.instrument)] == [""], "at another time"
        venue.orders["venue-1"] |= {"created_at": datetime.now(UTC).isoformat()}
        assert [o.order_id for o in await made.gateway.open_orders(made.instrument)] == [order_id]

    play(scenario)


def test_a_frame_that_makes_no_sense_is_counted_and_the_stream_goes_on() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        made.place()
        await made.first(OrderAccepted)
        bad = {"type": "Account", "sub_type": "order_info"}
        for frame in ("{", "[]", {**bad, "order": {}}, {**bad, "order": {**venue.orders["venue-1"], "status": "odd"}},
                      {**bad, "order": {**venue.orders["venue-1"], "executed_base_qty": "x"}}):  # fmt: skip
            venue.push(frame)
        venue.push({"type": "Account", "sub_type": "balance", "balance": [{"asset": "ada", "free": 1.5}]})
        venue.change("venue-1", status="cancelled")
        await made.until(lambda: any(r.status is OrderStatus.CANCELED for r in made.events(OrderReported)), "goes on")

        assert made.gateway.health.errors["FrameRefused"] == 5

    play(scenario)


@pytest.mark.parametrize(
    "reply", [lost, garbage, proxy_error(502), proxy_error(404), refusal(5000, 500), refusal(4000)]
)
@pytest.mark.parametrize("about", ["open-orders", "trades", "balance", "order"])
def test_a_failed_question_is_never_an_empty_answer(about: str, reply: Reply) -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        made.gateway.remember(OrderId("ours-9"), "venue-1")
        asked: dict[str, tuple[str, Callable[[], Awaitable[object]]]] = {
            "open-orders": ("open-orders", lambda: made.gateway.open_orders(made.instrument)),
            "trades": ("trades", lambda: made.gateway.trades(made.instrument, TradeCursor(0))),
            "balance": ("balance", lambda: made.gateway.balances(made.instrument)),
            "order": ("order/venue-1", lambda: made.gateway.order(made.instrument, OrderId("ours-9"))),
        }
        path, ask = asked[about]
        venue.script[f"GET /accounts/{path}"] = [reply, reply]  # aiohttp asks a second time by itself
        with pytest.raises(VenueError):
            await ask()

    play(scenario)


# -- lock, rate, refusal of the key ------------------------------------------------------------------------------


def test_a_locked_venue_is_left_alone_until_it_has_been_healthy_for_a_while() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.locked = True
        venue.script[BUILD] = [refusal(5002, 503)]
        made.place(1)
        locked = await made.first(VenueLocked)
        assert (locked.locked, bool(made.gateway.locked)) == (True, True)
        made.place(2)
        await made.until(lambda: any(d.reason == "VenueLocked" for d in made.events(OrderDenied)), "denied here")
        assert venue.order_calls() == [BUILD], "no second try"

        lock = made.gateway.lock  # its clock is the test's
        await lock.probe()
        await lock.probe()
        assert venue.calls.count("GET /app/hydra-cycle") == 1, "told once"
        venue.locked = False
        await lock.probe()
        venue.script["GET /health/trading-lock-status"] = [proxy_error(502)]
        await lock.probe()
        await lock.probe()
        await lock.probe()
        assert made.gateway.locked, "the healthy answers must come in a row"
        await lock.probe()
        assert made.events(VenueLocked)[-1].locked is False
        made.place(3)
        await made.first(OrderAccepted)

    play(scenario)


def test_a_rate_limit_slows_down_the_account_and_the_calls() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        before = made.budget.per_second
        venue.script[BUILD] = [refusal(4290, 429)]
        made.place(1)
        denied = await made.first(OrderDenied)

        assert denied.reason == "RateLimited"
        assert made.budget.per_second == before / 2
        assert made.budget.is_blocked(made.adapter.now_ns())

    play(scenario)


def test_a_lack_of_balance_is_a_reason_to_compare_balances() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.script[BUILD] = [refusal(4050)]
        made.place()
        await made.first(OrderRejected)

        assert made.kinds().count("mismatch") == 1

    play(scenario)


@pytest.mark.parametrize(("code", "status"), [(4010, 401), (4406, 400), (4407, 400)])
def test_a_venue_that_does_not_take_our_key_is_for_a_person(code: int, status: int) -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.script[SUBMIT] = [refusal(code, status)]
        made.place()
        await made.first(OrderRejected)

        assert any(kind.startswith("refused: ") for kind in made.kinds())

    play(scenario)


def test_a_password_that_does_not_open_the_key_is_a_mistake_of_the_configuration() -> None:
    async def run() -> None:
        async with (
            scripted_venue("key", "one password") as venue,
            shell(venue.url, venue.stream, "key", "another password"),
        ):
            pass

    with pytest.raises(ConfigError, match="does not open"):
        asyncio.run(run())


def test_nothing_secret_is_in_an_address_that_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        async with (
            scripted_venue("the-api-key", "the-password") as venue,
            shell(venue.url, venue.stream, "the-api-key", "the-password") as made,
        ):
            venue.api_key = "changed"
            for socket in list(venue.sockets):
                await socket.close()
            await made.until(lambda: "lost" in made.kinds(), "the stream is lost")
            await made.until(lambda: made.kinds().count("lost") >= 3, "it is refused, again and again")
            with pytest.raises(VenueRefused) as refused:
                await made.gateway.balances(made.instrument)
            print(refused.value, repr(made.adapter), made.adapter.queries)  # noqa: T201 - to look into it

    asyncio.run(run())
    shown = capsys.readouterr()
    assert "the-api-key" not in shown.out + shown.err
    assert "the-password" not in shown.out + shown.err
    assert "ConnectionLost" in shown.out
