"""From what is in the market to what is wanted there, in the fewest messages that the venue takes.

`compare` finds the difference; `schedule` puts it in order and cuts it where the message budget ends. The cost of a
plan is its messages, and one more for every message that an exposed order has to wait for its cancel.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.quoting import Quote, Tolerance
from tradingbot_runtime.model import AnyCommand, Cancel, CancelAll, OrderId, Place, Replace, Side

RESTING = frozenset({OrderState.OPEN, OrderState.PARTIAL})
LEAVING = frozenset(state for state in OrderState if state in ("PendingCancel", "PendingReplace"))


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a venue's order entry can do, and what it costs there."""

    replace: bool = False  # one message cancels an order and places its successor
    cancel_all: bool = False  # one message cancels the symbol's orders: only where all of them are ours
    calls_per_place: int = 1  # build and submit are two


ONE_BY_ONE = Capabilities()


@dataclass(frozen=True, slots=True)
class Room:
    """Messages that may be sent now: of any kind, and (of these) other than cancels."""

    messages: int
    orders: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What is in the market and unwanted, and what is wanted and not there.

    `stale` orders: those most likely to be hit first; the first `exposed` of them are in front of every quote that is
    wanted on their side. `missing` quotes: inner first.
    """

    stale: tuple[Order, ...] = ()
    exposed: int = 0
    missing: tuple[Quote, ...] = ()
    kept: tuple[tuple[Order, Quote], ...] = ()  # resting orders, and the quotes that they serve


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, in this order."""

    cancel_all: tuple[OrderId, ...] = ()
    cancel: tuple[OrderId, ...] = ()
    replace: tuple[tuple[OrderId, Quote], ...] = ()
    place: tuple[Quote, ...] = ()

    def messages(self, capabilities: Capabilities) -> int:
        one_each = bool(self.cancel_all) + len(self.cancel) + len(self.replace)
        return one_each + len(self.place) * capabilities.calls_per_place


def compare(
    wanted: Sequence[Quote], working: Iterable[Order], tolerance: Tolerance, fair: tuple[int, int] = (0, 1)
) -> Changes:
    """Serve as many quotes as possible by orders that are close enough; each order serves one quote.

    An order on its way, or of unknown fate, holds the place of one quote on its side, wherever the market has gone
    meanwhile: another one beside it would double the quote. `fair` is twice the reference price in ticks, as
    numerator and denominator: the order that is closest to it, or furthest beyond, is the next to be hit.
    """
    free = [order for order in working if order.state not in LEAVING]
    served = _matched(wanted, free, tolerance)
    missing = [quote for i, quote in enumerate(wanted) if i not in served]
    if len(served) < len(free):
        serving = {order.id for order in served.values()}
        free = [order for order in free if order.id not in serving]
        for order in free:
            beside = [q for q in missing if q.side is order.side] if order.state not in RESTING else ()
            if beside:
                missing.remove(min(beside, key=lambda quote: (abs(order.price - quote.price), quote.price)))
        stale, exposed = _ranked([order for order in free if order.state in RESTING], wanted, fair)
    else:
        stale, exposed = (), 0
    kept = tuple((order, wanted[i]) for i, order in served.items() if order.state in RESTING)
    return Changes(stale, exposed, _inner_first(missing), kept)


def _matched(wanted: Sequence[Quote], free: Sequence[Order], tolerance: Tolerance) -> dict[int, Order]:
    """The largest matching of quotes and orders, by augmenting paths (Kuhn's algorithm): index of quote -> order."""
    fitting: list[list[Order]] = []
    for quote in wanted:
        near = [order for order in free if order.side is quote.side and tolerance.keeps(order, quote)]
        near.sort(key=lambda order: (abs(order.price - quote.price), order.id))
        fitting.append(near)
    quote_of: dict[OrderId, int] = {}
    served: dict[int, Order] = {}
    for i, near in enumerate(fitting):
        if near:
            _serve(i, fitting, quote_of, served)
    return served


def _serve(i: int, fitting: list[list[Order]], quote_of: dict[OrderId, int], served: dict[int, Order]) -> None:
    """Find quote `i` an order, moving others over to another one of theirs where that makes room."""
    came_from: dict[OrderId, int] = {}  # the quote from which the search reached an order
    queue = [i]
    for quote in queue:
        for order in fitting[quote]:
            if order.id in came_from:
                continue
            came_from[order.id] = quote
            if order.id in quote_of:
                queue.append(quote_of[order.id])
                continue
            taken: Order | None = order
            while taken is not None:
                mover = came_from[taken.id]
                taken, served[mover] = served.get(mover), taken
                quote_of[served[mover].id] = mover
            return


def _ranked(stale: list[Order], wanted: Sequence[Quote], fair: tuple[int, int]) -> tuple[tuple[Order, ...], int]:
    """The most exposed first, and how many are in front of every quote wanted on their side."""
    front: dict[Side, int] = {}
    for quote in wanted:
        aggressive = quote.side.sign * quote.price
        front[quote.side] = max(front.get(quote.side, aggressive), aggressive)
    twice_fair, unit = fair
    ranked: list[tuple[bool, int, OrderId, Order]] = []
    for order in stale:
        sign = order.side.sign
        behind = order.side in front and sign * order.price <= front[order.side]
        ranked.append((behind, -sign * (2 * order.price * unit - twice_fair), order.id, order))
    ranked.sort(key=lambda entry: entry[:3])
    return tuple(entry[3] for entry in ranked), sum(1 for entry in ranked if not entry[0])


