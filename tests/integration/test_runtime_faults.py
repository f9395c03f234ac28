"""What the venue and the way to it can do to a running bot, one fault at a time."""

import hashlib
import hmac
import time
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from harness.runtime_process import STILL, RuntimeProcess, bought_at_venue, ours_at_venue, rows, runtime
from harness.shown import Shown
from harness.simulator import Json, SimulatorProcess, book_ticker, trade, until
from tradingbot_runtime.core.order_ids import OrderKey, encode

STALE_AFTER_S = 1.0  # as the manifest has it
FOUND_WITHIN_S = 20.0
TICKER = "btcusdt@bookTicker"


@pytest.fixture
def own_simulator() -> Iterator[SimulatorProcess]:
    """For a test after which the market is not what it was."""
    with SimulatorProcess(*STILL) as process:
        yield process


def in_state(state: Json, name: str) -> int:
    return sum(1 for order in state["markets"]["btc"]["orders"] if order["state"] == name)


def best_bid(bot: RuntimeProcess) -> Json | None:
    bids = [order for order in bot.market()["orders"] if order["side"] == "buy"]
    return max(bids, key=lambda order: Decimal(order["price"]), default=None)


def fill(simulator: SimulatorProcess, best: Json, trade_id: int, quantity: str = "5") -> Decimal:
    """Somebody sells through this bid; the quantity that it had."""
    price = Decimal(best["price"]) - Decimal("0.01")
    simulator.admin.play([trade(trade_id, str(price), quantity, buyer_is_maker=True)])
    return Decimal(best["quantity"])


def fill_best_bid(simulator: SimulatorProcess, bot: RuntimeProcess, trade_id: int, quantity: str = "5") -> Decimal:
    best = best_bid(bot)
    assert best is not None, "no bid rests"
    return fill(simulator, best, trade_id, quantity)


def until_position(bot: RuntimeProcess, position: Decimal, within_s: float = 20.0) -> None:
    bot.until(lambda s: Decimal(s["markets"]["btc"]["position"]) == position, f"the position is {position}", within_s)


# -- outcomes that prove nothing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["accept-then-5xx", "accept-then-drop"])
def test_an_order_without_an_answer_is_never_sent_again_counts_in_full_and_is_found_by_asking(
    simulator: SimulatorProcess, tmp_path: Path, fault: str
) -> None:
    with runtime(tmp_path, simulator) as bot:
        simulator.admin.inject(fault, "order.place", count=1)
        simulator.admin.inject("silence", "user", seconds=2)
        bot.start()
        lost = "SELECT count(*) FROM events WHERE kind = 'OutcomeLost'"
        until(lambda: rows(bot.journal, lost) >= [(1,)], "an order of unknown fate")
        state = bot.until(lambda s: in_state(s, "Open") == 4, "the venue was asked and has all four", 15)

        assert state["state"] == "Active"
        placed = [o["clientOrderId"] for o in simulator.admin.all_orders() if o["clientOrderId"].startswith(bot.prefix)]
        assert len(placed) == len(set(placed))
        open_now = [o for o in simulator.admin.open_orders() if o["clientOrderId"] in ours_at_venue(bot)]
        assert sorted((o["side"], o["price"]) for o in open_now) == sorted({(o["side"], o["price"]) for o in open_now})
        assert len(open_now) == 4, "one order for each quote"


def test_an_order_that_never_arrived_is_given_up_only_after_several_answers_and_then_placed_anew(
    simulator: SimulatorProcess, tmp_path: Path, shown: Shown
) -> None:
    with runtime(tmp_path, simulator) as bot:
        simulator.admin.inject("http-5xx", "order.place", count=1)  # 503: it may have been taken; it was not
        bot.start()
        lost = bot.until(lambda s: s["markets"] and in_state(s, "Unknown") == 1, "an order of unknown fate")
        doubted = next(o["id"] for o in lost["markets"]["btc"]["orders"] if o["state"] == "Unknown")
        started = time.monotonic()
        bot.until_quoting(within_s=25)
        proved_s = time.monotonic() - started

        # One "not found" proves nothing: the venue may still be settling.
        shown.at_least("an order that never arrived -> proved absent, no sooner than", proved_s, "s", 8.0)
        assert doubted not in {order["clientOrderId"] for order in simulator.admin.all_orders()}
        assert rows(bot.journal, "SELECT state FROM orders WHERE order_id = ?", doubted) == [("Rejected",)]


