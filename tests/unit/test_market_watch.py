"""What is looked at beside the tick path: silent feeds are logged at once and once, hindered markets are reported."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace as replaced
from pathlib import Path

import pytest
import structlog
from msgspec.structs import replace

from harness.engines import BTC, tick
from harness.slots import SECOND, Wire, answer_all, config, slot_of
from tradingbot_runtime.config import OnBreach
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.core.quote_watch import HOLD_NS, PATIENCE_NS
from tradingbot_runtime.market_watch import HICCUP_NS, MarketWatch
from tradingbot_runtime.model import (
    Lots,
    Money,
    Nanos,
    OrderId,
    Place,
    Restored,
    Side,
    Ticks,
    TimePassed,
    TradingState,
)
from tradingbot_runtime.model.control import HaltTrading
from tradingbot_runtime.slot import Slot
from tradingbot_runtime.state_view import state_view

RISK = {"maxPosition": "1", "maxOpenOrders": 10, "maxDailyLoss": "100", "maxDistanceBps": "500"}
STEP_NS = 100_000_000


class Trading:
    """A slot of one market, its wire, and time that passes in steps of the app's timer."""

    def __init__(self, slot: Slot, wire: Wire) -> None:
        self.slot, self.wire, self.watch = slot, wire, MarketWatch(slot)
        self.now_ns = 10 * SECOND
        slot.now_ns = lambda: Nanos(self.now_ns)

    def go_on(self, for_ns: int, *, ticks: bool = True, answers: bool = True, late_ns: int = 0) -> None:
        for _ in range(for_ns // STEP_NS):
            self.now_ns += STEP_NS
            market = self.slot.markets["btc"]
            if ticks:
                market.handle(replace(tick(self.now_ns), late_ns=late_ns))
            market.handle(TimePassed(time_ns=Nanos(self.now_ns)))
            if answers:
                answer_all(self.slot, self.wire)
            self.watch.look()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def slot(tmp_path: Path, wire: Wire) -> Iterator[Slot]:
    opened = slot_of(tmp_path / "journal.sqlite3", wire, config(risk=RISK | {"maxOrder": "0.001"}))
    yield opened
    opened.journal.close()


@pytest.fixture
def healthy(tmp_path: Path) -> Iterator[Trading]:
    wire = Wire()
    opened = slot_of(tmp_path / "healthy.sqlite3", wire, config())
    yield Trading(opened, wire)
    opened.journal.close()


def test_a_slot_whose_orders_are_all_refused_says_so_of_its_market_and_of_itself(slot: Slot, wire: Wire) -> None:
    trading = Trading(slot, wire)
    trading.go_on(PATIENCE_NS)
    assert slot.report().reason == "Trading"

    trading.go_on(STEP_NS)
    report = slot.report()
    (market,) = report.markets
    assert (report.state, report.ready, report.reason, market.reason) == (
        TradingState.ACTIVE,
        True,
        "MaxOrder",
        "MaxOrder",
    )
    assert "risk.maxOrder" in market.message
    assert report.message == f"market btc: {market.message}"
    trading.go_on(6 * PATIENCE_NS)
    assert slot.report() == report, "nothing in it changes while nothing changes"


def test_a_new_configuration_that_fits_ends_it(slot: Slot, wire: Wire) -> None:
    trading = Trading(slot, wire)
    trading.go_on(2 * PATIENCE_NS)

    slot._apply(config(risk=RISK | {"maxOrder": "1"}))  # noqa: SLF001 - what `configure` does, without its JSON
    trading.go_on(HOLD_NS + 3 * STEP_NS)
    assert (slot.report().reason, slot.report().markets[0].reason) == ("Trading", "")


def test_orders_that_the_venue_never_answers_are_told(healthy: Trading) -> None:
    healthy.go_on(PATIENCE_NS + STEP_NS, answers=False)

    assert healthy.slot.report().markets[0].reason == "NoOrderRests"


def test_a_market_that_quotes_is_not_hindered(healthy: Trading) -> None:
    healthy.go_on(3 * PATIENCE_NS)

    assert healthy.slot.report().reason == "Trading"


def test_a_lost_order_is_in_the_report_at_once(healthy: Trading) -> None:
    lost = Restored(time_ns=Nanos(healthy.now_ns), order_id=OrderId("cd" * 16), side=Side.BUY, price=Ticks(1),
                    quantity=Lots(1), executed=Lots(0), venue_order_id="v9", state=OrderState.LOST)  # fmt: skip
    healthy.slot.markets["btc"].take(lost)
    healthy.go_on(STEP_NS)

    report = healthy.slot.report()
    assert (report.reason, report.markets[0].reason) == ("OrderLost", "OrderLost")
    assert "cd" * 16 in report.markets[0].message


def test_a_flatten_that_is_given_up_is_logged_and_reported_and_to_order_it_again_tries_it_again(
    healthy: Trading,
) -> None:
    slot, wire, market = healthy.slot, healthy.wire, healthy.slot.markets["btc"].engine.market
    healthy.go_on(SECOND)
    market.position.lots, market.position.cost = Lots(1_000), Money(1_000 * 6_000_001 * BTC.tick_lot)
    asked = HaltTrading(term=1, by="ann", message="out", flatten=True, id="h1")
    with structlog.testing.capture_logs() as logged:
        asyncio.run(slot.halt(asked))
        healthy.go_on(60 * SECOND)
        told = [(e["log_level"], e["reason"], e["position"]) for e in logged if e["event"] == "PositionNotClosed"]
    assert told == [("warning", "FlattenGivenUp", "0.01000")], "once"
    report = slot.report()
    assert report.markets[0].reason == "FlattenGivenUp"
    assert report.message == f"until a person resumes; market btc: {report.markets[0].message}"
    assert state_view(slot)["markets"]["btc"]["hindered"].startswith("FlattenGivenUp: to close the position was given")

    asyncio.run(slot.halt(asked))
    assert wire.kinds() == [Place]
    healthy.go_on(STEP_NS)
    assert (slot.report().message, slot.report().markets[0].reason) == ("until a person resumes", "")


def test_a_flatten_that_our_own_checks_hold_up_says_which(healthy: Trading) -> None:
    market = healthy.slot.markets["btc"].engine.market
    healthy.go_on(SECOND)
    market.position.lots, market.meters.mismatch = Lots(1_000), "the account holds less"
    with structlog.testing.capture_logs() as logged:
        healthy.slot.halted_by_hand("ann", "out", OnBreach.FLATTEN)
        healthy.go_on(SECOND)

    assert healthy.slot.report().markets[0].message.startswith("nothing new is sent: the account holds less")
    assert [e["reason"] for e in logged if e["event"] == "PositionNotClosed"] == ["AccountMismatch"]
    market.meters.mismatch, market.terms = "", replaced(
        market.terms, limits=replaced(market.terms.limits, max_open_orders=0)
    )  # fmt: skip
    healthy.go_on(PATIENCE_NS + 2 * STEP_NS)
    assert healthy.slot.report().markets[0].reason == "MaxOpenOrders"


def test_dust_that_a_flatten_leaves_is_nothing_that_is_not_closed(healthy: Trading) -> None:
    market = healthy.slot.markets["btc"].engine.market
    healthy.go_on(SECOND)
    market.position.lots, market.meters.mismatch = Lots(8), "the account holds less"
    with structlog.testing.capture_logs() as logged:
        healthy.slot.halted_by_hand("ann", "out", OnBreach.FLATTEN)
        healthy.go_on(2 * PATIENCE_NS)

    assert (healthy.slot.report().message, healthy.slot.report().markets[0].reason) == ("until a person resumes", "")
    assert [e for e in logged if e["event"] == "PositionNotClosed"] == []


def test_a_position_that_a_late_fill_has_closed_does_not_stay_while_no_tick_comes(healthy: Trading) -> None:
    healthy.slot.halted_by_hand("ann", "out", OnBreach.FLATTEN)
    flattening = healthy.slot.markets["btc"].engine.market.flattening
    assert flattening
    flattening.stays = "FlattenGivenUp"
    healthy.go_on(STEP_NS, ticks=False)

    assert healthy.slot.report().markets[0].reason == ""


def test_a_lost_order_beside_a_flatten_says_what_it_keeps_open(healthy: Trading) -> None:
    lost = Restored(time_ns=Nanos(healthy.now_ns), order_id=OrderId("cd" * 16), side=Side.SELL, price=Ticks(6_001_000),
                    quantity=Lots(1_000), executed=Lots(0), venue_order_id="v9", state=OrderState.LOST)  # fmt: skip
    healthy.go_on(SECOND)
    healthy.slot.markets["btc"].take(lost)
    healthy.slot.markets["btc"].engine.market.position.lots = Lots(1_000)
    healthy.go_on(STEP_NS)
    with structlog.testing.capture_logs() as logged:
        healthy.slot.halted_by_hand("ann", "out", OnBreach.FLATTEN)
        healthy.go_on(SECOND)

    report = healthy.slot.report()
    assert "no more of the position is closed than could not turn it over" in report.markets[0].message
    assert report.markets[0].message in report.message
    assert [e["reason"] for e in logged if e["event"] == "PositionNotClosed"] == ["OrderLost"]


def test_a_silent_feed_is_logged_when_the_quotes_go_and_when_it_is_back_and_not_between(healthy: Trading) -> None:
    stale_ns = healthy.slot.markets["btc"].engine.market.terms.limits.stale_after_ns
    healthy.go_on(SECOND)
    with structlog.testing.capture_logs() as logged:
        healthy.go_on(stale_ns, ticks=False)
        assert logged == []
        healthy.go_on(STEP_NS, ticks=False)
        (gone,) = logged
        assert (gone["event"], gone["log_level"], gone["market"], gone["reason"]) == (
            "QuotesWithdrawn", "warning", "btc", "FeedStale")  # fmt: skip
        assert (gone["age_s"], gone["stale_after_s"], gone["feed"]) == (
            stale_ns / 1e9 + 0.1,
            stale_ns / 1e9,
            "reference",
        )
        healthy.go_on(HICCUP_NS // 2, ticks=False)
        assert len(logged) == 1, "once per silence"
        healthy.go_on(STEP_NS)
        assert [entry["event"] for entry in logged] == ["QuotesWithdrawn", "FeedBack"]
        assert logged[1]["silent_for_s"] == pytest.approx((stale_ns + HICCUP_NS // 2) / 1e9 + 0.2)
        healthy.go_on(SECOND)
        assert len(logged) == 2


def test_a_feed_that_was_never_heard_has_no_quotes_to_withdraw(healthy: Trading) -> None:
    with structlog.testing.capture_logs() as logged:
        healthy.go_on(10 * SECOND, ticks=False)

    assert [entry["event"] for entry in logged if entry["event"] == "QuotesWithdrawn"] == []


def test_a_feed_that_is_late_is_logged_as_late_by_how_much_and_later_the_slot_is_not_ready(healthy: Trading) -> None:
    stale_ns = healthy.slot.markets["btc"].engine.market.terms.limits.stale_after_ns
    healthy.go_on(SECOND)
    with structlog.testing.capture_logs() as logged:
        healthy.go_on(STEP_NS, late_ns=stale_ns)
        assert logged == []
        healthy.go_on(STEP_NS, late_ns=stale_ns + 1_500_000_000)
        (gone,) = logged
        assert (gone["event"], gone["reason"], gone["message"]) == ("QuotesWithdrawn", "FeedStale", "late by 4.5 s")
        assert gone["age_s"] == gone["late_s"] == pytest.approx(4.5)
        assert healthy.slot.report().ready, "for a moment: a hiccup"
        healthy.go_on(HICCUP_NS + STEP_NS, late_ns=stale_ns + 1)
        report = healthy.slot.report()
        assert (report.ready, report.reason, report.message) == (
            False, "FeedStale", "market data of btc is late by 4.5 s")  # fmt: skip
        assert [entry["event"] for entry in logged] == ["QuotesWithdrawn", "StandingChanged"]

        healthy.go_on(STEP_NS)
        assert logged[-1]["event"] == "StandingChanged"
        assert [entry["event"] for entry in logged].count("FeedBack") == 1
    assert healthy.slot.report().reason == "Trading"


def test_a_feed_that_is_silent_at_first_and_late_when_it_is_back_says_both(healthy: Trading) -> None:
    stale_ns = healthy.slot.markets["btc"].engine.market.terms.limits.stale_after_ns
    healthy.go_on(SECOND)
    with structlog.testing.capture_logs() as logged:
        healthy.go_on(stale_ns + STEP_NS, ticks=False)
        healthy.go_on(10 * STEP_NS, late_ns=stale_ns + SECOND)
    assert [(entry["event"], entry["message"]) for entry in logged] == [
        ("QuotesWithdrawn", "silent"), ("FeedLate", "late by 4.0 s")]  # fmt: skip