def _inner_first(quotes: Iterable[Quote]) -> tuple[Quote, ...]:
    """Layer by layer, both sides of a layer together."""
    layers = {Side.BUY: 0, Side.SELL: 0}
    ranked: list[tuple[int, Quote]] = []
    for quote in quotes:
        ranked.append((layers[quote.side], quote))
        layers[quote.side] += 1
    ranked.sort(key=lambda entry: entry[0])
    return tuple(quote for _, quote in ranked)


@dataclass(slots=True)
class _Draft:
    """A plan being made, and the room that is left."""

    capabilities: Capabilities
    messages: int
    orders: int
    cancel: list[OrderId] = field(default_factory=list)
    replace: list[tuple[OrderId, Quote]] = field(default_factory=list)
    place: list[Quote] = field(default_factory=list)

    def withdraw(self, order: Order) -> bool:
        if self.messages < 1:
            return False
        self.messages -= 1
        self.cancel.append(order.id)
        return True

    def swap(self, order: Order, quote: Quote) -> bool:
        """Both in one message, where the venue can and the budget has room for an order."""
        if not self.capabilities.replace or min(self.messages, self.orders) < 1:
            return False
        self.messages -= 1
        self.orders -= 1
        self.replace.append((order.id, quote))
        return True

    def put(self, quote: Quote) -> bool:
        calls = self.capabilities.calls_per_place
        if min(self.messages, self.orders) < calls:
            return False
        self.messages -= calls
        self.orders -= calls
        self.place.append(quote)
        return True


def schedule(changes: Changes, capabilities: Capabilities, room: Room) -> Plan:
    """The messages for `changes`, as many as there is room for, what matters most first.

    Exposed orders leave first, then those that no quote takes the place of; then each missing quote, inner first, with
    the order that it displaces. An order that is only too far away stays until there is room for its successor.
    """
    if capabilities.cancel_all and len(changes.stale) > 1 and room.messages > 0:
        swept = Changes(missing=_inner_first(_by_price((*changes.missing, *(quote for _, quote in changes.kept)))))
        if 1 + _messages(swept, capabilities) < _messages(changes, capabilities) + _waiting(changes, room):
            resting = (*(order.id for order in changes.stale), *(order.id for order, _ in changes.kept))
            rest = _one_by_one(swept, capabilities, Room(room.messages - 1, min(room.orders, room.messages - 1)))
            return Plan(cancel_all=resting, place=rest.place)
    return _one_by_one(changes, capabilities, room)


def _waiting(changes: Changes, room: Room) -> int:
    """Messages that exposed orders wait for, all together, when they are cancelled one by one."""
    late = max(changes.exposed - room.messages, 0)
    return late * (late + 1) // 2


def _by_price(quotes: Iterable[Quote]) -> list[Quote]:
    return sorted(quotes, key=lambda quote: -quote.side.sign * quote.price)


def _messages(changes: Changes, capabilities: Capabilities) -> int:
    """What all of `changes` costs one by one, whatever the room."""
    if not capabilities.replace:
        return len(changes.stale) + len(changes.missing) * capabilities.calls_per_place
    stale, missing = _count(changes.stale), _count(changes.missing)
    return sum(max(stale[side], missing[side]) for side in Side)


def _count(things: Iterable[Order | Quote]) -> dict[Side, int]:
    sides = [thing.side for thing in things]
    return {side: sides.count(side) for side in Side}


def _one_by_one(changes: Changes, capabilities: Capabilities, room: Room) -> Plan:
    draft = _Draft(capabilities, room.messages, room.orders)
    missing = list(changes.missing)
    for order in changes.stale[: changes.exposed]:
        successor = next((quote for quote in missing if quote.side is order.side), None)
        if successor is not None and draft.swap(order, successor):
            missing.remove(successor)
        else:
            draft.withdraw(order)
    behind = list(changes.stale[changes.exposed :])
    wanted = _count(missing)
    for side in Side:
        beyond = [order for order in behind if order.side is side][wanted[side] :]
        for order in beyond:
            draft.withdraw(order)
        behind = [order for order in behind if order not in beyond]
    _fill(draft, missing, behind)
    return Plan((), tuple(draft.cancel), tuple(draft.replace), tuple(draft.place))


def _fill(draft: _Draft, missing: list[Quote], behind: list[Order]) -> None:
    """Bring in the missing quotes until the room ends; each order `behind` makes way for one of them."""
    left, displaced = _count(missing), _count(behind)
    for quote in missing:
        side = quote.side
        if displaced[side] < left[side]:  # one of those that are gone already made way for it
            done = draft.put(quote)
        else:
            order = next(order for order in behind if order.side is side)
            done = draft.swap(order, quote) or (draft.withdraw(order) and draft.put(quote))
            behind.remove(order)
            displaced[side] -= 1
        left[side] -= 1
        if not done:
            return


def commands(plan: Plan, order_id: Callable[[int], OrderId]) -> list[AnyCommand]:
    """The plan as commands; `order_id` gives the id of the n-th new order."""
    made: list[AnyCommand] = [Cancel(order_id=old) for old in plan.cancel]
    if plan.cancel_all:
        made.append(CancelAll(order_id=plan.cancel_all[0], order_ids=plan.cancel_all))
    made += [
        Replace(order_id=order_id(i), replaces=old, side=quote.side, price=quote.price, quantity=quote.quantity)
        for i, (old, quote) in enumerate(plan.replace)
    ]
    made += [
        Place(order_id=order_id(i), side=quote.side, price=quote.price, quantity=quote.quantity)
        for i, quote in enumerate(plan.place, len(plan.replace))
    ]
    return made
