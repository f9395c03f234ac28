"""What a market and its slot do at the edges of trading: without a Lease, without a feed, before the barrier."""

from pathlib import Path

from harness.desk import Desk
from harness.engines import tick
from harness.slots import SECOND, Wire, config, slot_of
from tradingbot_runtime.core.market_events import CROSS_FEED
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import (
    BalancesReported,
    CrossTicked,
    FeedLost,
    Money,
    Nanos,
    StateChanged,
    TradingState,
)


def test_a_tick_after_the_lease_was_lost_places_nothing(journal: Journal) -> None:
    desk = Desk(journal)
    desk.market.handle(BalancesReported(time_ns=Nanos(1), base=10**8, quote=Money(10**13)))
    desk.market.handle(StateChanged(time_ns=Nanos(1), state=TradingState.ACTIVE, reason="Trading"))
    desk.market.is_fenced = lambda: True
    desk.market.handle(tick(desk.now_ns))

    assert desk.venue.sent == []
    assert desk.market.engine.market.state is TradingState.FENCED


def test_the_cross_price_is_gone_with_its_feed_and_the_books_stay(journal: Journal) -> None:
    market = Desk(journal).market
    market.handle(tick(SECOND))
    market.handle(CrossTicked(time_ns=Nanos(SECOND), mid_2=12_000_002, unit=1))
    assert market.engine.market.cross is not None
    market.handle(FeedLost(time_ns=Nanos(SECOND + 1), feed=CROSS_FEED, reason="closed"))

    assert market.engine.market.cross is None
    assert market.engine.market.reference.is_valid


def test_before_its_barrier_a_slot_reports_what_an_earlier_process_left_and_is_not_drained(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with Journal(path) as journal:
        bid, offer = Desk(journal).quote()
        assert bid != offer
    slot = slot_of(path, Wire(), config())
    slot.markets.clear()  # the barrier makes them
    slot.update(drained="hand-over")
    report = slot.report()

    assert [(told.market, told.open_orders, told.unknown_orders) for told in report.markets] == [("btc", 2, 2)]
    assert report.state is TradingState.STOPPED
    slot.journal.close()


def test_a_venues_clock_is_told_to_the_markets_of_that_venue_alone(tmp_path: Path) -> None:
    slot = slot_of(tmp_path / "journal.sqlite3", Wire(), config())
    meters = slot.markets["btc"].engine.market.meters
    before = meters.clock_offset_ns
    slot.clock_measured("another", 5 * SECOND)
    assert meters.clock_offset_ns == before

    slot.clock_measured("sim", 5 * SECOND)
    assert meters.clock_offset_ns == 5 * SECOND
    slot.journal.close()
