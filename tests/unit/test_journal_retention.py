"""The journal does not grow without end, and what positions and halts hang on stays."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from harness.desk import Desk, accept, fill
from harness.engines import BTC
from harness.told_journal import MARKET, START, decided, told
from tradingbot_runtime.config import SlotConfig, Storage
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.positions import DailyLoss
from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.journal import ConfigApplied, Decided, Journal
from tradingbot_runtime.journal.retention import LATE_NS, LOOKED_AT, NEWEST, OF_VOLUME, PIECE, most_bytes, used
from tradingbot_runtime.model import Cancel, Lots, Money, Nanos, OrderCanceled, OrderId, Side, Ticks
from tradingbot_runtime.risk_memory import daily_of

MOST = 4_000_000


def write_decisions(journal: Journal, first: int, count: int) -> None:
    cancels = [Cancel(order_id=OrderId(f"{number:032}")) for number in range(20)]
    journal.write(MARKET, [decided(START + number, *cancels) for number in range(first, first + count)], [])


def test_the_oldest_events_go_and_orders_fills_halts_and_configurations_stay(tmp_path: Path) -> None:
    path = told(tmp_path / "journal.sqlite3")
    with Journal(path) as journal:
        journal.write("", [ConfigApplied(time_ns=Nanos(1), config_hash="h", document="{}")], [])
        for first in range(0, 6_000, 40):
            write_decisions(journal, first, 40)
            journal.trim(MOST)
        assert used(journal._db) <= MOST + 200_000  # noqa: SLF001 - what the file holds
    with Journal(path) as journal:
        assert sum(1 for _ in journal.fills(MARKET)) == 2
        assert len(journal.latches.held()) == 1
        assert len(journal.orders_not_closed(MARKET)) == 2
    with closing(sqlite3.connect(path)) as database:
        kinds = dict(database.execute("SELECT kind, count(*) FROM events GROUP BY kind"))
        newest = database.execute("SELECT max(time_ns) FROM events").fetchone()[0]
    assert kinds["ConfigApplied"] == 1
    assert newest == START + 5_999
    assert path.stat().st_size < 1.5 * MOST


def events(journal: Journal) -> int:
    return int(journal._db.execute("SELECT count(*) FROM events").fetchone()[0])  # noqa: SLF001 - as above


def test_a_journal_within_its_limit_loses_nothing_and_a_pass_takes_a_piece(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite3") as journal:
        write_decisions(journal, 0, NEWEST + 300)
        journal.trim(2**30)
        assert events(journal) == NEWEST + 300
        journal.trim(1)
        assert events(journal) == NEWEST + 300 - PIECE


def test_the_newest_events_stay_whatever_the_limit_and_the_journal_opens_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with Journal(path) as journal:
        write_decisions(journal, 0, NEWEST + 10)
        for _ in range(5):
            journal.trim(1)
        assert events(journal) == NEWEST
    with Journal(path) as journal:  # the mark knows the last number
        write_decisions(journal, 10_000, 1)
        assert events(journal) == NEWEST + 1
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT max(seq) FROM events").fetchone() == (NEWEST + 11,)


def test_a_small_volume_is_not_filled_by_its_journal(tmp_path: Path) -> None:
    assert most_bytes(1_000, tmp_path / "j") == 1_000
    assert most_bytes(2**70, tmp_path / "j") < 2**70 // OF_VOLUME


def test_the_limit_is_the_manifests() -> None:
    assert Storage().history == "512Mi"
    assert SlotConfig.model_fields["history"].default == Storage().history


def test_a_journal_that_cannot_be_trimmed_says_so(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite3") as journal:
        write_decisions(journal, 0, NEWEST + 1)
        journal._db.execute("PRAGMA query_only=1")  # noqa: SLF001 - as a volume that has become read-only
        with pytest.raises(JournalError, match="cannot be written"):
            journal.trim(1)


MINUTE_NS = 60 * 10**9
ENDS = (OrderState.CANCELED, OrderState.REJECTED, OrderState.DENIED, OrderState.EXPIRED)


def write_orders(journal: Journal, first: int, count: int, since_ns: int = START) -> None:
    """Orders that ended without a fill, one a nanosecond, each with what was decided and told of it."""
    records: list[Decided | OrderCanceled] = []
    orders = []
    for number in range(first, first + count):
        order = Order(OrderId(f"7b08{number:028}"), Side.BUY, Ticks(6_000_000), Lots(1_000), Lots(0),
                      ENDS[number % len(ENDS)], f"v{number}")  # fmt: skip
        orders.append(order)
        ended = OrderCanceled(time_ns=Nanos(since_ns + number), order_id=order.id)
        records += [decided(since_ns + number, Cancel(order_id=order.id)), ended]
    journal.write(MARKET, records, orders)
    aged = "UPDATE orders SET created_ns = ? + CAST(substr(order_id, 5) AS INTEGER) WHERE order_id >= ?"
    journal._db.execute(aged, (since_ns, f"7b08{first:028}"))  # noqa: SLF001 - a test waits for no hour


def rows(journal: Journal, query: str) -> list[tuple[object, ...]]:
    return journal._db.execute(query).fetchall()  # noqa: SLF001 - as above


def test_orders_that_never_filled_go_with_the_events_and_the_file_is_bounded(tmp_path: Path) -> None:
    path = told(tmp_path / "journal.sqlite3")
    kept = "SELECT order_id, state, filled FROM orders WHERE order_id LIKE '7b07%' ORDER BY order_id"
    with Journal(path) as journal:
        journal.keep_day(MARKET, 20_454, 77)
        journal._db.execute("UPDATE orders SET created_ns = 0")  # noqa: SLF001 - old enough, were it for that alone
        told_of, position = rows(journal, kept), journal.accounts.position(MARKET, BTC)
        most_used = 0
        for first in range(0, 24_000, 400):
            write_orders(journal, first, 400)
            for _ in range(40):
                journal.trim(MOST)
            most_used = max(most_used, used(journal._db))  # noqa: SLF001 - as above
        assert most_used < MOST + 500_000
        left, remembered = rows(journal, "SELECT count(*) FROM orders"), events(journal)
        assert left[0][0] < 8_000  # type: ignore[operator]  # of 24,000
        assert remembered > 4 * NEWEST, "the events get what the orders leave"
        assert rows(journal, kept) == told_of
    with Journal(path) as journal:
        assert rows(journal, kept) == told_of
        assert len(journal.orders_not_closed(MARKET)) == 2
        assert journal.accounts.position(MARKET, BTC) == position
        assert daily_of(journal, MARKET) == DailyLoss(20_454, Money(77))
    assert path.stat().st_size < 1.5 * MOST


def test_a_grown_journal_loses_old_orders_before_it_loses_events(tmp_path: Path) -> None:
    """As an earlier version has left it: orders of months, and hardly an event that tells of them."""
    with Journal(told(tmp_path / "journal.sqlite3")) as journal:
        write_orders(journal, 0, 3_000)
        for _ in range(200):
            journal._retention._events()  # noqa: SLF001 - what the earlier version did
        write_decisions(journal, 10_000, 2 * NEWEST)
        remembered = events(journal)
        for _ in range(2_500 // LOOKED_AT + 1):
            journal.trim(1)
        told_of = rows(journal, "SELECT count(*) FROM orders WHERE order_id LIKE '7b08%'")
        assert told_of == [(NEWEST // 2,)], "two events of each are left"
        assert events(journal) == remembered


@pytest.mark.parametrize(("age_ns", "left"), [(LATE_NS - MINUTE_NS, 500), (LATE_NS + MINUTE_NS, 0)])
def test_young_orders_stay_whatever_the_limit(tmp_path: Path, age_ns: int, left: int) -> None:
    with Journal(tmp_path / "journal.sqlite3") as journal:
        write_orders(journal, 0, 500, time.time_ns() - age_ns)
        write_decisions(journal, time.time_ns() - START, NEWEST)
        for _ in range(50):
            journal.trim(1)
        assert rows(journal, "SELECT count(*) FROM orders") == [(left,)]
        assert events(journal) == NEWEST


def test_an_order_that_was_old_when_it_ended_stays_for_late_news_of_it(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite3") as journal:
        write_orders(journal, 0, 2)
        write_decisions(journal, time.time_ns() - START, NEWEST)
        just_now = "UPDATE orders SET venue_time_ns = ? WHERE order_id LIKE '%1'"
        journal._db.execute(just_now, (time.time_ns() - MINUTE_NS,))  # noqa: SLF001 - as above
        for _ in range(4):
            journal.trim(1)
        assert rows(journal, "SELECT order_id FROM orders") == [(f"7b08{1:028}",)]


def test_an_order_stays_as_long_as_an_event_may_tell_of_it(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite3") as journal:
        write_orders(journal, 0, 300)
        write_decisions(journal, 10_000, NEWEST)
        for _ in range(6):  # six hundred events in pieces, and a look at the orders with each
            journal.trim(1)
        [(oldest,)] = rows(journal, "SELECT min(time_ns) FROM events")
        told_of = rows(journal, f"SELECT count(*) FROM orders WHERE created_ns >= {oldest}")  # noqa: S608 - a number
        assert isinstance(oldest, int)
        assert START < oldest < START + 300
        assert told_of == [(START + 300 - oldest,)]


def test_a_piece_is_small_and_the_rounds_come_to_every_order(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite3") as journal:
        write_orders(journal, 0, 3 * LOOKED_AT)
        write_decisions(journal, 10_000, NEWEST)
        journal._db.execute("DELETE FROM events WHERE seq <= ?", (6 * LOOKED_AT,))  # noqa: SLF001 - as above
        left = [3 * LOOKED_AT]
        for _ in range(5):
            journal.trim(1)
            left.append(rows(journal, "SELECT count(*) FROM orders")[0][0])  # type: ignore[arg-type]
        assert left == [3 * LOOKED_AT, 2 * LOOKED_AT, LOOKED_AT, 0, 0, 0]
        write_orders(journal, 10**6, 10)
        journal._db.execute("UPDATE orders SET created_ns = 0")  # noqa: SLF001 - as above
        journal.trim(1)
        assert rows(journal, "SELECT count(*) FROM orders") == [(0,)]


def test_a_fill_of_an_order_that_was_dropped_counts_once_and_is_asked_about(desk: Desk) -> None:
    bid, offer = desk.quote()
    accept(desk, bid, offer)
    for order_id in (bid, offer):
        desk.market.handle(OrderCanceled(time_ns=Nanos(desk.now_ns), order_id=order_id))
    journal = desk.journal
    journal._db.execute("UPDATE orders SET created_ns = 0")  # noqa: SLF001 - as above
    journal.trim(1)
    assert journal.order(bid) is None
    desk.market.engine.market.orders.closed.clear()  # as after a restart

    for _ in range(2):
        desk.market.handle(fill(bid))
    assert desk.market.engine.market.position.lots == 1_000
    assert desk.market.health.anomalies == {"UnknownOrderId": 1}
    assert desk.market.health.orders.messages["DuplicateFill"] == 1
    desk.look()
    assert desk.market.engine.market.position.lots == 1_000
    assert journal.accounts.position(MARKET, BTC).lots == 1_000
