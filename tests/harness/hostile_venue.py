"""A gateway to a venue that reorders, duplicates, delays, loses and invents messages, and answers late or not at all.

It keeps what a real gateway promises: every request is answered for, if only by "nothing is proved" after a deadline,
and a late answer to a request that was given up on is dropped. A request that arrives after `RECEIVE_WITHIN_NS` is
refused by the venue, as Binance's recvWindow does it. All that it does, it does when a test says so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec.structs import replace

from harness.engines import BTC
from harness.hostile_exchange import HostileExchange
from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.errors import OutcomeUnknown
from tradingbot_runtime.model import (
    AnyCommand,
    AnyEvent,
    BalancesReported,
    BuildExpired,
    Cancel,
    CancelAll,
    CancelRejected,
    Instrument,
    Money,
    Nanos,
    OrderAccepted,
    OrderBuilt,
    OrderDenied,
    OrderEvent,
    OrderFilled,
    OrderId,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderSubmitting,
    OutcomeLost,
    Place,
    Replace,
    Restored,
)
from tradingbot_runtime.venues.protocols import GatewayHealth, Trade, TradeCursor, TradesPage

RECEIVE_WITHIN_NS = 5_000_000_000
PAGE = 3  # trades: small, so that there are several pages
T = TypeVar("T")
AGAIN = 2  # trades of the last page that are told again


@dataclass
class Request:
    command: Place | Cancel | Replace
    sent_ns: int
    key: int


@dataclass
class Mail:
    """Something on its way to us; `key` names the request that it answers."""

    events: list[OrderEvent]
    key: int | None = None


@dataclass
class HostileVenue:
    exchange: HostileExchange
    on_event: Callable[[AnyEvent], None]
    on_send: Callable[[AnyCommand], None]  # looks at what leaves
    two_phase: bool = False
    exclusive: bool = False
    locked: str = ""
    health: GatewayHealth = field(default_factory=GatewayHealth)
    connected: bool = True
    wire: list[Request] = field(default_factory=list)  # on its way to the venue
    mail: list[Mail] = field(default_factory=list)  # on its way to us
    waiting: dict[int, Request] = field(default_factory=dict)  # nobody has answered these
    building: dict[OrderId, Place] = field(default_factory=dict)  # the gateway's own, of a two-phase venue
    keys: int = 0
    failures: int = 0  # questions that will fail, the next ones
    lost_answers: int = 0  # cancels that take effect and whose answer is lost
    late: list[int] = field(default_factory=list)  # mails that arrive while an answer is on its way

    async def run(self) -> None:
        raise NotImplementedError

    async def instrument(self, _: str) -> Instrument:
        return BTC

    def remember(self, order_id: OrderId, venue_order_id: str) -> None:
        """Found by our own id."""

    # -- orders out ----------------------------------------------------------------------------------------------

    def send(self, _: Instrument, approved: Approved) -> None:
        command = approved.command
        self.on_send(command)
        if isinstance(command, CancelAll):
            for order_id in command.order_ids:
                self._put(Cancel(order_id=order_id))
        elif isinstance(command, Place) and self.two_phase:
            self.building[command.order_id] = command
        elif isinstance(command, Cancel) and command.order_id in self.building:
            del self.building[command.order_id]
            self.on_event(OrderDenied(time_ns=self._now, order_id=command.order_id, reason="Withdrawn"))
        else:
            self._put(command)

    def _put(self, command: Place | Cancel | Replace) -> None:
        self.keys += 1
        request = Request(command, self.exchange.now_ns, self.keys)
        self.wire.append(request)
        self.waiting[request.key] = request

    def step_build(self, number: int, outcome: str) -> None:
        """One step of an order that is being built: built, its answer lost, submitted, or expired."""
        order_id = _pick(list(self.building), number)
        if order_id is None:
            return
        place = self.building[order_id]
        if order_id not in self.exchange.orders:
            if outcome == "lost":
                del self.building[order_id]
                self.on_event(OrderDenied(time_ns=self._now, order_id=order_id, reason="BuildLost"))
                return
            built = self.exchange.build(place)
            self.on_event(OrderBuilt(time_ns=self._now, order_id=order_id, venue_order_id=built.venue_id))
        elif outcome == "expired":
            del self.exchange.orders[order_id]
            self.on_event(BuildExpired(time_ns=self._now, order_id=order_id))
        else:
            del self.building[order_id]
            self.on_event(OrderSubmitting(time_ns=self._now, order_id=order_id))
            self.on_send(place)
            self._put(place)

    def arrive(self, number: int, *, refused: bool = False) -> None:
        """A request reaches the venue."""
        request = _pick(self.wire, number)
        if request is None:
            return
        self.wire.remove(request)
        late = self.exchange.now_ns - request.sent_ns > RECEIVE_WITHIN_NS
        if refused or late:
            self.mail.append(Mail(self._refused(request.command, "-1021" if late else "-2010"), request.key))
            return
        answers, stream = self._carry_out(request.command)
        self.mail.append(Mail(answers, request.key))
        self.mail.extend(Mail([event]) for event in stream)

    def lose_request(self, number: int) -> None:
        request = _pick(self.wire, number)
        if request is not None:
            self.wire.remove(request)

    def _carry_out(self, command: Place | Cancel | Replace) -> tuple[list[OrderEvent], list[OrderEvent]]:
        if isinstance(command, Replace):
            cancel = Cancel(order_id=command.replaces)
            if not self._is_open(command.replaces):
                return self._refused(command, "-2022"), []
            gone, new = self._carry_out(cancel), self._carry_out(command.new_order())
            return gone[0] + new[0], gone[1] + new[1]
        if isinstance(command, Place):
            order = self.exchange.open(command)
            accepted = OrderAccepted(time_ns=self._now, order_id=order.id, venue_order_id=order.venue_id,
                                     venue_time_ns=order.changed_ns)  # fmt: skip
            return [accepted], [accepted]
        if not self._is_open(command.order_id):
            return self._refused(command, "-2011"), []
        self.exchange.end(self.exchange.orders[command.order_id], OrderStatus.CANCELED)
        report = self.exchange.report(command.order_id)
        return [report], [report]

    def _refused(self, command: Place | Cancel | Replace, reason: str) -> list[OrderEvent]:
        if isinstance(command, Replace):
            cancel, place = Cancel(order_id=command.replaces), command.new_order()
            return [*self._refused(cancel, reason), *self._refused(place, reason)]
        if isinstance(command, Place):
            return [OrderRejected(time_ns=self._now, order_id=command.order_id, reason=reason)]
        gone = not self._is_open(command.order_id)
        return [CancelRejected(time_ns=self._now, order_id=command.order_id, gone=gone, reason=reason)]

    def _is_open(self, order_id: OrderId) -> bool:
        order = self.exchange.orders.get(order_id)
        return order is not None and order.is_open

    # -- reports in ----------------------------------------------------------------------------------------------

    def deliver(self, number: int, *, keep: bool = False) -> None:
        """A mail reaches us; `keep`: and will once more."""
        mail = _pick(self.mail, number)
        if mail is None:
            return
        if not keep:
            self.mail.remove(mail)
        if mail.key is not None and self.waiting.pop(mail.key, None) is None:
            return  # given up on, or answered before
        for event in mail.events:
            self.on_event(event)

    def tell(self, event: OrderEvent) -> None:
        """Something happened at the venue: the stream tells, sooner or later."""
        self.mail.append(Mail([event]))

    def lose_mail(self, number: int) -> None:
        mail = _pick(self.mail, number)
        if mail is not None:
            self.mail.remove(mail)

    def expire(self) -> None:
        """The gateway gives up on requests whose answer is overdue."""
        overdue = [r for r in self.waiting.values() if self.exchange.now_ns - r.sent_ns >= RECEIVE_WITHIN_NS]
        for request in overdue:
            del self.waiting[request.key]
            command = request.command
            for order_id in command.touches:
                self.on_event(OutcomeLost(time_ns=self._now, order_id=order_id))

    def forget(self) -> None:
        """Our process ended: nobody waits for answers, and the stream is cut. What is on the wire still arrives."""
        self.mail, self.waiting, self.building = [], {}, {}

    # -- questions -----------------------------------------------------------------------------------------------

    async def order(self, _: Instrument, order_id: OrderId) -> OrderReported:
        return self._answer(self.exchange.report(order_id))

    async def open_orders(self, _: Instrument) -> list[Restored]:
        return self._answer([self.exchange.listed(order) for order in self.exchange.open_orders])

    async def fills(self, _: Instrument, order_id: OrderId, __: str) -> list[OrderFilled]:
        return self._answer([trade for trade in self.exchange.trades if trade.order_id == order_id])

    async def trades(self, _: Instrument, cursor: TradeCursor) -> TradesPage:
        begin = max(int(cursor.trade_id or 0) - AGAIN, 0)
        found = self.exchange.trades[begin : begin + PAGE + AGAIN]
        after = TradeCursor(cursor.since_ms, found[-1].trade_id) if found else cursor
        page = tuple(Trade(self.exchange.orders[t.order_id].venue_id, replace(t, order_id=OrderId(""))) for t in found)
        return self._answer(TradesPage(page, after, more=begin + PAGE + AGAIN < len(self.exchange.trades)))

    async def order_id(self, _: Instrument, venue_order_id: str) -> OrderId | None:
        orders = self.exchange.orders.values()
        return self._answer(next((order.id for order in orders if order.venue_id == venue_order_id), None))

    async def balances(self, _: Instrument) -> BalancesReported:
        base, quote = self.exchange.base, Money(self.exchange.quote)
        return self._answer(BalancesReported(time_ns=self._now, base=base, quote=quote))

    async def cancel(self, _: Instrument, order_id: OrderId, __: str = "") -> None:
        self._answer(None)
        stream = self._carry_out(Cancel(order_id=order_id))[1]
        self.mail.extend(Mail([event]) for event in stream)
        if self.lost_answers:
            self.lost_answers -= 1
            raise OutcomeUnknown("the answer was lost")

    def _answer(self, answer: T) -> T:
        """The answer as it was when the venue wrote it; the stream goes on while it travels."""
        if self.failures:
            self.failures -= 1
            raise OutcomeUnknown("no answer")
        while self.late:
            self.deliver(self.late.pop())
        return answer

    @property
    def _now(self) -> Nanos:
        return Nanos(self.exchange.now_ns)


def _pick(things: list[T], number: int) -> T | None:
    return things[number % len(things)] if things else None
