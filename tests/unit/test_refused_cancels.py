"""Cancels that the venue refuses while the orders stay open: tried again after pauses, and told."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.desk import Desk, Venue, accept
from harness.engines import SECOND, tick, trading
from harness.engines import accept as accepted
from harness.slots import Wire, answer_all, config, slot_of
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.core.planner import compare
from tradingbot_runtime.core.quoting import EXACT
from tradingbot_runtime.core.refusals import CANCEL_ENDING_NS, CANCEL_FIRST_NS, CANCEL_LONGEST_NS, TOLD_FOR_NS
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.errors import VenueRefused
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.market_watch import MarketWatch
from tradingbot_runtime.model import (
    AnyCommand,
    AnyEvent,
    Cancel,
    CancelRejected,
    Instrument,
    Nanos,
    OrderCanceled,
    OrderId,
    OrderStatus,
    Place,
    StateChanged,
    TimePassed,
    TradingState,
)
from tradingbot_runtime.slot import Slot

STEP_NS = CANCEL_FIRST_NS  # of the app's timer


def refused(order_id: OrderId, now_ns: int) -> CancelRejected:
    return CancelRejected(
        time_ns=Nanos(now_ns), order_id=order_id, gone=False, reason="-1013", message="Market is closed."
    )


class Closed:
    """An engine with a bid and an offer at a venue that takes no cancel, and a clock."""

    def __init__(self) -> None:
        self.bot: Engine = trading(layers=1)
        self.now_ns, self.bid = SECOND, 6_000_000
        self.tried: list[tuple[int, OrderId]] = []
        self.placed: list[OrderId] = []
        self.is_closed = True
        self.go_on(tick(self.now_ns))
        self.orders = tuple(self.placed)

    def go_on(self, event: AnyEvent) -> None:
        for approved in self.bot.handle(event):
            self._answer(approved.command)

    def _answer(self, command: AnyCommand) -> None:
        if isinstance(command, Place):
            self.placed.append(command.order_id)
            self.bot.handle(accepted(command.order_id, self.now_ns))
        elif isinstance(command, Cancel):
            self.tried.append((self.now_ns, command.order_id))
            if self.is_closed:
                self.bot.handle(refused(command.order_id, self.now_ns))
            else:
                self.bot.handle(OrderCanceled(time_ns=Nanos(self.now_ns), order_id=command.order_id))

    def moves(self, for_ns: int) -> None:
        """The price goes away from the orders, tick by tick, up and down."""
        for step in range(for_ns // STEP_NS):
            self.now_ns += STEP_NS
            bid = 6_030_000 + 10_000 * (step % 2)
            self.go_on(tick(self.now_ns, bid, bid + 2))

    def waits(self, for_ns: int) -> None:
        for _ in range(for_ns // STEP_NS):
            self.now_ns += STEP_NS
            self.go_on(TimePassed(time_ns=Nanos(self.now_ns)))

    def to(self, state: TradingState) -> None:
        self.go_on(StateChanged(time_ns=Nanos(self.now_ns), state=state, reason="r"))

    def tried_after(self, since_ns: int, order_id: OrderId) -> list[float]:
        return [round((at_ns - since_ns) / SECOND, 1) for at_ns, tried in self.tried if tried == order_id]


DOUBLING = [0.0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3, 11.3, 16.3]


def test_an_order_that_no_quote_wants_is_tried_again_after_pauses_that_double_up_to_five_seconds() -> None:
    closed = Closed()
    since_ns = closed.now_ns + STEP_NS
    closed.moves(20 * SECOND)

    assert [closed.tried_after(since_ns, order_id) for order_id in closed.orders] == [DOUBLING] * 2


@pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.DRAINED, TradingState.STOPPED])
def test_so_it_is_in_a_stop_which_begins_anew_and_ends_soon_after_the_venue_takes_cancels(state: TradingState) -> None:
    closed = Closed()
    closed.moves(30 * SECOND)
    closed.tried.clear()

    closed.to(state)
    stopped_ns = closed.now_ns
    closed.waits(20 * SECOND)
    assert [closed.tried_after(stopped_ns, order_id) for order_id in closed.orders] == [DOUBLING] * 2
    tried = len(closed.tried)
    closed.to(state)
    assert len(closed.tried) == tried, "told once more, it is the same stop"
    closed.is_closed = False
    closed.waits(CANCEL_LONGEST_NS)
    assert not closed.bot.market.orders.live
    assert not closed.bot.market.refused_cancels.by_order, "what is over is forgotten"


def test_no_order_is_placed_beside_one_that_cannot_be_withdrawn() -> None:
    closed = Closed()
    closed.moves(10 * SECOND)

    assert len(closed.placed) <= 4, "at most the quote that was sent together with the first cancel"


def test_an_order_that_is_held_is_neither_stale_nor_is_a_quote_missing_for_it() -> None:
    closed = Closed()
    live = tuple(closed.bot.market.orders)
    quotes = closed.bot.quotes
    away = tuple(type(q)(q.side, q.price.__class__(q.price + q.side.sign * 50_000), q.quantity) for q in quotes)

    free = compare(away, live, EXACT)
    held = compare(away, live, EXACT, held={live[0].id})
    assert {order.id for order in free.stale} == {order.id for order in live}
    assert [order.id for order in held.stale] == [live[1].id]
    assert [quote.side for quote in held.missing] == [live[1].side]


def test_an_answer_that_proves_the_order_gone_holds_nothing() -> None:
    closed = Closed()
    order_id = closed.orders[0]
    closed.bot.handle(refused(order_id, closed.now_ns))
    closed.bot.handle(replace(refused(order_id, closed.now_ns + 1), gone=True))

    assert not closed.bot.market.refused_cancels.by_order


class Refusing(Wire):
    """A wire to a venue that places and does not cancel."""

    def answer(self, slot: Slot, now_ns: int) -> None:
        cancels = [command for command in self.sent if isinstance(command, Cancel)]
        self.sent = [command for command in self.sent if not isinstance(command, Cancel)]
        answer_all(slot, self)
        for cancel in cancels:
            slot.markets["btc"].handle(refused(cancel.order_id, now_ns))


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[Slot]:
    opened = slot_of(tmp_path / "journal.sqlite3", Refusing(), config())
    yield opened
    opened.journal.close()


class Watched:
    """A slot, the watch over it, and time that passes in steps of the app's timer."""

    def __init__(self, slot: Slot) -> None:
        self.slot, self.watch, self.now_ns = slot, MarketWatch(slot), 10 * SECOND
        slot.now_ns = lambda: Nanos(self.now_ns)

    def go_on(self, for_ns: int, bid: int) -> None:
        wire = self.slot.markets["btc"].gateway
        assert isinstance(wire, Refusing)
        for _ in range(for_ns // STEP_NS):
            self.now_ns += STEP_NS
            self.slot.markets["btc"].handle(tick(self.now_ns, bid, bid + 2))
            wire.answer(self.slot, self.now_ns)
            self.watch.look()


def test_orders_that_cannot_be_withdrawn_are_told_with_the_venues_words_and_in_a_halt_as_well(slot: Slot) -> None:
    watched = Watched(slot)
    watched.go_on(SECOND, 6_000_000)
    assert slot.report().reason == "Trading"

    watched.go_on(SECOND, 6_100_000)
    report = slot.report()
    assert (report.state, report.reason, report.markets[0].reason) == (
        TradingState.ACTIVE, "CancelRefused", "CancelRefused")  # fmt: skip
    assert "-1013 Market is closed." in report.message
    watched.go_on(30 * SECOND, 6_100_000)
    assert slot.report() == report, "nothing in it changes while nothing changes"

    slot.halted_by_hand("ann", "looks wrong")
    watched.go_on(2 * SECOND, 6_100_000)
    report = slot.report()
    assert (report.state, report.reason, report.markets[0].reason) == (
        TradingState.HALTED, "ManualHalt", "CancelRefused")  # fmt: skip
    assert report.message.startswith("until a person resumes; market btc: the venue refuses to cancel orders")


def test_it_is_told_no_longer_when_nothing_is_refused_any_more(slot: Slot) -> None:
    watched = Watched(slot)
    watched.go_on(SECOND, 6_000_000)
    watched.go_on(5 * SECOND, 6_100_000)
    assert slot.report().markets[0].reason == "CancelRefused"

    watched.go_on(TOLD_FOR_NS + SECOND, 6_000_000)  # the orders are wanted again: nothing is tried, nothing is known
    assert slot.report().markets[0].reason == ""


@dataclass
class Suspended(Venue):
    """It refuses to cancel one order."""

    stuck: str = ""
    tries: Counter[str] = field(default_factory=Counter)

    async def cancel(self, instrument: Instrument, order_id: OrderId, name: str = "") -> None:
        self.tries[order_id] += 1
        if order_id == self.stuck:
            raise VenueRefused(-1013, "Market is closed.")
        await super().cancel(instrument, order_id, name)


class Ending:
    """A market with two orders, at a venue that refuses to cancel the first of them."""

    def __init__(self, journal: Journal) -> None:
        self.venue = Suspended()
        self.desk = Desk(journal, self.venue)
        self.orders = self.desk.quote()
        accept(self.desk, *self.orders)
        self.desk.all.is_restored = True
        self.stuck = self.orders[0]
        self.venue.stuck = self.stuck

    def passes(self, times: int, every_ns: int) -> list[str]:
        """What each pass of the end comes to."""
        found = []
        for _ in range(times):
            self.desk.now_ns += every_ns
            try:
                found.append(str(asyncio.run(self.desk.all.cancel_all())))
            except VenueRefused as error:
                found.append(error.message)
        return found


def test_at_the_end_one_order_that_stays_keeps_no_other_one_in_the_market(journal: Journal) -> None:
    ending = Ending(journal)

    assert ending.passes(1, STEP_NS) == ["Market is closed."]
    assert ending.venue.orders[ending.orders[1]][0] is OrderStatus.CANCELED
    assert ending.desk.state(ending.stuck) is OrderState.OPEN


def test_at_the_end_it_is_tried_again_after_a_second_at_most_and_the_venue_is_not_asked_about_it(
    journal: Journal,
) -> None:
    ending = Ending(journal)
    ending.passes(200, STEP_NS)

    assert 20 <= ending.venue.tries[ending.stuck] <= 24
    assert ending.stuck not in ending.venue.asked, "the list of open orders says it all"
    ending.venue.stuck = ""
    assert ending.passes(2, CANCEL_ENDING_NS)[-1] == "True"
