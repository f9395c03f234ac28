"""What Binance's answers prove about each order that a request was about, and what our requests say."""

import msgspec
import pytest

from harness.engines import BTC
from tradingbot_runtime.core.orders import Orders, OrderState
from tradingbot_runtime.model import (
    Cancel,
    CancelAll,
    CancelRejected,
    Lots,
    Nanos,
    OrderAccepted,
    OrderDenied,
    OrderEvent,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    Place,
    Replace,
    Side,
    Ticks,
)
from tradingbot_runtime.venues.binance.answers import Asked, failed, lost, not_sent, succeeded
from tradingbot_runtime.venues.binance.replies import ReplyError
from tradingbot_runtime.venues.binance.requests import orders_of, requests

OLD, NEW = OrderId("ab" * 16), OrderId("cd" * 16)
NOW = Nanos(7)
PLACE = Place(order_id=NEW, side=Side.SELL, price=Ticks(6_000_123), quantity=Lots(250))
CANCEL = Cancel(order_id=OLD)
REPLACE = Replace(order_id=NEW, replaces=OLD, side=Side.SELL, price=Ticks(6_000_123), quantity=Lots(250))
CANCELED = {"symbol": "BTCUSDT", "orderId": 11, "status": "CANCELED", "executedQty": "0.00100", "transactTime": 5}
PLACED = {"symbol": "BTCUSDT", "orderId": 12, "transactTime": 6}
State = OrderState


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def error(code: int, message: str = "no", data: object = None) -> ReplyError:
    return ReplyError(code, message, raw(data if data is not None else {}))


def halves(cancel: object, order: object, cancel_result: str, order_result: str) -> dict[str, object]:
    return {"cancelResult": cancel_result, "newOrderResult": order_result, "cancelResponse": cancel,
            "newOrderResponse": order}  # fmt: skip


def after(events: list[OrderEvent]) -> tuple[OrderState, OrderState]:
    """Where a replacement that was answered so leaves the old and the new order; none of it may be odd."""
    orders = Orders()
    orders.place(Place(order_id=OLD, side=Side.SELL, price=Ticks(6_000_200), quantity=Lots(250)))
    orders.apply(OrderAccepted(time_ns=NOW, order_id=OLD, venue_order_id="11"))
    orders.replace(REPLACE)
    for event in events:
        _, anomaly = orders.apply(event)
        assert anomaly is None
    old, new = orders.get(OLD), orders.get(NEW)
    assert old is not None
    assert new is not None
    return old.state, new.state


def replace_answered(status: int, reply: ReplyError) -> tuple[OrderState, OrderState]:
    return after(failed(Asked(BTC, REPLACE, NOW), status, reply))


def test_a_replacement_is_one_request_that_stops_when_the_cancel_fails() -> None:
    (request,) = requests(BTC, REPLACE)

    assert (request.method, orders_of(request.command)) == ("order.cancelReplace", (OLD, NEW))
    assert request.parameters == {
        "symbol": "BTCUSDT", "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": OLD, "side": "SELL",
        "type": "LIMIT_MAKER", "price": "60001.23", "quantity": "0.00250", "newClientOrderId": NEW,
        "newOrderRespType": "ACK",
    }  # fmt: skip


def test_cancelling_all_on_an_account_that_is_shared_names_each_of_our_orders() -> None:
    found = requests(BTC, CancelAll(order_id=OLD, order_ids=(OLD, NEW)))

    assert [(r.method, r.parameters["origClientOrderId"]) for r in found] == [
        ("order.cancel", OLD), ("order.cancel", NEW)
    ]  # fmt: skip
    assert len({r.id for r in found}) == 2


def test_an_order_that_may_take_is_immediate_or_cancelled() -> None:
    (request,) = requests(BTC, msgspec.structs.replace(PLACE, post_only=False))

    assert (request.parameters["type"], request.parameters["timeInForce"]) == ("LIMIT", "IOC")


