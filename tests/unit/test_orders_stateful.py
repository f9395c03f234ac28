"""Invariants I1 to I8 of reference/runtime.md 3.2 against a venue that does its worst, over restarts, to convergence.

`STATEFUL_EXAMPLES` says how many stories are tried: a few in `make check`, 2,000 in `make test`, 50,000 in `make soak`
(hack/soak/orders.py). A failure prints the story, the seed and how to run it again.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.desk_checks import DeskChecks
from harness.engines import tick
from harness.trading_desk import BOT, Setting, TradingDesk
from tradingbot_runtime.core.order_ids import OrderKey, encode
from tradingbot_runtime.core.orders import PENDING, UNPROVED
from tradingbot_runtime.model import (
    AnyEvent,
    CancelRejected,
    FeedLost,
    Lots,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderId,
    OrderReported,
    OrderStatus,
    OutcomeLost,
    TradingState,
)

SECOND = 1_000_000_000
EXAMPLES = int(os.environ.get("STATEFUL_EXAMPLES", "25"))
MEMORY = Path("/dev/shm")  # noqa: S108 - a commit's fsync costs nothing there; the journal's own tests use disks

requests = precondition(lambda self: self.begun and bool(self.desk.venue.wire))
messages = precondition(lambda self: self.begun and bool(self.desk.venue.mail))
in_the_market = precondition(lambda self: self.begun and bool(self.desk.exchange.open_orders))
some = st.integers(0, 30)
states = st.sampled_from([TradingState.ACTIVE, TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED])
lies = st.sampled_from(
    ["accepted", "stranger accepted", "stranger canceled", "stranger expired", "gone", "lost", "old open"]
)


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    """A story makes thousands of log lines, all of them on purpose."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


