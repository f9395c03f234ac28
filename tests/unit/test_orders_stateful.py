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

from harness.engines import tick
from harness.trading_desk import BOT, MAX_POSITION, Setting, TradingDesk
from tradingbot_runtime.core.order_ids import OrderKey, encode
from tradingbot_runtime.core.orders import PENDING, UNPROVED, OrderState
from tradingbot_runtime.model import (
    AnyCommand,
    AnyEvent,
    Cancel,
    CancelAll,
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
    Place,
    Replace,
    Side,
    TradingState,
)

SECOND = 1_000_000_000
EXAMPLES = int(os.environ.get("STATEFUL_EXAMPLES", "25"))
MEMORY = Path("/dev/shm")  # noqa: S108 - a commit's fsync costs nothing there; the journal's own tests use disks
CALM_WITHIN = 400  # passes of a second, until everything must agree

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
        self.sent: set[OrderId] = set()
        self.filled: dict[OrderId, int] = {}
        self.strangers = 0
        self.begun = False

    @initialize(two_phase=st.booleans(), replaces=st.booleans(), cancel_all=st.booleans(), adopts=st.booleans())
    def begin(self, *, two_phase: bool, replaces: bool, cancel_all: bool, adopts: bool) -> None:
        setting = Setting(two_phase=two_phase, replaces=replaces and not two_phase, cancel_all=cancel_all,
                          adopts=adopts)  # fmt: skip
        self.desk = TradingDesk(self.folder, setting, self.leaves)
        self.begun = True
        self.desk.restore()
        self.desk.handle(tick(self.desk.now))

    def leaves(self, command: AnyCommand) -> None:
        """I1: nothing leaves whose intent is not committed. I2: no id leaves twice."""
        for order_id in command.touches:
            assert self.desk.kept(order_id) is not None, f"{command} was sent before it was committed"
        leaving = command.touches if isinstance(command, Cancel | CancelAll) else ()
        assert all(self.state_kept(order_id) is OrderState.PENDING_CANCEL for order_id in leaving)
        if isinstance(command, Replace):
            assert self.state_kept(command.replaces) is OrderState.PENDING_REPLACE
        if isinstance(command, Place | Replace):
            kept = self.desk.kept(command.order_id)
            assert kept is not None
            if self.desk.setting.two_phase and kept.state is OrderState.INTENT:
                return  # to the gateway; it tells before it submits
            assert kept.state in (OrderState.SUBMITTING, OrderState.PENDING_CANCEL), kept
            assert command.order_id not in self.sent, f"{command.order_id} was sent twice"
            self.sent.add(command.order_id)

    def state_kept(self, order_id: OrderId) -> OrderState | None:
        kept = self.desk.kept(order_id)
        return kept.state if kept is not None else None

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
        self.settle()

    def settle(self) -> None:
        venue = self.desk.venue
        while venue.building:
            venue.step_build(0, "on")
        while venue.wire:
            venue.arrive(0)
        while venue.mail:
            venue.deliver(0)

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
        self.settle()

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
        if not self.desk.all.paces.failures:
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
        if not self.begun:
            return
        for order in (*self.desk.orders, *self.desk.orders.closed.values()):
            assert order.filled >= self.filled.get(order.id, 0), order
            assert order.filled <= order.quantity, order
            self.filled[order.id] = order.filled

    @invariant()
    def i4_and_i7_the_position_is_the_sum_of_unique_fills(self) -> None:
        if not self.begun:
            return
        kept = {fill.trade_id: fill for fill in self.desk.journal.fills(self.desk.market.ledger)}
        assert self.desk.position == sum(f.side.sign * f.quantity for f in kept.values())
        true = {trade.trade_id: trade for trade in self.desk.exchange.trades}
        assert all(fill.quantity == true[trade_id].quantity for trade_id, fill in kept.items())

    @invariant()
    def i5_our_worst_case_covers_the_true_one_and_stays_within_the_limit(self) -> None:
        if not self.begun or not self.desk.is_restored:
            return
        desk, exchange = self.desk, self.desk.exchange
        for side in Side:
            ours = side.sign * desk.position + sum(o.leaves_quantity for o in desk.orders if o.side is side)
            coming = sum(r.command.quantity for r in desk.venue.wire if isinstance(r.command, Place | Replace)
                         and r.command.side is side and exchange.now_ns - r.sent_ns <= 5 * SECOND)  # fmt: skip
            true = side.sign * exchange.position + sum(o.left for o in exchange.open_orders if o.side is side)
            assert true + coming <= ours, f"{side}: the venue's worst case is {true} and {coming} are coming"
            assert ours <= MAX_POSITION

    @invariant()
    def i8_what_is_open_at_the_venue_is_not_closed_with_us(self) -> None:
        if not self.begun:
            return
        for order in self.desk.exchange.open_orders:
            kept = self.desk.kept(order.id)
            assert kept is not None
            assert not kept.is_closed, f"{order} is open, ours says {kept.state}"

    # -- and in the end ------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if self.begun:
                self.calm()
                self.agree()
                self.desk.end()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def calm(self) -> None:
        """The venue behaves, we stop quoting: after a while nothing may be open or in doubt."""
        desk = self.desk
        desk.venue.failures, desk.venue.lost_answers, desk.venue.late = 0, 0, []
        desk.state = TradingState.HALTED
        for _ in range(CALM_WITHIN):
            desk.exchange.now_ns += SECOND
            self.settle()
            desk.venue.expire()
            if desk.restore():
                desk.want(TradingState.HALTED)
                desk.look()
            if not desk.orders.live and not desk.venue.wire and not desk.all.doubts.by_order:
                break

    def agree(self) -> None:
        desk, exchange = self.desk, self.desk.exchange
        for _ in range(80):  # trades and balances have a pace of their own
            exchange.now_ns += SECOND
            desk.look()
        assert not desk.orders.live, f"not settled: {list(desk.orders)}"
        assert desk.journal.orders_not_closed(desk.market.ledger) == []
        assert exchange.open_orders == []
        assert desk.position == exchange.position
        market = desk.market.engine.market
        assert (market.account.base, market.account.quote) == (exchange.base, exchange.quote)
        assert market.meters.mismatch == ""


TestOrdersUnderFire = OrdersUnderFire.TestCase
TestOrdersUnderFire.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=50, deadline=None, print_blob=True, database=None,
    derandomize="STATEFUL_EXAMPLES" not in os.environ,  # `make check` says the same of the same code
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