def test_success_tells_of_the_order_with_the_venues_id_and_time() -> None:
    assert succeeded(Asked(BTC, PLACE, NOW), raw(PLACED)) == [
        OrderAccepted(time_ns=NOW, order_id=NEW, venue_order_id="12", venue_time_ns=6_000_000)
    ]
    assert succeeded(Asked(BTC, CANCEL, NOW), raw(CANCELED)) == [
        OrderReported(time_ns=NOW, order_id=OLD, status=OrderStatus.CANCELED, executed=Lots(100), venue_order_id="11",
                      venue_time_ns=5_000_000)
    ]  # fmt: skip


def test_both_halves_succeeded() -> None:
    none_filled = {**CANCELED, "executedQty": "0"}
    events = succeeded(Asked(BTC, REPLACE, NOW), raw(halves(none_filled, PLACED, "SUCCESS", "SUCCESS")))

    assert after(events) == (State.CANCELED, State.OPEN)


def test_2022_the_cancel_failed_and_the_new_order_was_not_attempted() -> None:
    gone = halves({"code": -2011, "msg": "Unknown order sent."}, None, "FAILURE", "NOT_ATTEMPTED")

    assert replace_answered(400, error(-2022, data=gone)) == (State.PENDING_CANCEL, State.REJECTED)


def test_2021_the_old_order_is_cancelled_and_the_new_one_refused() -> None:
    taking = {"code": -2010, "msg": "Order would immediately match and take."}
    answer = halves({**CANCELED, "executedQty": "0"}, taking, "SUCCESS", "FAILURE")

    assert replace_answered(409, error(-2021, data=answer)) == (State.CANCELED, State.REJECTED)


def test_2021_the_fate_of_the_new_order_may_be_unknown_all_the_same() -> None:
    timeout = {"code": -1007, "msg": "Timeout waiting for response from backend server."}
    answer = halves({**CANCELED, "executedQty": "0"}, timeout, "SUCCESS", "FAILURE")

    assert replace_answered(409, error(-2021, data=answer)) == (State.CANCELED, State.UNKNOWN)


def test_2021_a_half_in_words_that_nobody_knows_proves_nothing() -> None:
    answer = halves({}, {}, "PENDING", "PENDING")

    assert replace_answered(409, error(-2021, data=answer)) == (State.PENDING_CANCEL, State.UNKNOWN)


@pytest.mark.parametrize(("status", "code"), [(400, -1013), (400, -1021), (429, -1015), (400, -1102)])
def test_a_replacement_refused_as_a_whole_leaves_the_old_order_where_it_was(status: int, code: int) -> None:
    assert replace_answered(status, error(code)) == (State.OPEN, State.REJECTED)


@pytest.mark.parametrize(("status", "code"), [(504, -1007), (503, -1000), (500, 0), (400, -1006)])
def test_a_replacement_with_an_answer_that_proves_nothing_leaves_both_in_doubt(status: int, code: int) -> None:
    assert replace_answered(status, error(code)) == (State.PENDING_CANCEL, State.UNKNOWN)


def test_a_duplicate_id_is_a_question_and_not_a_refusal() -> None:
    (event,) = failed(Asked(BTC, PLACE, NOW), 400, error(-2010, "Duplicate order sent."))

    assert isinstance(event, OutcomeLost)


def test_refusals_say_whether_there_was_anything_to_cancel() -> None:
    refused = failed(Asked(BTC, CANCEL, NOW), 400, error(-2011)) + failed(Asked(BTC, CANCEL, NOW), 429, error(-1003))

    assert [e.gone for e in refused if isinstance(e, CancelRejected)] == [True, False]
    assert isinstance(failed(Asked(BTC, PLACE, NOW), 400, error(-2010))[0], OrderRejected)


def test_a_lost_answer_is_lost_for_every_order_of_the_request() -> None:
    assert after(lost(Asked(BTC, REPLACE, NOW), "no reply")) == (State.PENDING_CANCEL, State.UNKNOWN)


def test_what_was_not_sent_is_denied_and_a_cancel_stays_wanted() -> None:
    assert [type(e) for e in not_sent(Asked(BTC, PLACE, NOW))] == [OrderDenied]
    assert after(not_sent(Asked(BTC, REPLACE, NOW))) == (State.PENDING_CANCEL, State.DENIED)
