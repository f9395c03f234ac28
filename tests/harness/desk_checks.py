"""What must hold of a desk at a hostile venue (reference/runtime.md 3.2, I1 to I8), at any time and in the end."""

from dataclasses import dataclass, field

from harness.trading_desk import MAX_POSITION, TradingDesk
from tradingbot_runtime.core.orders import OrderState
from tradingbot_runtime.model import AnyCommand, Cancel, CancelAll, OrderId, Place, Replace, Side, TradingState

SECOND = 1_000_000_000
CALM_WITHIN = 400  # passes of a second, until everything must agree
SLOWEST = 80  # passes of a second: trades and balances have a pace of their own


@dataclass
class DeskChecks:
    desk: TradingDesk
    sent: set[OrderId] = field(default_factory=set)
    filled: dict[OrderId, int] = field(default_factory=dict)
    forgotten: set[OrderId] = field(default_factory=set)  # orders that went with a node, until they are known again
    # An order whose end the node took along counts in full once more, beside those that were sent in its place: what is
    # counted may then be more than the limit, while what is true is not.
    has_lost_a_node: bool = False

    def node_lost(self) -> None:
        """The journal's last commits are gone: what they told, the venue has to tell."""
        on_the_wire = {order_id for request in self.desk.venue.wire for order_id in request.command.touches}
        placed = self.desk.exchange.orders.keys() | on_the_wire
        self.forgotten = {order_id for order_id in placed if self.desk.kept(order_id) is None}
        self.filled.clear()
        self.has_lost_a_node = True

    def are_all_known(self) -> bool:
        """Whether nothing is in the market, or on its way there, that only the lost node knew."""
        on_the_wire = {order_id for request in self.desk.venue.wire for order_id in request.command.touches}
        live = on_the_wire | {order.id for order in self.desk.exchange.open_orders}
        self.forgotten = {order_id for order_id in self.forgotten & live if self.desk.kept(order_id) is None}
        return not self.forgotten

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
            assert self.worst(kept.side) <= MAX_POSITION, f"{command} was sent beyond the limit"

    def state_kept(self, order_id: OrderId) -> OrderState | None:
        kept = self.desk.kept(order_id)
        return kept.state if kept is not None else None

    # -- at any time ---------------------------------------------------------------------------------------------

    def hold(self) -> None:
        self.filled_only_grows()
        self.position_is_the_sum_of_unique_fills()
        if self.are_all_known():
            self.worst_case_is_covered()
            self.open_orders_are_not_closed_with_us()

    def filled_only_grows(self) -> None:
        """I3: and never beyond the order."""
        for order in (*self.desk.orders, *self.desk.orders.closed.values()):
            assert order.filled >= self.filled.get(order.id, 0), order
            assert order.filled <= order.quantity, order
            self.filled[order.id] = order.filled

    def position_is_the_sum_of_unique_fills(self) -> None:
        """I4 and I7."""
        kept = {fill.trade_id: fill for fill in self.desk.journal.fills(self.desk.market.ledger)}
        assert self.desk.position == sum(f.side.sign * f.quantity for f in kept.values())
        true = {trade.trade_id: trade for trade in self.desk.exchange.trades}
        assert all(fill.quantity == true[trade_id].quantity for trade_id, fill in kept.items())

    def worst_case_is_covered(self) -> None:
        """I5: ours covers the true one and stays within the limit."""
        if not self.desk.is_restored:
            return
        desk, exchange = self.desk, self.desk.exchange
        for side in Side:
            ours = self.worst(side)
            coming = sum(r.command.quantity for r in desk.venue.wire if isinstance(r.command, Place | Replace)
                         and r.command.side is side and exchange.now_ns - r.sent_ns <= 5 * SECOND)  # fmt: skip
            true = side.sign * exchange.position + sum(o.left for o in exchange.open_orders if o.side is side)
            assert true + coming <= ours, f"{side}: the venue's worst case is {true} and {coming} are coming"
            assert true + coming <= MAX_POSITION, f"{side}: the venue's worst case is {true + coming}"
            assert ours <= MAX_POSITION or self.has_lost_a_node, f"{side}: our worst case is {ours}"

    def worst(self, side: Side) -> int:
        """What we could come to hold by our own count, short positions as positive ones."""
        return side.sign * self.desk.position + sum(o.leaves_quantity for o in self.desk.orders if o.side is side)

    def open_orders_are_not_closed_with_us(self) -> None:
        """I8."""
        for order in self.desk.exchange.open_orders:
            kept = self.desk.kept(order.id)
            assert kept is not None
            assert not kept.is_closed, f"{order} is open, ours says {kept.state}"

    # -- and in the end ------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Everything that is on its way arrives in order."""
        venue = self.desk.venue
        while venue.building:
            venue.step_build(0, "on")
        while venue.wire:
            venue.arrive(0)
        while venue.mail:
            venue.deliver(0)

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
        for _ in range(SLOWEST):
            exchange.now_ns += SECOND
            desk.look()
        assert not desk.orders.live, f"not settled: {list(desk.orders)}"
        assert desk.journal.orders_not_closed(desk.market.ledger) == []
        assert exchange.open_orders == []
        assert desk.position == exchange.position
        market = desk.market.engine.market
        assert (market.account.base, market.account.quote) == (exchange.base, exchange.quote)
        assert market.meters.mismatch == ""
