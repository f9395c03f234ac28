"""The account's trades, read on in bounded pieces; what they prove of an order that the venue no longer knows."""

import asyncio

import pytest
from msgspec.structs import replace

from harness.desk import STRAY, Desk, Venue, fill, lose
from tradingbot_runtime.config.risk import ForeignOrders, Risk
from tradingbot_runtime.core.order_ids import OrderKey, encode
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.errors import OutcomeUnknown
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import Instrument, Nanos, OrderCanceled, OrderId
from tradingbot_runtime.venue_trades import LOOKUPS_A_READING, OTHERS_KEPT, PAGES_A_READING
from tradingbot_runtime.venues.protocols import Trade, TradeCursor, TradesPage

SECOND = 1_000_000_000


class ManyPages(Venue):
    """One trade a page, named by our own id, and always another page."""

    async def trades(self, _: Instrument, cursor: TradeCursor) -> TradesPage:
        number = int(cursor.trade_id or 0) + 1
        self.cursors.append(cursor)
        traded = Trade(f"v{number}", fill(OrderId("ours"), f"t{number}", 1))
        return TradesPage((traded,), TradeCursor(cursor.since_ms, str(number)), more=True)


def read(desk: Desk) -> None:
    asyncio.run(desk.all.trades.read())


def test_an_order_that_the_venue_does_not_know_but_that_traded_is_neither_over_nor_lost(desk: Desk) -> None:
    bid, _ = desk.quote()
    lose(desk, bid)
    desk.venue.told_by_list = [fill(bid, quantity=300)]
    desk.all.paces.trades.answered_ns = Nanos(10**18)  # the list of trades is read for the question alone
    for _ in range(60):
        desk.look()
        if desk.market.engine.market.position.lots:
            break

    assert desk.market.engine.market.position.lots == 300
    assert desk.state(bid) is OrderState.PARTIAL
    assert desk.market.engine.market.orders.live[bid].leaves_quantity == 700, "which may fill any moment"


def test_a_long_list_of_trades_is_read_in_bounded_pieces_and_goes_on_where_it_stopped(journal: Journal) -> None:
    desk = Desk(journal, ManyPages())
    read(desk)
    assert desk.market.engine.market.position.lots == PAGES_A_READING

    read(desk)
    assert desk.market.engine.market.position.lots == 2 * PAGES_A_READING
    assert len({cursor.trade_id for cursor in desk.venue.cursors}) == 2 * PAGES_A_READING, "no page twice"
    assert desk.venue.looked_up == [], "the trades say whose they are"


def test_what_has_to_be_looked_up_is_bounded_and_no_trade_is_left_out(desk: Desk) -> None:
    trades = LOOKUPS_A_READING + 5
    desk.venue.told_by_list = [fill(OrderId(f"of before {n}"), f"t{n}", 1) for n in range(trades)]
    read(desk)
    assert len(desk.venue.looked_up) == LOOKUPS_A_READING
    assert desk.market.engine.market.position.lots == LOOKUPS_A_READING

    read(desk)
    assert desk.venue.cursors[1] == desk.venue.cursors[0], "the page was not finished"
    assert desk.market.engine.market.position.lots == trades, "each counts once"


def test_the_start_reads_all_of_them_before_it_is_done(desk: Desk) -> None:
    """A position that lacks some is another position."""
    trades = 3 * LOOKUPS_A_READING + 5
    desk.venue.told_by_list = [fill(OrderId(f"of before {n}"), f"t{n}", 1) for n in range(trades)]

    asyncio.run(desk.all.restore())

    assert desk.market.engine.market.position.lots == trades


def test_what_a_reading_leaves_is_read_soon(desk: Desk) -> None:
    asyncio.run(desk.all.restore())
    trades = LOOKUPS_A_READING + 5
    desk.venue.told_by_list = [fill(OrderId(f"of others {n}"), f"t{n}", 1) for n in range(trades)]
    desk.look(after_s=20)
    assert desk.market.engine.market.position.lots == LOOKUPS_A_READING

    desk.look(after_s=5)

    assert desk.market.engine.market.position.lots == trades


def ours(epoch: int, sequence: int) -> OrderId:
    return encode(OrderKey(bot=1, slot=0, epoch=epoch, sequence=sequence))


def test_trades_of_our_orders_that_the_journal_does_not_know_are_counted_with_their_newest_epoch(desk: Desk) -> None:
    bid, _ = desk.quote()
    desk.venue.told_by_list = [fill(ours(3, 7), "t1", 1), fill(ours(5, 1), "t2", 1), fill(bid, "t3", 1),
                               fill(OrderId("foreign"), "t4", 1)]  # fmt: skip
    asyncio.run(desk.all.restore())

    assert (desk.all.trades.orders_not_known, desk.all.trades.newest_epoch) == (2, 5)


