"""The steps that conformance scenarios are made of. Orders have names; each step waits for what it says."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from harness.conformance_bench import UPKEEP_S, WITHIN_S, Bench
from tradingbot_runtime.clock import Clock
from tradingbot_runtime.core.orders import WORKING, OrderState
from tradingbot_runtime.core.risk import Approved
from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.model import (
    Cancel,
    CancelRejected,
    Lots,
    OrderFilled,
    OrderStatus,
    OutcomeLost,
    Place,
    VenueLocked,
)
from tradingbot_runtime.venues.protocols import TradeCursor

Step = Callable[[Bench], Awaitable[None]]
NEVER_THERE = (OrderState.REJECTED, OrderState.DENIED)


def now(act: Callable[[Bench], object]) -> Step:
    """A step that waits for nothing."""

    async def step(bench: Bench) -> None:
        act(bench)

    return step


def place(*names: str) -> Step:
    def act(bench: Bench) -> None:
        for name in names:
            bench.place(name, bench.kit.prices.away, bench.kit.prices.lots)

    return now(act)


def sent_again(name: str) -> Step:
    """As nobody should: the same order once more."""

    def act(bench: Bench) -> None:
        order = bench.order(name)
        again = Place(order_id=order.id, side=order.side, price=order.price, quantity=order.quantity)
        bench.gateway.send(bench.instrument, Approved(again))

    return now(act)


def place_tiny(name: str) -> Step:
    return now(lambda b: b.place(name, b.kit.prices.away, b.kit.prices.tiny))


def place_huge(name: str) -> Step:
    return now(lambda b: b.place(name, b.kit.prices.away, b.kit.prices.huge))


def place_crossing(name: str, *, post_only: bool) -> Step:
    return now(lambda b: b.place(name, b.kit.prices.crossing, b.kit.prices.lots, post_only=post_only))


def cancel(*names: str) -> Step:
    return now(lambda b: b.cancel(*names))


def replace(old: str, new: str) -> Step:
    return now(lambda b: b.replace(old, new, b.kit.prices.away))


def rests(*names: str) -> Step:
    """Placed, and acknowledged."""

    async def step(bench: Bench) -> None:
        await place(*names)(bench)
        for name in names:
            await becomes(name, OrderState.OPEN)(bench)
            await in_book(name)(bench)

    return step


def in_book(name: str) -> Step:
    return lambda b: b.until(lambda: b.kit.truth(b, b.order(name)).is_in_book, f"{name} is in the book")


def becomes(name: str, *states: OrderState) -> Step:
    """By what the venue tells by itself."""
    return lambda b: b.until(lambda: b.order(name).state in states, f"{name} is {' or '.join(states)}")


def resolved(name: str, *states: OrderState) -> Step:
    """By asking, as reconciliation does it."""
    return lambda b: b.resolve(name, *states)


def canceled_at_last(name: str) -> Step:
    """A cancel that is refused or lost is sent again."""

    async def step(bench: Bench) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not bench.order(name).is_closed:
                if bench.order(name).state in (*WORKING, OrderState.PENDING_CANCEL):
                    bench.cancel(name)
                for _ in range(20):
                    if not bench.order(name).is_closed:
                        await asyncio.sleep(UPKEEP_S)
        assert bench.order(name).state is OrderState.CANCELED

    return step


def sold(name: str, percent: int) -> Step:
    """Somebody sells so much of the order's quantity down to its price."""

    def act(bench: Bench) -> None:
        order = bench.order(name)
        bench.kit.trade(bench, order.price, Lots(order.quantity * percent // 100))

    return now(act)


def executed(name: str, percent: int) -> Step:
    """At the venue, whoever knows of it."""
    return lambda b: b.until(
        lambda: b.kit.truth(b, b.order(name)).executed * 100 == b.order(name).quantity * percent,
        f"{percent} % executed",
    )


def filled(name: str, percent: int) -> Step:
    return lambda b: b.until(lambda: b.order(name).filled * 100 == b.order(name).quantity * percent, f"{percent} %")


def fault(kind: str, what: str, **options: float) -> Step:
    return now(lambda b: b.kit.fault(b, kind, what, **options))


def healed(bench: Bench) -> Awaitable[None]:
    return now(lambda b: b.kit.heal(b))(bench)


def reconnected(times: int = 1) -> Step:
    return lambda b: b.until(lambda: b.connections.count(True) > times and b.gateway.connected, "connected again")


def lost_connection(bench: Bench) -> Awaitable[None]:
    return bench.until(lambda: False in bench.connections, "the connection is lost")


async def never_lost(bench: Bench) -> None:
    assert False not in bench.connections


async def cancels_a_stranger(bench: Bench) -> None:
    """An id that the venue has never heard."""
    order_id = bench.ids.ahead(10)
    bench.gateway.send(bench.instrument, Approved(Cancel(order_id=order_id)))
    await bench.until(
        lambda: any(isinstance(e, CancelRejected) and e.order_id == order_id and e.gone for e in bench.log), "gone"
    )


async def does_not_know_a_stranger(bench: Bench) -> None:
    report = await bench.gateway.order(bench.instrument, bench.ids.ahead(10))
    assert report.status in (OrderStatus.ABSENT, OrderStatus.CANCELED)
    assert report.executed == 0


def listed_open(*names: str) -> Step:
    """The venue's own list of open orders is that."""

    async def step(bench: Bench) -> None:
        for name in names:
            bench.gateway.remember(bench.named[name], bench.order(name).venue_order_id)
        listed = {order.order_id for order in await bench.gateway.open_orders(bench.instrument)}
        assert listed == {bench.named[name] for name in names}

    return step


async def questions_fail(bench: Bench) -> None:
    """Each of them raises: nothing is taken for an empty answer."""
    gateway, instrument = bench.gateway, bench.instrument
    asked: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: gateway.open_orders(instrument),
        lambda: gateway.balances(instrument),
        lambda: gateway.trades(instrument, TradeCursor(0)),
        lambda: gateway.order(instrument, next(iter(bench.named.values()))),
    )
    for ask in asked:
        try:
            answer = await ask()
        except VenueError:
            continue
        raise AssertionError(f"an answer in place of a failure: {answer}")


async def catches_up(bench: Bench) -> None:
    """Reads the account's trades, and what became of each order."""
    await bench.read_trades(TradeCursor(_minute_ago_ms()))
    for name in bench.named:
        await bench.ask(name)


async def pages_through(bench: Bench) -> None:
    """Every trade is listed, and from the cursor on none is missing."""
    first, cursor = await bench.read_trades(TradeCursor(_minute_ago_ms()))
    known = {e.trade_id for e in bench.log if isinstance(e, OrderFilled)}
    assert known
    assert known <= set(first)
    order = bench.order("a")
    bench.kit.trade(bench, order.price, Lots(order.quantity // 10))
    await bench.until(lambda: bench.order("a").filled > order.filled, "one more")
    second, after = await bench.read_trades(cursor)
    newest = {e.trade_id for e in bench.log if isinstance(e, OrderFilled)} - known
    assert newest
    assert newest <= set(second)
    third, _ = await bench.read_trades(after)
    assert set(third) <= set(first) | set(second)


def _minute_ago_ms() -> int:
    return time.time_ns() // 1_000_000 - 60_000


async def left_alone(bench: Bench) -> None:
    """The venue hears nothing about orders for most of its pause, whatever is wanted."""
    bench.kit.requests(bench)
    before = bench.kit.requests(bench)
    bench.place("meanwhile", bench.kit.prices.away, bench.kit.prices.lots)
    bench.cancel("resting")
    await asyncio.sleep(bench.kit.pause_s / 2)  # what must not come has no moment to wait for
    assert bench.kit.requests(bench) == before


def blocked(bench: Bench) -> Awaitable[None]:
    return bench.until(lambda: bench.budget.is_blocked(Clock().now_ns()), "the budget is blocked")


def clock_moved(seconds: int) -> Step:
    return now(lambda b: b.kit.move_clock(b, seconds))


def locked(seconds: float) -> Step:
    return now(lambda b: b.kit.lock(b, seconds))


def told_locked(*, held: bool) -> Step:
    return lambda b: b.until(
        lambda: bool(b.gateway.locked) is held and any(isinstance(e, VenueLocked) and e.locked is held for e in b.log),
        f"locked: {held}",
    )


def key_revoked(bench: Bench) -> Awaitable[None]:
    return now(lambda b: b.kit.revoke_key(b))(bench)


def refused(bench: Bench) -> Awaitable[None]:
    return bench.until(lambda: bench.refusals, "a person hears of it")


def outcome_lost(bench: Bench) -> Awaitable[None]:
    return bench.until(lambda: any(isinstance(e, OutcomeLost) for e in bench.log), "nothing is proved")


def mismatch(bench: Bench) -> Awaitable[None]:
    return bench.until(lambda: bench.mismatches, "balances are doubted")


def over(name: str) -> Step:
    return lambda b: b.until(lambda: b.order(name).is_closed, f"{name} is over")
