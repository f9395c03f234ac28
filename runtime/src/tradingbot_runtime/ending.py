"""The end of a process that trades: every order is withdrawn, however long the venue takes, until the time is over.

A venue that takes nothing now, because trading is locked, is waited for and not tried: the gateway asks for the lock's
end at its own pace.
"""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from tradingbot_runtime.barrier import Barrier
from tradingbot_runtime.config import Mode
from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.errors import JournalError, VenueError
from tradingbot_runtime.live import PAPER, LiveMarket
from tradingbot_runtime.reconcile import Reconciler
from tradingbot_runtime.slot import Slot

log = structlog.get_logger("ending")

STREAM_CANCELS_S = 0.2  # the cancels over the websocket get this long before the venue is asked what is left
AGAIN_S, AGAIN_MOST_S = 0.2, 0.5  # between tries: at first, and while it goes on
LOCK_LOOK_S = 0.1  # at what the gateway knows of the lock: nothing is sent
GATE_WITHIN_S = 3.0  # a container that was restarted has its pod's Lease again with the first answer
NAMED_MOST = 100  # orders of a market


async def until_markets_known(
    slot: Slot, barrier: Barrier, is_fenced: Callable[[], bool], within_s: float, hurried: asyncio.Event
) -> float:
    """Of a process that is young, and whose journal has orders of the one before it: its markets withdraw them.

    The start goes on meanwhile, and trades nothing any more. Without the Lease they are not ours to withdraw. Returns
    what is left of `within_s`.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while _unreached(slot, barrier) and not hurried.is_set():
        if loop.time() - began > (min(GATE_WITHIN_S, within_s) if is_fenced() else within_s):
            break
        await asyncio.sleep(LOCK_LOOK_S)
    return max(within_s - (loop.time() - began), 0.0)


def _unreached(slot: Slot, barrier: Barrier) -> bool:
    if slot.config.mode is not Mode.LIVE:
        return False
    return any(leg.name not in barrier.reconcilers and slot.journal.orders_not_closed(leg.name)
               for leg in slot.config.legs)  # fmt: skip


async def withdraw(
    reconcilers: Iterable[Reconciler], within_s: float, hurried: asyncio.Event, failed: Callable[[JournalError], None]
) -> None:
    """Cancel and confirm until nothing of ours is in the market, the time is over, or `hurried` is set.

    Without the journal as well: once `failed` has heard of it, nothing is to be written to it any more.
    """
    work, hurry = asyncio.ensure_future(_empty(reconcilers, failed)), asyncio.ensure_future(hurried.wait())
    done, _ = await asyncio.wait((work, hurry), timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    for task in (work, hurry):
        task.cancel()
    await asyncio.gather(work, hurry, return_exceptions=True)
    if work in done:
        work.result()
    elif hurry in done:
        log.warning("ShutdownHurried")
    else:
        log.warning("ShutdownOutOfTime", seconds=within_s)


async def _empty(reconcilers: Iterable[Reconciler], failed: Callable[[JournalError], None]) -> None:
    holding = [reconciler for reconciler in reconcilers if reconciler.may_have_orders]
    if holding:
        await asyncio.sleep(STREAM_CANCELS_S)
    # Side by side: a venue that is away must not keep the others' orders in the market.
    await asyncio.gather(*(_until_empty(reconciler, failed) for reconciler in holding))


async def _until_empty(reconciler: Reconciler, failed: Callable[[JournalError], None]) -> None:
    pause_s = 0.0  # what the first try has cancelled is asked about at once
    while True:
        await _unlocked(reconciler)
        try:
            if await reconciler.cancel_all():
                return
        except VenueError as error:
            log.warning("CancelAllFailed", market=reconciler.market.name, message=str(error))
            pause_s = pause_s or AGAIN_S
        except JournalError as error:
            failed(error)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, AGAIN_MOST_S) or AGAIN_S


async def _unlocked(reconciler: Reconciler) -> None:
    gateway, market = reconciler.market.gateway, reconciler.market.name
    if gateway.locked:
        log.warning("ShutdownWaitsForVenue", market=market, message=gateway.locked)
    while gateway.locked:  # noqa: ASYNC110 - a gateway tells the market of the lock, and has no event for others
        await asyncio.sleep(LOCK_LOOK_S)


def tell_left(slot: Slot, barrier: Barrier) -> bool:
    """Whether orders may be in the market; if so the log names them, and where they are."""
    left = _left(slot, barrier)
    if left:
        venues = {leg.name: leg.execution.venue for leg in slot.config.legs if leg.name in left}
        log.error(
            "ShutdownIncomplete",
            orders={name: len(ids) for name, ids in left.items()},
            ids={name: ids[:NAMED_MOST] for name, ids in left.items()},
            venues={name: f"{venue} ({barrier.links[venue].adapter.address})" for name, venue in venues.items()},
        )
    return bool(left)


def _left(slot: Slot, barrier: Barrier) -> dict[str, list[str]]:
    """Orders that may be in the market, by market: those of a market that the barrier did not get to as well.

    Each by the venue's id of it, or by ours where it is not known. Paper orders are filed elsewhere and end with the
    process.
    """
    left = {}
    for market in slot.config.legs:
        reconciler = barrier.reconcilers.get(market.name)
        if reconciler is None or reconciler.may_have_orders:
            orders = slot.journal.orders_not_closed(market.name)
            known = orders if reconciler is None else may_be_open(orders, reconciler.market)
            left[market.name] = [order.venue_order_id or order.id for order in known]
    return {name: ids for name, ids in left.items() if ids}


def may_be_open(journalled: Iterable[Order], market: LiveMarket) -> list[Order]:
    """The journal's, and what has become of them since it was given up: some are over, and others came up."""
    orders = market.engine.market.orders
    open_still = {order.id: order for order in journalled if not ((now := orders.get(order.id)) and now.is_closed)}
    if market.account != PAPER:
        open_still |= {order.id: order for order in orders}
    return list(open_still.values())
