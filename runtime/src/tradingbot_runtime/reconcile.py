"""Venue truth against the journal: at the start barrier, after every reconnect, and all the time in between.

Five loops, each with its own pace and bound, none of them while the venue is locked: orders in doubt by their id, the
sweep of open orders, the account's trades, its balances, and what could not be proved for too long. One that fails
keeps no other one back. A failed question is never an empty answer: it raises, and the doubt stays
(reference/runtime.md 3.5).
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from tradingbot_runtime.account_balances import AccountBalances
from tradingbot_runtime.config.risk import Risk
from tradingbot_runtime.core.doubts import SECOND, Doubts, doubted_after_ns
from tradingbot_runtime.core.orders import UNSENT, OrderState
from tradingbot_runtime.core.paces import Pace, Paces
from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.core.refusals import CANCEL_ENDING_NS
from tradingbot_runtime.errors import OutcomeUnknown, VenueError, VenueRefused
from tradingbot_runtime.live import LiveMarket, restored
from tradingbot_runtime.model import Nanos, OrderDenied, OrderId, Restored
from tradingbot_runtime.open_orders import OpenOrders
from tradingbot_runtime.order_questions import OrderQuestions
from tradingbot_runtime.venue_trades import VenueTrades

log = structlog.get_logger("reconcile")

QUESTIONS_A_PASS = 5
SWEEP_EVERY_NS = 10 * SECOND
TRADES_EVERY_NS = 20 * SECOND  # the dear questions: for many markets of one account further apart (`_stretch`)
BALANCES_EVERY_NS = 60 * SECOND
TRADES_GO_ON_NS = 5 * SECOND  # after a reading that was not whole
MARKETS_AT_FULL_PACE = 8
STRETCHED_MOST = 4  # an account that nobody checks for long stops trading (`core.risk.gates.account`)
MISMATCH_AGAIN_NS = 2 * SECOND


@dataclass(slots=True)
class Reconciler:
    market: LiveMarket
    now_ns: Callable[[], Nanos]
    is_ours: Callable[[OrderId], bool]  # of this bot and slot, whatever the epoch
    policy: Callable[[], Risk] = Risk
    positions: Callable[[], Iterable[Position]] | None = None  # all that move this account; None: the market's own
    paces: Paces = field(default_factory=Paces)
    uncompared: Pace | None = None  # what has not been compared with the venue for too long
    looked_ns: Nanos = Nanos(0)
    doubts: Doubts = field(default_factory=Doubts)
    is_restored: bool = False
    trades: VenueTrades = field(init=False)
    orders: OpenOrders = field(init=False)
    questions: OrderQuestions = field(init=False)
    balances: AccountBalances = field(init=False)

    def __post_init__(self) -> None:
        market, ages = self.market, self.market.ages
        self.trades = VenueTrades(market, self.now_ns, self.is_ours)
        self.orders = OpenOrders(market, self.now_ns, self.is_ours, self.policy, self.doubts, ages)
        self.questions = OrderQuestions(market, self.now_ns, self.doubts, ages, self.trades)
        self.balances = AccountBalances(market, self.now_ns, self.policy, self._positions, self.orders)

    # -- at the start and after a gap ----------------------------------------------------------------------------

    async def restore(self) -> None:
        """The start barrier's part: every order of the journal is asked about, every stray one is dealt with.

        Raises VenueError when a question fails; nothing is settled then, and it is to be tried again as a whole.
        """
        market = self.market
        self.balances.restore()
        journalled = market.journal.orders_not_closed(market.ledger)
        self.questions.begin(journalled)
        for order in journalled:
            if market.engine.market.orders.get(order.id) is None:
                market.take(restored(order, self.now_ns()))
            if order.venue_order_id:
                market.gateway.remember(order.id, order.venue_order_id)
            if order.state in UNSENT:  # its submission would have been committed first
                market.handle(OrderDenied(time_ns=self.now_ns(), order_id=order.id, reason="NeverSent"))
            else:  # the process ended between its intent and now: whatever the state was, only the venue knows
                self.doubt(order.id)
        await self.catch_up()
        self.is_restored = True

    async def catch_up(self) -> None:
        """Ask about every order that is not closed, sweep, read trades, take the balances. Raises VenueError."""
        if self.market.gateway.locked:
            raise OutcomeUnknown(f"the venue is locked: {self.market.gateway.locked}")
        for order in list(self.market.engine.market.orders):
            if order.state not in UNSENT:  # those are still the gateway's
                await self.questions.ask(order.id)
        await self._sweep()
        await self.trades.read_all()
        self.paces.answered(self.paces.trades, self.now_ns())
        await self._balances()

    def doubt(self, order_id: OrderId) -> None:
        """Ask the venue about this order at the next pass."""
        self.doubts.raise_for(order_id, self.now_ns())

    # -- all the time --------------------------------------------------------------------------------------------

    async def look(self) -> None:
        """One pass: called every second. A venue that does not answer leaves everything as it is."""
        now_ns, self.balances.is_complete = self.now_ns(), True
        elapsed_ns = now_ns - self.looked_ns if self.looked_ns else 0
        self.looked_ns = now_ns
        if self.market.gateway.locked:
            self.doubts.pause(elapsed_ns)
            self.paces.pause(elapsed_ns)
            return
        self._raise_doubts(now_ns)
        self.balances.note_price()
        await self._pass(now_ns)
        self.questions.lose_overdue()
        self.uncompared = self.paces.uncompared(self.now_ns())

    async def _pass(self, now_ns: Nanos) -> None:
        """Every loop that is due, up to the first that fails: the others' turn comes with the next pass, before its."""
        due = self._due(now_ns)
        for pace in self.paces.turns(now_ns, due.keys()):
            if self.market.gateway.locked:  # said in an answer of this pass
                return
            try:
                await due[pace]()
            except VenueError as error:
                self.paces.failed(pace, self.now_ns(), str(error))
                self._tell_failed(error)
                return

    def _due(self, now_ns: Nanos) -> dict[Pace, Callable[[], Awaitable[None]]]:
        paces, stretch = self.paces, self._stretch
        balances_every_ns = MISMATCH_AGAIN_NS if self.balances.mismatches else BALANCES_EVERY_NS * stretch
        loops = (
            (paces.questions, bool(self.doubts.due(now_ns)), self._ask),
            (paces.sweep, paces.sweep.is_due(now_ns, SWEEP_EVERY_NS), self._sweep),
            (paces.trades, paces.trades.is_due(now_ns, TRADES_EVERY_NS * stretch), self._read_trades),
            (paces.balances, paces.balances.is_due(now_ns, balances_every_ns), self._balances),
        )
        return {pace: work for pace, is_due, work in loops if is_due}

    async def _ask(self) -> None:
        """About orders in doubt. One that the venue cannot tell about holds up no other one."""
        for before, order_id in enumerate(self.doubts.due(self.now_ns())[:QUESTIONS_A_PASS]):
            try:
                await self.questions.ask(order_id)
            except VenueError as error:
                if not before:
                    raise
                self._tell_failed(error)
                break
        self.paces.answered(self.paces.questions, self.now_ns())

    def _tell_failed(self, error: VenueError) -> None:
        self.market.gateway.health.question_failed(error)
        log.warning("QuestionFailed", market=self.market.name, error=type(error).__name__, message=str(error))

    def _raise_doubts(self, now_ns: Nanos) -> None:
        """By state and age alone. Quotes end faster than they are asked about: those that ended are let go."""
        orders, ages = self.market.engine.market.orders, self.market.ages
        doubtful = set()
        for order in orders.live.values():
            after_ns = doubted_after_ns(order, ages.age_ns(order.id, now_ns))
            if after_ns is not None:
                self.doubts.raise_by_state(order.id, now_ns, after_ns)
                doubtful.add(order.id)
        for order_id, doubt in list(self.doubts.by_order.items()):
            found = orders.get(order_id)
            if found is None or found.is_closed or (doubt.by_state and order_id not in doubtful):
                self.doubts.settle(order_id)

    async def _sweep(self) -> None:
        await self.orders.sweep()
        if self.orders.objection != self.balances.objected:
            self.compare_soon()
        self.paces.answered(self.paces.sweep, self.now_ns())

    async def _read_trades(self) -> None:
        whole = await self.trades.read()
        self.paces.answered(self.paces.trades, self.now_ns())
        if not whole:  # what is left moves the position as well: it does not wait for its turn
            later_ns = TRADES_EVERY_NS * self._stretch - TRADES_GO_ON_NS
            self.paces.trades.answered_ns = Nanos(self.now_ns() - later_ns)

    # -- balances ------------------------------------------------------------------------------------------------

    async def _balances(self) -> None:
        await self.balances.compare()
        self.paces.answered(self.paces.balances, self.now_ns())
        if not self.balances.is_settled:
            await self._read_trades()  # a fill that nobody told would explain it

    async def agree(self) -> None:
        """Returns when the account holds what the journal says, or it is told that it does not. Raises VenueError."""
        self.balances.is_complete = True
        if self.balances.mismatches or not self.balances.check.is_anchored:
            await self._balances()
        if not self.balances.is_settled:
            raise OutcomeUnknown("the account holds something else than the journal says: it is compared again")

    @property
    def _stretch(self) -> int:
        """How many times further apart: an account's weight is one, however many of its symbols we trade."""
        return min(max(len(list(self._positions())) // MARKETS_AT_FULL_PACE, 1), STRETCHED_MOST)

    def _positions(self) -> Iterable[Position]:
        return self.positions() if self.positions is not None else (self.market.engine.market.position,)

    def compare_soon(self) -> None:
        """At the next look: an order was refused for lack of balance that ours did not show, or others trade here."""
        self.paces.balances.answered_ns = Nanos(0)

    # -- at the end ----------------------------------------------------------------------------------------------

    @property
    def may_have_orders(self) -> bool:
        """In this life, or in an earlier one that nobody has asked the venue about yet."""
        market = self.market
        if market.engine.market.orders.live:
            return True
        return not self.is_restored and bool(market.journal.orders_not_closed(market.ledger))

    async def cancel_all(self) -> bool:
        """Cancel what is in the market and look again; True when nothing of ours is left there. Raises VenueError.

        One that the venue refuses to cancel keeps no other one in the market, and is tried again after a pause.
        An order of unknown fate may still reach the venue: it is asked about until its absence is proved. A lost one
        stays in the journal: the next start asks about it.
        """
        if not self.is_restored:
            await self.restore()
        market = self.market
        listed = await market.gateway.open_orders(market.instrument)
        ours = [order for order in listed if self.orders.is_own(order)]
        refused = await self._withdraw(ours)
        if refused is not None:
            raise refused
        held = self._held()
        for known in list(market.engine.market.orders):
            if known.id in held:
                continue  # it is listed as open
            doubt = self.doubts.by_order.get(known.id)
            if known.state is not OrderState.UNKNOWN or doubt is None or doubt.due_ns(self.now_ns()) <= self.now_ns():
                await self.questions.ask(known.id)
        return not ours and all(order.state is OrderState.LOST for order in market.engine.market.orders)

    async def _withdraw(self, ours: Iterable[Restored]) -> VenueRefused | None:
        """The latest refusal. Raises other VenueErrors: the venue is away then, for all of them."""
        refused, held = None, self._held()
        for order in ours:
            if order.order_id in held:
                continue
            name = order.venue_order_id if self.market.gateway.exclusive else ""
            try:
                await self.market.withdraw(order.order_id, "Ending", self.now_ns, name)
            except VenueRefused as error:
                refused = error
        return refused

    def _held(self) -> frozenset[OrderId]:
        return self.market.engine.market.refused_cancels.held(self.now_ns(), CANCEL_ENDING_NS)
