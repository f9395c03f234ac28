"""Defects of a public market-making bot, by number: what it did wrong, this one does not.

Each test is named after the defect and goes red where our code has it. Those that need processes are in
test_reference_bot_defects_live.py.
"""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.bad_manifests import good_bot, good_venue
from harness.desk import Desk, Venue, fill, lose
from harness.engines import BTC, SECOND, accept, tick, trading
from harness.runtime_process import rows
from harness.simulator import book_ticker
from tradingbot_runtime.config import InvalidConfig, MarketMaking, load
from tradingbot_runtime.core.book import Book, VenueBook
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.planner import Capabilities
from tradingbot_runtime.core.positions import DailyLoss, Position
from tradingbot_runtime.core.quoting import EXACT, MarketView, Quote
from tradingbot_runtime.core.reference_price import ReferencePrice
from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal.schema import KIND, MIGRATIONS
from tradingbot_runtime.model import (
    FeedLost,
    Instrument,
    Lots,
    Money,
    Nanos,
    OrderCanceled,
    OrderFilled,
    OrderId,
    OrderStatus,
    OutcomeLost,
    Place,
    ReferenceTicked,
    Side,
    StateChanged,
    Ticks,
    TradingState,
    VenueTicked,
)
from tradingbot_runtime.strategies.market_making import ladder
from tradingbot_runtime.venues.binance.codec import MarketCodec
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.deltadefi.known_orders import KnownOrders
from tradingbot_runtime.venues.feed import BookFeed, Source

MS = 1_000_000
DAY = 86_400 * SECOND
ADA = Instrument(
    venue="sim", symbol="ADAUSDM", base="ADA", quote="USDM", tick_size=Decimal("0.0001"), lot_size=Decimal("0.01"),
    min_lots=Lots(1), max_lots=Lots(10**9), min_notional=Money(5 * 10**8),
)  # fmt: skip


def places(approved: list[Approved]) -> list[Place]:
    return [a.command for a in approved if isinstance(a.command, Place)]


def traded(order_id: str, side: Side, quantity: int, price: int, trade_id: str = "t") -> OrderFilled:
    return OrderFilled(time_ns=Nanos(5), order_id=OrderId(order_id), trade_id=trade_id, side=side, price=Ticks(price),
                       quantity=Lots(quantity), fee=0, fee_asset="USDT")  # fmt: skip


@pytest.mark.parametrize(("instrument", "mid"), [(BTC, 6_000_001), (ADA, 3_500)])
def test_defect_03_a_requote_compares_an_absolute_price_change_with_basis_points(
    instrument: Instrument, mid: int
) -> None:
    making = MarketMaking(spread_bps=Decimal(20), sizes=[Decimal(20)])
    strategy = ladder(making, instrument, ReferencePrice())

    def bid_at(price: int) -> Quote:
        book = Book(Ticks(price - 1), Ticks(price + 1), Lots(1), Lots(1), 1, Nanos(1))
        venue = VenueBook(book.bid, book.ask, is_known=True)
        view = MarketView(book, venue, Lots(10**9), Money(10**18))
        return next(quote for quote in strategy.quotes(view) if quote.side is Side.BUY)

    moved = mid + mid * 15 // 10_000
    before, after = bid_at(mid), bid_at(moved)

    for price, quote in ((mid, before), (moved, after)):
        assert 0 <= Fraction(price) * Fraction(9_980, 10_000) - quote.price < 1, "twenty basis points at every scale"
    resting = Order(OrderId("o"), Side.BUY, before.price, before.quantity, state=OrderState.OPEN)
    assert EXACT.keeps(resting, before)
    assert not EXACT.keeps(resting, after)