class Nameless(Venue):
    """An account of our own, where no trade says by whose id."""

    async def order_id(self, _: Instrument, venue_order_id: str) -> OrderId | None:
        self.looked_up.append(venue_order_id)
        return None


def test_at_an_account_of_its_own_every_trade_of_an_unknown_order_counts(journal: Journal) -> None:
    for exclusive in (True, False):
        desk = Desk(journal, Nameless(exclusive=exclusive))
        desk.venue.told_by_list = [fill(OrderId("somebody"), "t1", 1)]
        read(desk)

        assert desk.all.trades.orders_not_known == exclusive


def test_what_a_start_has_told_of_is_not_told_again_by_the_next(journal: Journal) -> None:
    """Each start reads the latest trades once more."""
    first = Desk(journal, Nameless(exclusive=True))
    first.venue.told_by_list = [fill(OrderId("somebody"), "t1", 1)]
    read(first)
    again = Desk(journal, first.venue)
    read(again)
    assert again.all.trades.orders_not_known == 1, "the first has ended before it could tell"
    again.all.trades.judged()
    first.venue.told_by_list.append(fill(OrderId("somebody else"), "t2", 1))

    after = Desk(journal, first.venue)
    read(after)
    assert after.all.trades.orders_not_known == 1


def test_what_others_trade_while_the_bot_runs_is_no_sign_of_a_loss_at_the_next_start(journal: Journal) -> None:
    running = Desk(journal, Nameless(exclusive=True))
    running.all.trades.judged()
    running.venue.told_by_list = [fill(OrderId("somebody"), "t1", 1)]
    read(running)

    after = Desk(journal, running.venue)
    read(after)
    assert after.all.trades.orders_not_known == 0


def test_a_fill_of_an_order_that_is_ours_and_not_in_the_journal_is_counted_by_one_start(journal: Journal) -> None:
    first = Desk(journal)
    first.venue.told_by_list = [fill(ours(3, 7), "t1", 1)]
    read(first)
    assert first.all.trades.orders_not_known == 1
    first.all.trades.judged()

    after = Desk(journal, first.venue)
    read(after)
    assert (after.all.trades.orders_not_known, after.all.trades.newest_epoch) == (0, 3)


def test_the_owners_that_are_remembered_are_bounded(desk: Desk) -> None:
    desk.venue.told_by_list = [fill(OrderId("foreign"))]
    read(desk)
    assert len(desk.venue.looked_up) == 1
    for first in range(0, OTHERS_KEPT, LOOKUPS_A_READING):
        numbers = range(first, first + LOOKUPS_A_READING)
        desk.venue.told_by_list = [fill(OrderId(f"o{n}"), f"t{n}", 1) for n in numbers]
        read(desk)
    desk.venue.told_by_list = [fill(OrderId("foreign"))]
    read(desk)

    assert desk.venue.looked_up.count("vforeign") == 2, "the oldest is forgotten, and asked about again"


def test_a_locked_venue_is_not_caught_up_with(desk: Desk) -> None:
    desk.venue.locked = "maintenance"

    with pytest.raises(OutcomeUnknown, match="maintenance"):
        asyncio.run(desk.all.catch_up())
    assert (desk.venue.asked, desk.venue.cursors) == ([], [])


def test_a_list_that_is_older_than_an_orders_end_does_not_bring_it_back(desk: Desk) -> None:
    bid, _ = desk.quote()
    desk.market.handle(OrderCanceled(time_ns=Nanos(desk.now_ns), order_id=bid, venue_time_ns=Nanos(9)))
    desk.venue.strays = [replace(STRAY, order_id=bid, venue_time_ns=Nanos(8))]
    asyncio.run(desk.all.orders.sweep())
    assert (desk.state(bid), desk.venue.canceled) == (OrderState.CANCELED, [])

    desk.venue.strays = [replace(STRAY, order_id=bid, venue_time_ns=Nanos(10))]
    asyncio.run(desk.all.orders.sweep())
    assert desk.venue.canceled == [bid], "what is listed after its end is in the market"


def test_a_refusal_for_lack_of_balance_has_the_account_compared_at_the_next_look(desk: Desk) -> None:
    desk.policy = Risk(foreign_orders=ForeignOrders.HALT)
    desk.look(after_s=100)
    desk.venue.base -= 10**6
    desk.look()
    assert desk.all.balances.mismatches == 0, "not yet its time"

    desk.all.compare_soon()
    desk.look()
    assert desk.all.balances.mismatches == 1


def test_cancel_all_of_a_process_that_has_not_asked_yet_asks_first(journal: Journal) -> None:
    bid, offer = Desk(journal).quote()
    after = Desk(journal)
    assert after.all.may_have_orders

    assert not asyncio.run(after.all.cancel_all()), "nothing is proved by one answer"
    assert set(after.venue.asked) == {bid, offer}