class OrdersUnderFire(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.strangers = 0
        self.begun = False

    @initialize(two_phase=st.booleans(), replaces=st.booleans(), cancel_all=st.booleans(), adopts=st.booleans())
    def begin(self, *, two_phase: bool, replaces: bool, cancel_all: bool, adopts: bool) -> None:
        setting = Setting(two_phase=two_phase, replaces=replaces and not two_phase, cancel_all=cancel_all,
                          adopts=adopts)  # fmt: skip
        self.desk = TradingDesk(self.folder, setting)
        self.checks = DeskChecks(self.desk)
        self.desk.venue.on_send = self.checks.leaves
        self.begun = True
        self.desk.restore()
        self.desk.handle(tick(self.desk.now))

    # -- what happens --------------------------------------------------------------------------------------------

    @rule(move=st.integers(-20_000, 20_000))
    def ticks(self, move: int) -> None:
        self.desk.handle(tick(self.desk.now, 6_000_000 + move, 6_000_002 + move))

    @rule(seconds=st.sampled_from([0.001, 0.5, 1, 3, 7, 20, 61]))
    def time_passes(self, seconds: float) -> None:
        self.desk.exchange.now_ns += int(seconds * SECOND)
        self.desk.venue.expire()

    @rule()
    def the_market_is_quoted(self) -> None:
        """Everything that is on its way arrives in order: the state that most stories go wrong from."""
        self.desk.handle(tick(self.desk.now))
        self.checks.settle()

    @requests
    @rule(number=some)
    def a_request_arrives(self, number: int) -> None:
        self.desk.venue.arrive(number)

    @requests
    @rule(number=some)
    def a_request_is_refused(self, number: int) -> None:
        self.desk.venue.arrive(number, refused=True)

    @requests
    @rule(number=some)
    def a_request_is_lost(self, number: int) -> None:
        self.desk.venue.lose_request(number)

    @messages
    @rule(number=some, keep=st.booleans())
    def a_message_reaches_us(self, number: int, *, keep: bool) -> None:
        self.desk.venue.deliver(number, keep=keep)

    @messages
    @rule(number=some)
    def a_message_is_lost(self, number: int) -> None:
        self.desk.venue.lose_mail(number)

    @precondition(lambda self: self.begun and bool(self.desk.venue.building))
    @rule(number=some, outcome=st.sampled_from(["on", "on", "on", "lost", "expired"]))
    def an_order_is_being_built(self, number: int, outcome: str) -> None:
        self.desk.venue.step_build(number, outcome)

    @in_the_market
    @rule(number=some, share=st.sampled_from([1, 1, 2, 3]))
    def somebody_trades_with_us(self, number: int, share: int) -> None:
        self.trade(number, share)

    def trade(self, number: int, share: int) -> None:
        orders = self.desk.exchange.open_orders
        order = orders[number % len(orders)]
        self.desk.venue.tell(self.desk.exchange.trade(order, max(order.left // share, 1)))

    @in_the_market
    @rule(number=some, share=st.sampled_from([1, 2, 3]))
    def somebody_trades_with_us_and_we_hear_of_it(self, number: int, share: int) -> None:
        self.trade(number, share)
        self.checks.settle()

    @in_the_market
    @rule(number=some, status=st.sampled_from([OrderStatus.CANCELED, OrderStatus.EXPIRED]))
    def the_venue_ends_an_order(self, number: int, status: OrderStatus) -> None:
        orders = self.desk.exchange.open_orders
        order = orders[number % len(orders)]
        self.desk.exchange.end(order, status)
        self.desk.venue.tell(self.desk.exchange.report(order.id))

    @rule(lie=lies, number=some)
    def the_venue_makes_something_up(self, lie: str, number: int) -> None:
        live = [order.id for order in self.desk.orders if order.id not in self.desk.venue.building]
        if lie.startswith("stranger") or not live:
            self.strangers += 1
            order_id = encode(OrderKey(BOT, 0, 9_999, self.strangers))
        else:
            order_id = live[number % len(live)]
        self.desk.handle(self.lie(lie, order_id))

    def lie(self, lie: str, order_id: OrderId) -> AnyEvent:
        now, order = self.desk.now, self.desk.exchange.orders.get(order_id)
        if lie in ("accepted", "stranger accepted") and (order is None or order.status is not OrderStatus.BUILDING):
            name = order.venue_id if order else "v?"
            accepted = OrderAccepted(time_ns=now, order_id=order_id, venue_order_id=name)
            return accepted if order or lie != "accepted" else OutcomeLost(time_ns=now, order_id=order_id)
        if lie == "stranger canceled":
            return OrderCanceled(time_ns=now, order_id=order_id)
        if lie == "stranger expired":
            return OrderExpired(time_ns=now, order_id=order_id)
        if lie == "gone":
            return CancelRejected(time_ns=now, order_id=order_id, gone=True, reason="-2011")
        if lie == "old open" and order is not None and order.status is not OrderStatus.BUILDING:
            return OrderReported(time_ns=now, order_id=order_id, status=OrderStatus.OPEN, executed=Lots(0),
                                 venue_time_ns=1)  # fmt: skip
        return OutcomeLost(time_ns=now, order_id=order_id)

    @rule(failures=st.sampled_from([0, 0, 0, 1, 2, 5]), lost=st.booleans(), late=st.lists(some, max_size=3))
    def we_look(self, failures: int, late: list[int], *, lost: bool) -> None:
        venue = self.desk.venue
        venue.failures, venue.lost_answers, venue.late = failures, int(lost), list(late)
        if not self.desk.restore():
            return
        self.desk.look()
        if not self.desk.all.paces.failed_ns:
            in_doubt = {o.id for o in self.desk.orders if o.state in UNPROVED or o.state in PENDING}
            assert in_doubt <= set(self.desk.all.doubts.by_order) | self.young(), "I6: nobody will ask again"

    def young(self) -> set[OrderId]:
        """Orders whose state changed while the pass was on: the next one takes them up."""
        return {o.id for o in self.desk.orders if o.id not in self.desk.all.doubts.by_order}

    @rule(state=states, blind=st.sampled_from([False, False, False, True]))
    def the_state_or_the_feed_changes(self, state: TradingState, *, blind: bool) -> None:
        if blind:
            self.desk.handle(FeedLost(time_ns=self.desk.now, feed="reference", reason="r"))
        else:
            self.desk.want(state)

    @rule(failures=st.sampled_from([0, 0, 1, 3]))
    def we_restart(self, failures: int) -> None:
        self.desk.restart()
        self.desk.venue.failures = failures
        self.desk.restore()

    # -- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def i3_what_is_filled_only_grows_and_never_beyond_the_order(self) -> None:
        if self.begun:
            self.checks.filled_only_grows()

    @invariant()
    def i4_and_i7_the_position_is_the_sum_of_unique_fills(self) -> None:
        if self.begun:
            self.checks.position_is_the_sum_of_unique_fills()

    @invariant()
    def i5_our_worst_case_covers_the_true_one_and_stays_within_the_limit(self) -> None:
        if self.begun:
            self.checks.worst_case_is_covered()

    @invariant()
    def i8_what_is_open_at_the_venue_is_not_closed_with_us(self) -> None:
        if self.begun:
            self.checks.open_orders_are_not_closed_with_us()

    # -- and in the end ------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if self.begun:
                self.checks.calm()
                self.checks.agree()
                self.desk.end()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


TestOrdersUnderFire = OrdersUnderFire.TestCase
TestOrdersUnderFire.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=50, deadline=None, print_blob=True, database=None,
    derandomize="STATEFUL_EXAMPLES" not in os.environ,  # `make check` says the same of the same code
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