def test_defect_04_any_exception_at_submit_makes_an_orphan(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    assert desk.state(bid) is OrderState.UNKNOWN
    desk.market.handle(tick(desk.now_ns + SECOND))
    bids = [c for c in desk.venue.sent if isinstance(c, Place) and c.side is Side.BUY]
    assert [place.order_id for place in bids] == [bid], "it counts as there, and is not sent again"

    desk.venue.orders[bid] = (OrderStatus.OPEN, 0)
    desk.look()
    assert desk.state(bid) is OrderState.OPEN


def test_defect_05_fills_carry_the_venues_id_and_match_no_order(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.venue.orders[bid] = (OrderStatus.OPEN, 0)
    desk.venue.told_by_list = [fill(bid, quantity=400)]  # names the order by the venue's id only
    for _ in range(40):
        desk.look()

    order = desk.market.engine.market.orders.get(bid)
    assert order is not None
    assert (order.state, order.filled, desk.market.engine.market.position.lots) == (OrderState.PARTIAL, 400, 400)
    known = KnownOrders()
    known.add(bid, "venue-77")
    assert known.order_id("venue-77") == bid


def test_defect_06_profit_has_the_wrong_sign_when_a_long_is_reduced_and_a_flip_the_wrong_average() -> None:
    position, unit = Position(BTC), BTC.tick_lot
    story = [  # side, lots, price -> position, average price of it, realised (in ticks times lots)
        (Side.BUY, 10, 100, 10, 100, 0),
        (Side.SELL, 4, 130, 6, 100, 120),
        (Side.SELL, 10, 90, -4, 90, 60),
        (Side.BUY, 2, 80, -2, 90, 80),
        (Side.BUY, 5, 95, 3, 95, 70),
        (Side.SELL, 3, 95, 0, 0, 70),
    ]
    for number, (side, lots, price, after, average, realised) in enumerate(story):
        position.apply(traded("o", side, lots, price, str(number)))
        assert (position.lots, position.cost, position.realised) == (after, after * average * unit, realised * unit)


@pytest.mark.parametrize("where", ["", "strategy", "strategy.marketMaking", "markets.0"])
def test_defect_07_a_limit_in_the_wrong_place_is_silently_ignored(where: str) -> None:
    bot = good_bot()
    bot["spec"]["risk"] = {"maxSkew": "2000"}
    assert load(yaml.safe_dump_all([good_venue(), bot])).bot.risk.max_skew == Decimal(2000), "the right place"

    place: Any = bot["spec"]
    for part in filter(None, where.split(".")):
        place = place[int(part)] if part.isdigit() else place[part]
    place["maxSkew"] = "2000"

    with pytest.raises(InvalidConfig) as refused:
        load(yaml.safe_dump_all([good_venue(), bot]))
    assert "maxSkew" in str(refused.value)


def test_defect_08_an_upsert_wipes_realised_profit_and_counts_twice(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    order = Order(OrderId("a"), Side.BUY, Ticks(100), Lots(10), Lots(10), OrderState.FILLED, "v1")
    trades = [traded("a", Side.BUY, 10, 100, "1"), traded("b", Side.SELL, 10, 130, "2")]
    for _ in range(3):
        with Journal(path) as journal:
            for trade in trades:
                journal.keep_fill("m", "account", BTC, trade)
            journal.write("m", [], [order])
    position = Position(BTC)
    with Journal(path) as journal:
        for trade in journal.fills("m"):
            position.apply(trade)

    assert (position.lots, position.realised, position.traded) == (0, 300 * BTC.tick_lot, 20)


def test_defect_09_money_is_a_floating_point_number(desk: Desk, journal: Journal, tmp_path: Path) -> None:
    bid, _ = desk.quote()
    desk.market.handle(fill(bid))
    journal.keep_day("btc", 1, desk.market.engine.market.profit)

    database = tmp_path / "journal.sqlite3"
    tables = [row[0] for row in rows(database, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = [(t, c[1], c[2]) for t in tables for c in rows(database, f"PRAGMA table_info({t})")]
    assert [column for column in columns if column[2].upper() in {"REAL", "FLOAT", "DOUBLE", "NUMERIC"}] == []
    kinds = {kind for t, c, _ in columns for (kind,) in rows(database, f"SELECT DISTINCT typeof({c}) FROM {t}")}  # noqa: S608 - names of the schema
    assert "real" not in kinds
    payloads = [row[0] for row in rows(database, "SELECT payload FROM events UNION ALL SELECT payload FROM fills")]
    assert payloads
    for payload in payloads:
        json.loads(payload, parse_float=lambda text: pytest.fail(f"a fraction in the journal: {text}"))


def test_defect_10_ages_mix_seconds_and_milliseconds_and_orders_in_flight_are_cancelled(desk: Desk) -> None:
    bid, offer = desk.quote()
    for after_s in (0.1, 0.5, 1, 3):  # less than five seconds in all: the venue may not list them yet
        desk.look(after_s)
        assert (desk.state(bid), desk.state(offer)) == (OrderState.SUBMITTING, OrderState.SUBMITTING)

    assert (desk.venue.asked, desk.venue.canceled, len(desk.venue.sent)) == ([], [], 2)


def test_defect_11_the_count_of_open_orders_drifts() -> None:
    made = trading(1, layers=3)
    made.handle(tick(SECOND))
    for step in range(60):
        made.handle(tick(SECOND + step, 6_000_000 + step, 6_000_002 + step))
        orders = list(made.market.orders)
        chosen = orders[step % len(orders)]
        event: Any = (
            accept(chosen.id, SECOND + step),
            OutcomeLost(time_ns=Nanos(SECOND + step), order_id=chosen.id),
            traded(chosen.id, chosen.side, 1, chosen.price, f"t{step // 8}"),
            OrderCanceled(time_ns=Nanos(SECOND + step), order_id=chosen.id),
        )[step % 4]
        made.handle(event)
        made.handle(event)  # whatever is told may be told twice
        now = made.market.situation(Nanos(SECOND + step), 100)
        assert now.open_orders == sum(1 for order in made.market.orders if not order.is_closed)


def test_defect_12_the_limiter_counts_twice_trusts_the_wall_clock_and_starves_cancels() -> None:
    budget = Budget(Fraction(5), burst=6, reserve=2)
    made = trading(1, layers=5, budget=budget)
    made.market.terms = replace(made.market.terms, capabilities=Capabilities(calls_per_place=2))
    first = places(made.handle(tick(SECOND)))
    assert len(first) == 2, "six calls, two kept for cancels, two for each order"
    assert budget.available(Nanos(SECOND)) == 2, "each order was taken off once"
    assert budget.available(Nanos(SECOND // 2)) <= 2, "a clock that is set back gives nothing"

    gone = made.handle(FeedLost(time_ns=Nanos(SECOND + MS), feed="reference", reason="Closed"))
    assert gone == [], "nothing is known of them yet"
    for place in first:
        made.handle(accept(place.order_id, SECOND + 2 * MS))
    assert {o.state for o in made.market.orders} == {OrderState.PENDING_CANCEL}, "cancels pass an empty budget"


def test_defect_13_the_day_begins_twenty_four_hours_after_the_start() -> None:
    daily = DailyLoss()
    assert daily.loss(DAY - 1, Money(0)) == 0
    assert daily.loss(DAY - 1, Money(-70)) == 70
    assert daily.loss(DAY, Money(-70)) == 0, "midnight UTC, a nanosecond after the start"
    assert daily.loss(2 * DAY - 1, Money(-100)) == 30


def test_defect_14_orders_are_sent_past_the_outbox(journal: Journal, tmp_path: Path) -> None:
    committed: list[str] = []

    class Reader(Venue):
        """Looks into the journal as another process would, before anything leaves."""

        def send(self, instrument: Instrument, approved: Approved) -> None:
            for order_id in approved.command.touches:
                query = "SELECT state FROM orders WHERE order_id = ?"
                with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as database:
                    committed.extend(state for (state,) in database.execute(query, (order_id,)))
            super().send(instrument, approved)

    desk = Desk(journal, Reader())
    bid, offer = desk.quote()
    for order_id in (bid, offer):
        desk.market.handle(accept(order_id, desk.now_ns))
    desk.market.handle(StateChanged(time_ns=Nanos(desk.now_ns), state=TradingState.HALTED, reason="ManualHalt"))

    assert committed == ["Submitting", "Submitting", "PendingCancel", "PendingCancel"]
    assert len(desk.venue.sent) == 4


def test_defect_15_a_restart_forgets_which_fills_were_processed_and_an_overfill_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with Journal(path) as journal:
        assert journal.keep_fill("m", "account", BTC, fill(OrderId("a")))
    with Journal(path) as journal:
        assert not journal.keep_fill("m", "account", BTC, fill(OrderId("a")))

        desk = Desk(journal)
        bid, _ = desk.quote()
        desk.market.handle(fill(bid, "more", quantity=1_700))  # of a thousand
        assert desk.market.engine.market.position.lots == 1_700
        assert desk.market.health.anomalies == {"Overfill": 1}


def test_defect_16_a_migration_drops_all_tables(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    trade = json.dumps({"type": "OrderFilled", "time_ns": 5, "order_id": "a", "trade_id": "t1", "side": "buy",
                        "price": 100, "quantity": 3, "fee": 1, "fee_asset": "BTC", "maker": True})  # fmt: skip
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(f"PRAGMA journal_mode=WAL; BEGIN; {MIGRATIONS[0]} PRAGMA user_version=1; COMMIT;")
        columns = "venue, account, symbol, trade_id, market, order_id, quantity, payload"
        database.execute(f"INSERT INTO fills ({columns}) VALUES ('sim', 'a', 'BTCUSDT', 't1', 'm', 'a', 3, ?)",  # noqa: S608 - names
                         (trade.encode(),))  # fmt: skip
        database.execute("INSERT INTO meta VALUES ('kind', ?)", (KIND,))
    for _ in range(2):
        with Journal(path) as journal:
            assert [(f.trade_id, f.quantity) for f in journal.fills("m")] == [("t1", 3)]


def test_defect_17_ticks_queue_up_and_quotes_are_made_for_prices_that_are_gone() -> None:
    ticks: list[ReferenceTicked | FeedLost] = []
    feed = BookFeed(BTC, Source("", MarketCodec(BTC)), ticks.append, lambda: Nanos(1), Backoff(lambda: 0.5))
    for number in range(1_000):  # one read of the socket brings them all
        price = 60_000 + number
        frame = json.dumps(book_ticker(number + 1, (f"{price}.00", "1"), (f"{price}.01", "1"))).encode()
        feed.on_text(memoryview(frame), last=number == 999)

    assert [getattr(event, "bid", None) for event in ticks] == [6_099_900]
    assert feed.health.frames == 1_000


def test_defect_19_every_requote_replaces_all_twenty_orders() -> None:
    made = trading(1, layers=10, max_open_orders=100, max_position=Lots(10**6))  # no limit does the planner's work
    first = places(made.handle(tick(SECOND)))
    for place in first:
        made.handle(accept(place.order_id, SECOND + MS))
    assert made.handle(tick(2 * SECOND)) == [], "the same price again"
    assert (len(first), made.ids.used) == (20, 20), "and no acknowledgement was a reason to quote anew"

    gone = first[0].order_id
    made.handle(traded(gone, first[0].side, first[0].quantity, first[0].price))
    made.handle(tick(3 * SECOND))
    assert len([o for o in made.market.orders if o.state is OrderState.SUBMITTING]) == 1, (
        "one was filled, one is placed"
    )


def test_defect_20_the_position_check_blocks_buys_of_a_short_and_ignores_resting_orders() -> None:
    def short(position: int) -> Engine:
        made = trading(1, layers=1, max_position=Lots(1_500))
        made.market.position.apply(traded("earlier", Side.SELL, position, 6_000_000))
        return made

    at_the_limit = places(short(1_500).handle(tick(SECOND)))
    assert [place.side for place in at_the_limit] == [Side.BUY], "what reduces the risk is allowed"

    sent = places(trading(1, layers=3, max_position=Lots(1_500)).handle(tick(SECOND)))
    resting = {side: sum(p.quantity for p in sent if p.side is side) for side in Side}
    assert resting == {Side.BUY: 1_000, Side.SELL: 1_000}, "a second order of 1,000 could reach 2,000: it is refused"


def test_defect_21_nothing_keeps_a_quote_from_crossing_the_venues_book() -> None:
    made = trading(1, layers=3)
    made.market.terms = replace(made.market.terms, reference_is_venue=False)
    made.handle(VenueTicked(time_ns=Nanos(SECOND), bid=Ticks(5_980_000), ask=Ticks(5_990_000)))  # 17 bps lower
    sent = places(made.handle(tick(SECOND)))

    assert {place.side for place in sent} == {Side.BUY, Side.SELL}
    assert all(place.post_only for place in sent)
    assert all(place.price < 5_990_000 for place in sent if place.side is Side.BUY)
    assert all(place.price > 5_980_000 for place in sent if place.side is Side.SELL)
