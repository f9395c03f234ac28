"""What the end of a process waits for, and what it does not: the venue's lock, its journal, a second signal."""

import asyncio
import resource
from dataclasses import dataclass, field

import pytest

from harness.desk import STRAY, Desk, Venue, accept
from harness.engines import tick
from tradingbot_runtime.ending import may_be_open, withdraw
from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import Instrument, Nanos, OrderCanceled, OrderId, OrderStatus

SOON_S = 5.0
FAR_S = 3600.0


class Locking(Venue):
    """Its trading is locked for the next few looks at it."""

    looks_left = 0

    @property
    def locked(self) -> str:
        self.looks_left = max(self.looks_left - 1, 0)
        return "Hydra cycle" if self.looks_left else ""

    @locked.setter
    def locked(self, _: str) -> None:
        """It is not set, but runs out."""

    async def cancel(self, instrument: Instrument, order_id: OrderId, name: str = "") -> None:
        assert self.looks_left == 0, "nothing is sent while trading is locked"
        await super().cancel(instrument, order_id, name)


@dataclass
class Ending:
    desk: Desk
    venue: Locking
    orders: tuple[OrderId, ...]
    hurried: asyncio.Event = field(default_factory=asyncio.Event)
    failures: list[JournalError] = field(default_factory=list)

    async def ends(self, within_s: float = FAR_S) -> None:
        """Raises TimeoutError when it waits for what it should not."""
        async with asyncio.timeout(SOON_S):
            await withdraw([self.desk.all], within_s, self.hurried, self.failed)

    def failed(self, error: JournalError) -> None:
        self.failures.append(error)
        self.desk.journal.abandon()

    @property
    def left(self) -> list[OrderId]:
        return [order_id for order_id in self.orders if self.venue.orders[order_id][0] is OrderStatus.OPEN]


@pytest.fixture
def ending(journal: Journal) -> Ending:
    """Of a market with a bid and an offer at the venue."""
    venue = Locking()
    desk = Desk(journal, venue)
    orders = desk.quote()
    accept(desk, *orders)
    desk.all.is_restored = True
    return Ending(desk, venue, orders)


def test_it_ends_when_the_venue_has_nothing_of_ours(ending: Ending) -> None:
    asyncio.run(ending.ends())

    assert (ending.left, ending.failures) == ([], [])


def test_nothing_is_sent_while_trading_is_locked_and_everything_when_it_is_not_any_more(ending: Ending) -> None:
    ending.venue.looks_left = 4

    asyncio.run(ending.ends())
    assert (ending.left, set(ending.venue.canceled)) == ([], set(ending.orders))


def test_a_second_signal_ends_the_wait_at_once(ending: Ending) -> None:
    ending.venue.down = True

    async def story() -> None:
        asyncio.get_running_loop().call_soon(ending.hurried.set)
        await ending.ends()

    asyncio.run(story())
    assert len(ending.left) == 2


def test_the_time_that_it_has_ends_the_wait_as_well(ending: Ending) -> None:
    ending.venue.looks_left = 1_000_000
    asyncio.run(ending.ends(within_s=0.3))

    assert len(ending.left) == 2


def test_a_journal_that_fails_meanwhile_keeps_no_order_in_the_market(
    ending: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise JournalError("the journal's fsync failed")

    monkeypatch.setattr(ending.desk.journal, "check", broken)
    asyncio.run(ending.ends())

    assert (ending.left, len(ending.failures)) == ([], 1)


def test_an_order_that_could_not_be_journalled_was_not_sent_and_is_not_waited_for(journal: Journal) -> None:
    """The venue proves an absence in ten seconds at the earliest, which this end has not got."""
    venue = Locking()
    desk = Desk(journal, venue)
    desk.all.is_restored = True
    desk.begin()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.path.with_name(f"{journal.path.name}-wal").stat().st_size, hard))
    try:
        with pytest.raises(JournalError, match="cannot be written"):
            desk.market.handle(tick(desk.now_ns))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.abandon()

    asyncio.run(Ending(desk, venue, ()).ends())
    assert venue.sent == []
    assert not desk.all.may_have_orders


def test_nothing_new_is_sent_between_the_journals_failure_and_the_end(journal: Journal) -> None:
    """Another task met the failure, and this market has not heard yet that the process is ending: prices go on."""
    venue = Locking()
    desk = Desk(journal, venue)
    desk.all.is_restored = True
    desk.begin()
    journal.abandon()

    desk.market.handle(tick(desk.now_ns))

    assert venue.sent == []
    asyncio.run(Ending(desk, venue, ()).ends())
    assert venue.sent == []
    assert not desk.all.may_have_orders


def test_what_is_said_to_be_left_is_what_is_known_and_not_what_a_journal_that_was_given_up_still_has(
    ending: Ending,
) -> None:
    market, (bid, offer) = ending.desk.market, ending.orders
    market.journal.abandon()
    market.handle(OrderCanceled(time_ns=Nanos(9), order_id=bid))
    market.handle(STRAY)

    rows = market.journal.orders_not_closed(market.ledger)
    assert [order.id for order in rows] == [bid, offer]
    assert [order.id for order in may_be_open(rows, market)] == [offer, STRAY.order_id]
