"""From what is in the market to what is wanted there, in the fewest messages that the venue takes.

`compare` finds the difference; `schedule` puts it in order and cuts it where the message budget ends. The cost of a
plan is its messages, and one more for every message that an exposed order has to wait for its cancel.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from tradingbot_runtime.core.matching import largest_matching
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.quoting import Quote, Tolerance
from tradingbot_runtime.model import AnyCommand, Cancel, CancelAll, OrderId, Place, Replace, Side

# Tuples: to find a member by identity is faster than to hash an enum's.
RESTING = (OrderState.OPEN, OrderState.PARTIAL)
LEAVING = (OrderState.PENDING_CANCEL, OrderState.PENDING_REPLACE)


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
    beside: tuple[Order, ...] = ()  # on their way where no quote is missing: each holds the place of one that is kept


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
    wanted: Sequence[Quote],
    working: Iterable[Order],
    tolerance: Tolerance,
    fair: tuple[int, int] = (0, 1),
    held: Container[OrderId] = (),
) -> Changes:
    """Serve as many quotes as possible by orders that are close enough; each order serves one quote.

    An order on its way, or of unknown fate, holds the place of one quote on its side, wherever the market has gone
    meanwhile: another one beside it would double the quote. So does one that is `held`: its cancel was refused, and is
    not to be sent now. `fair` is twice the reference price in ticks, as numerator and denominator: the order that is
    closest to it, or furthest beyond, is the next to be hit.
    """
    free = [order for order in working if order.state not in LEAVING]
    bids = _one_side(Side.BUY, [q for q in wanted if q.side is Side.BUY], free, tolerance, held)
    asks = _one_side(Side.SELL, [q for q in wanted if q.side is Side.SELL], free, tolerance, held)
    missing = tuple(q for layer in zip_longest(bids.missing, asks.missing) for q in layer if q is not None)
    kept = (*bids.kept, *asks.kept)
    beside = (*bids.beside, *asks.beside)
    if not bids.stale and not asks.stale:
        return Changes((), 0, missing, kept, beside)
    ranked = [*_ranked(bids, 1, fair), *_ranked(asks, -1, fair)]
    ranked.sort()
    exposed = sum(1 for behind, *_ in ranked if not behind)
    by_id = {order.id: order for order in (*bids.stale, *asks.stale)}
    return Changes(tuple(by_id[order_id] for *_, order_id in ranked), exposed, missing, kept, beside)


def withdrawing(changes: Changes, unfit: Container[OrderId]) -> Changes:
    """`changes`, and the orders that must not rest any longer leave before all others, whatever they serve.

    The quotes that they serve are missing once they are on their way out.
    """
    leaving = [order for order in (*(order for order, _ in changes.kept), *changes.stale) if order.id in unfit]
    if not leaving:
        return changes
    others = tuple(order for order in changes.stale if order.id not in unfit)
    exposed = sum(1 for order in changes.stale[: changes.exposed] if order.id not in unfit)
    kept = tuple((order, quote) for order, quote in changes.kept if order.id not in unfit)
    return Changes((*leaving, *others), len(leaving) + exposed, changes.missing, kept, changes.beside)


@dataclass(slots=True)
class _OneSide:
    quotes: list[Quote]
    missing: list[Quote]
    kept: list[tuple[Order, Quote]]
    stale: list[Order]
    beside: list[Order]


def _one_side(
    side: Side, quotes: list[Quote], free: list[Order], tolerance: Tolerance, held: Container[OrderId]
) -> _OneSide:
    orders = [order for order in free if order.side is side]
    if not orders:
        return _OneSide(quotes, quotes, [], [], [])
    served = largest_matching(quotes, orders, tolerance)
    missing = [quote for i, quote in enumerate(quotes) if i not in served]
    kept = [(order, quotes[i]) for i, order in served.items() if order.state in RESTING]
    stale, beside = list[Order](), list[Order]()
    if len(served) < len(orders):
        serving = [order.id for order in served.values()]
        for order in (order for order in orders if order.id not in serving):
            if order.state in RESTING and order.id not in held:
                stale.append(order)
            elif not _hold(order, missing):
                beside.append(order)
    return _OneSide(quotes, missing, kept, stale, beside)


def _hold(order: Order, quotes: list[Quote]) -> bool:
    """Take away the quote whose place `order` holds, the closest on its side; whether there is one."""
    own = [quote for quote in quotes if quote.side is order.side]
    if own:
        quotes.remove(min(own, key=lambda quote: (abs(order.price - quote.price), quote.price)))
    return bool(own)


def _ranked(side: _OneSide, sign: int, fair: tuple[int, int]) -> list[tuple[bool, int, OrderId]]:
    """(behind the side's front, distance to the reference, id) of each stale order: sorted, the most exposed first."""
    twice_fair, unit = fair
    front = max((sign * quote.price for quote in side.quotes), default=None)
    return [
        (front is not None and sign * order.price <= front, sign * (twice_fair - 2 * order.price * unit), order.id)
        for order in side.stale
    ]


def _inner_first(quotes: Iterable[Quote]) -> tuple[Quote, ...]:
    """Layer by layer, both sides of a layer together."""
    ranked = sorted(quotes, key=lambda quote: -quote.side.sign * quote.price)
    bids, asks = ([quote for quote in ranked if quote.side is side] for side in Side)
    return tuple(quote for layer in zip_longest(bids, asks) for quote in layer if quote is not None)


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
        again = [*changes.missing, *(quote for _, quote in changes.kept)]
        for order in changes.beside:
            _hold(order, again)
        swept = Changes(missing=_inner_first(again))
        if 1 + _messages(swept, capabilities) < _messages(changes, capabilities) + _waiting(changes, room):
            resting = (*(order.id for order in changes.stale), *(order.id for order, _ in changes.kept))
            rest = _one_by_one(swept, capabilities, Room(room.messages - 1, min(room.orders, room.messages - 1)))
            return Plan(cancel_all=resting, place=rest.place)
    return _one_by_one(changes, capabilities, room)


def _waiting(changes: Changes, room: Room) -> int:
    """Messages that exposed orders wait for, all together, when they are cancelled one by one."""
    late = max(changes.exposed - room.messages, 0)
    return late * (late + 1) // 2


def _messages(changes: Changes, capabilities: Capabilities) -> int:
    """What all of `changes` costs one by one, whatever the room."""
    if not capabilities.replace:
        return len(changes.stale) + len(changes.missing) * capabilities.calls_per_place
    return sum(max(_count(changes.stale, side), _count(changes.missing, side)) for side in Side)


def _count(things: Iterable[Order | Quote], side: Side) -> int:
    return sum(1 for thing in things if thing.side is side)


def _one_by_one(changes: Changes, capabilities: Capabilities, room: Room) -> Plan:
    draft = _Draft(capabilities, room.messages, room.orders)
    missing, behind = list(changes.missing), list(changes.stale[changes.exposed :])
    for number, order in enumerate(changes.stale[: changes.exposed], 1):
        successor = next((quote for quote in missing if quote.side is order.side), None)
        later = changes.stale[number : changes.exposed]
        if successor and _doubles_none(order, later, behind, missing, draft) and draft.swap(order, successor):
            missing.remove(successor)
        else:
            draft.withdraw(order)
    for side in Side if behind else ():
        for order in [order for order in behind if order.side is side][_count(missing, side) :]:
            draft.withdraw(order)
            behind.remove(order)
    _fill(draft, missing, behind)
    return Plan((), tuple(draft.cancel), tuple(draft.replace), tuple(draft.place))


def _doubles_none(
    order: Order, later: Sequence[Order], behind: Sequence[Order], missing: Sequence[Quote], draft: _Draft
) -> bool:
    """Whether no order is left beside the successor of `order` that no quote is there for, when the room has ended."""
    wanted = {side: _count(missing, side) - (side is order.side) for side in Side}
    if _count((*later, *behind), order.side) <= wanted[order.side]:
        return True
    surplus = sum(max(_count(behind, s) - max(wanted[s] - _count(later, s), 0), 0) for s in Side)
    return draft.messages - 1 >= len(later) + surplus


def _fill(draft: _Draft, missing: list[Quote], behind: list[Order]) -> None:
    """Bring in the missing quotes until the room ends; each order `behind` makes way for one of them."""
    for i, quote in enumerate(missing):
        order = _displaced(quote.side, missing[i:], behind) if behind else None
        if order is None:
            done = draft.put(quote)
        else:
            behind.remove(order)
            done = draft.swap(order, quote) or (draft.withdraw(order) and draft.put(quote))
        if not done:
            return


def _displaced(side: Side, missing: list[Quote], behind: list[Order]) -> Order | None:
    """The order that makes way for the next quote of `side`; None while one of those gone already has."""
    orders = [order for order in behind if order.side is side]
    return orders[0] if len(orders) >= _count(missing, side) else None


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
