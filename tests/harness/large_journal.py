"""A journal with a long past: as many orders as a busy bot makes in weeks."""

import asyncio
from pathlib import Path

from harness.engines import BTC
from harness.told_journal import decided
from tradingbot_runtime.core.order_ids import OrderKey, bot_number, encode
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.journal import Decided, Journal
from tradingbot_runtime.model import Lots, Nanos, OrderAccepted, OrderCanceled, OrderFilled, OrderId, Place, Side, Ticks

START = 1_760_000_000_000_000_000
STEP_NS = 1_000_000_000
BATCH = 500
FILLED_EVERY = 3
Told = Decided | OrderAccepted | OrderCanceled | OrderFilled


def grow(path: Path, market: str, orders: int) -> None:
    """Add closed orders: each decided, accepted, and filled (a third of them, buys and sells alike) or cancelled."""
    asyncio.run(_grow(path, market, orders))


async def _grow(path: Path, market: str, orders: int) -> None:
    with Journal(path) as journal:  # in a loop, so that the disk is not waited for at every commit
        bot = bot_number(journal.meta("uid") or "")
        for first in range(1, orders + 1, BATCH):
            records: list[Told] = []
            closed: list[Order] = []
            for number in range(first, min(first + BATCH, orders + 1)):
                order_id = encode(OrderKey(bot, 0, 0, number))
                told, order = _life(number, order_id)
                records.extend(told)
                closed.append(order)
                for fill in told:
                    if isinstance(fill, OrderFilled):
                        assert journal.keep_fill(market, "of before", BTC, fill)
            journal.write(market, records, closed)


def _life(number: int, order_id: OrderId) -> tuple[list[Told], Order]:
    now, side = START + number * STEP_NS, Side.BUY if number // FILLED_EVERY % 2 else Side.SELL
    place = Place(order_id=order_id, side=side, price=Ticks(6_000_000 + number % 100), quantity=Lots(100))
    told: list[Told] = [
        decided(now, place),
        OrderAccepted(time_ns=Nanos(now), order_id=order_id, venue_order_id=f"before{number}"),
    ]
    filled = number % FILLED_EVERY == 0
    if filled:
        told.append(OrderFilled(time_ns=Nanos(now), order_id=order_id, trade_id=f"before{number}", side=side,
                                price=place.price, quantity=place.quantity, fee=1, fee_asset="BTC"))  # fmt: skip
    else:
        told.append(OrderCanceled(time_ns=Nanos(now), order_id=order_id))
    state = OrderState.FILLED if filled else OrderState.CANCELED
    return told, Order(order_id, side, place.price, place.quantity, Lots(100 if filled else 0), state,
                       f"before{number}")  # fmt: skip