def test_a_cancel_that_finds_nothing_because_the_order_was_filling_loses_no_fill(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    simulator.admin.inject("silence", "user", seconds=60)  # the fill is not told
    filled = fill_best_bid(simulator, bot, 1)
    assert bought_at_venue(bot) == filled
    simulator.admin.inject("silence", TICKER, seconds=2)  # stale: everything is withdrawn, the filled order too

    until_position(bot, filled)
    until(lambda: bot.metric("tradingbot_venue_errors_total", kind="Refused-2011") >= 1, "a cancel found nothing")


# -- the account's reports -----------------------------------------------------------------------------------------


def test_reports_twice_and_in_the_wrong_order_are_applied_once(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    simulator.admin.inject("duplicate", "user", seconds=60)
    first = fill_best_bid(simulator, bot, 1, "0.0004")  # a part of it
    until_position(bot, Decimal("0.0004"))
    simulator.admin.clear_faults()
    simulator.admin.inject("reorder", "user", count=4)
    fill_best_bid(simulator, bot, 2)
    bot.until(lambda _: bought_at_venue(bot) >= first, "the rest fills")

    until_position(bot, bought_at_venue(bot))
    assert bot.metric("tradingbot_order_messages_total", message="DuplicateFill") >= 1
    trades = rows(bot.journal, "SELECT count(*), count(DISTINCT trade_id) FROM fills")[0]
    assert trades[0] == trades[1]


def test_fills_that_only_rest_knows_of_are_found_also_a_part_of_an_order_that_goes_on_resting(
    simulator: SimulatorProcess, bot: RuntimeProcess, shown: Shown
) -> None:
    simulator.admin.inject("silence", "user", seconds=60)
    simulator.admin.play([trade(1, "59900.00", "0.0015", buyer_is_maker=True)])  # all of one bid, a part of the next
    assert bought_at_venue(bot) == Decimal("0.0015")
    started = time.monotonic()

    until_position(bot, Decimal("0.0015"), FOUND_WITHIN_S)
    shown.at_most("fills without a report -> known", time.monotonic() - started, "s", FOUND_WITHIN_S)


def test_another_bots_trades_on_the_same_account_are_not_ours(simulator: SimulatorProcess, bot: RuntimeProcess) -> None:
    """The account's stream tells every bot of every order; a restart must not take the other's fills for its own."""
    stranger = encode(OrderKey(bot=1, slot=0, epoch=1, sequence=1))
    simulator.admin.deposit("BTC", "1")
    _place_by_hand(simulator, stranger)
    simulator.admin.play([trade(1, "59000.00", "5", buyer_is_maker=True)])  # takes our bids and the stranger's
    until(lambda: stranger not in str(simulator.admin.open_orders()), "the stranger's order fills")
    ours = bought_at_venue(bot)

    until_position(bot, ours)
    assert bot.market()["anomalies"] == {}
    assert bot.terminate()[0] == 0
    bot.start().until_quoting()
    assert Decimal(bot.market()["position"]) == ours


def test_a_cut_account_stream_stops_new_orders_until_the_venue_has_been_asked(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    simulator.admin.inject("drop", "userDataStream.subscribe.signature", count=3)
    simulator.admin.inject("disconnect", "ws-api")
    bot.until(lambda s: s["state"] == "Reconciling", "it compares with the venue")
    best = best_bid(bot)  # none: they were withdrawn already
    filled = fill(simulator, best, 1) if best else Decimal(0)

    bot.until_quoting()
    until_position(bot, bought_at_venue(bot))
    assert bought_at_venue(bot) in (filled, Decimal(0)), "filled before it could be withdrawn, or not at all"


def test_orders_are_withdrawn_by_rest_while_the_account_stream_cannot_be_had(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    simulator.admin.inject("drop", "userDataStream.subscribe.signature", seconds=60)
    simulator.admin.inject("disconnect", "ws-api")

    until(lambda: not ours_at_venue(bot), "nothing rests that could not be watched", 8)
    assert bot.state()["state"] == "Reconciling"


# -- market data -----------------------------------------------------------------------------------------------------


def test_a_feed_that_is_silent_with_its_pongs_alive_has_its_quotes_withdrawn_in_time(
    simulator: SimulatorProcess, bot: RuntimeProcess, shown: Shown
) -> None:
    simulator.admin.inject("silence", TICKER, seconds=4)
    started = time.monotonic()
    until(lambda: not ours_at_venue(bot), "the quotes are withdrawn")
    withdrawn_s = time.monotonic() - started

    what = f"feed silent, its pongs alive -> venue seen empty (staleAfter {STALE_AFTER_S:.0f} s)"
    shown.at_most(what, withdrawn_s, "s", STALE_AFTER_S + 0.5)
    assert withdrawn_s >= STALE_AFTER_S - 0.2
    assert bot.state()["halts"] == [], "a stale feed pauses and never latches"
    bot.until_quoting()


def test_a_cut_feed_has_its_quotes_withdrawn_and_comes_back(simulator: SimulatorProcess, bot: RuntimeProcess) -> None:
    before = {order["id"] for order in bot.market()["orders"]}
    simulator.admin.inject("disconnect", TICKER)
    until(lambda: not ours_at_venue(bot) & before, "the quotes are withdrawn")
    bot.until_quoting()

    assert bot.metric("tradingbot_reconnects_total") == 1


@pytest.mark.parametrize(
    ("fault", "reason"), [("garbage", "NotJson"), ("crossed-book", "Crossed"), ("reorder", "OutOfOrder")]
)
def test_frames_that_cannot_be_used_are_counted_by_their_reason_and_quotes_go_on_after_them(
    simulator: SimulatorProcess, bot: RuntimeProcess, fault: str, reason: str
) -> None:
    # `reorder` holds a frame back until the next one that is not held
    simulator.admin.inject(fault, TICKER, **({"count": 1} if fault == "reorder" else {"seconds": STALE_AFTER_S + 0.7}))
    if fault != "reorder":
        until(lambda: not ours_at_venue(bot), "the quotes are withdrawn")
    until(lambda: bot.metric("tradingbot_frames_total", outcome=reason) >= 1, f"{reason} is counted")
    bot.until_quoting()

    assert [entry["reason"] for entry in bot.until_logged("FrameRefused")] == [reason], "logged once, not each time"


# -- limits and clocks ---------------------------------------------------------------------------------------------


def test_nothing_is_sent_while_the_venue_wants_to_be_left_alone(
    own_simulator: SimulatorProcess, tmp_path: Path
) -> None:
    with runtime(tmp_path, own_simulator) as bot:
        own_simulator.admin.inject("http-5xx", "order.place", count=1)  # an order to ask about every second
        bot.start().until(lambda s: s["markets"] and in_state(s, "Open") == 3, "the others rest")
        _is_left_alone(own_simulator, bot, wait_s=4)


def _is_left_alone(simulator: SimulatorProcess, bot: RuntimeProcess, wait_s: int) -> None:
    simulator.admin.inject("429", "order.*", count=1, retry_after_s=wait_s)
    simulator.admin.play([book_ticker(10**12, ("61000.00", "1"), ("61000.01", "1"))])  # wants all quotes elsewhere
    until(lambda: bot.metric("tradingbot_venue_errors_total", kind="RateLimited-1003") == 1, "the venue said to wait")
    started = time.monotonic()
    until(lambda: time.monotonic() - started > 0.3, "what was on its way has arrived")
    used = _weight(simulator)
    until(lambda: time.monotonic() - started > wait_s - 0.7, "most of the window is over", wait_s + 1)
    later = _weight(simulator)

    assert (later - used if later >= used else later) <= 1, "the one is the question of this test"
    until(lambda: _weight(simulator) > later + 3, "after the window it goes on")


def test_questions_that_the_venue_answers_with_a_server_error_are_logged_and_counted(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    bot.until_quoting()
    simulator.admin.inject("http-5xx", "GET /api/v3/*", count=3)
    simulator.admin.inject("disconnect", "user")  # after that it has a lot to ask

    counted = partial(bot.metric, "tradingbot_venue_errors_total", venue="simulator", kind="QuestionOutcomeUnknown")
    bot.until(lambda _: counted() >= 1, "it is counted")
    assert "503" in bot.output()
    bot.until_quoting(within_s=30)


def test_a_venues_clock_that_was_moved_is_measured_again(simulator: SimulatorProcess, bot: RuntimeProcess) -> None:
    before = ours_at_venue(bot)
    simulator.admin.inject("clock-step", step_ms=-30_000)
    simulator.admin.inject("silence", TICKER, seconds=6)  # so that all is to be withdrawn

    until(lambda: bot.metric("tradingbot_venue_errors_total", kind="Refused-1021") >= 1, "a timestamp is refused")
    until(lambda: not ours_at_venue(bot) & before, "and then no more; the sweep would be too late", 5)
    bot.until_quoting()
    assert bot.terminate()[0] == 0
    assert ours_at_venue(bot) == set()
    simulator.admin.inject("clock-step", step_ms=30_000)


def test_a_journal_that_cannot_be_written_stops_the_bot_and_leaves_no_order(tmp_path: Path) -> None:
    restless = ("--volatility", "15", "--orders-per-10s", "100000")  # until nothing more fits
    with (
        SimulatorProcess(*restless) as simulator,
        runtime(tmp_path, simulator, file_limit_bytes=300_000) as bot,
    ):
        code = bot.start().wait(60)

        assert code == 1, bot.output()
        assert bot.logged("Failed")[0]["error"] == "JournalError"
        assert simulator.admin.state()["ordersPlaced"] >= 4
        assert ours_at_venue(bot) == set()


def _weight(simulator: SimulatorProcess) -> int:
    """Requests of this minute, by weight; to ask costs 1."""
    with urllib.request.urlopen(f"{simulator.rest}/api/v3/ping", timeout=5) as response:  # noqa: S310 - on loopback
        return int(response.headers["X-MBX-USED-WEIGHT-1M"])


def _place_by_hand(simulator: SimulatorProcess, client_id: str) -> None:
    query = urlencode({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.5",
        "price": "59500.00", "newClientOrderId": client_id, "timestamp": time.time_ns() // 1_000_000,
    })  # fmt: skip
    signature = hmac.new(simulator.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    request = urllib.request.Request(  # noqa: S310 - on loopback
        f"{simulator.rest}/api/v3/order?{query}&signature={signature}", b"", {"X-MBX-APIKEY": simulator.api_key}
    )
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - as above
