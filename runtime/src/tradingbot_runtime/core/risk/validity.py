"""Checks 9 to 12: is the order itself right."""

from tradingbot_runtime.core.risk.limits import Limits, Share
from tradingbot_runtime.core.risk.situation import Situation
from tradingbot_runtime.core.risk.verdict import Refusal, Verdict
from tradingbot_runtime.model import Place, Side


def tick_and_lot(order: Place, _: Situation, limits: Limits) -> Verdict:
    """Prices and quantities are whole ticks and lots by type; the value is that after rounding."""
    instrument = limits.instrument
    if order.price <= 0:
        return Refusal.BAD_PRICE, f"a price of {order.price} ticks"
    if not instrument.min_lots <= order.quantity <= instrument.max_lots:
        allowed = f"{instrument.min_lots} to {instrument.max_lots}"
        return Refusal.BAD_QUANTITY, f"{order.quantity} lots; allowed: {allowed}"
    if order.price * order.quantity * instrument.tick_lot < instrument.min_notional:
        return Refusal.MIN_NOTIONAL, f"{order.price} x {order.quantity} is worth less than the venue takes"
    return None


def fat_finger(order: Place, now: Situation, limits: Limits) -> Verdict:
    """An order that may take needs a cap on how far it goes; without one it is not sent."""
    if limits.max_distance is not None and not _within(order, now, limits.max_distance):
        return Refusal.FAT_FINGER, f"{order.price} ticks is too far from the reference"
    if order.post_only:
        return None
    if limits.max_slippage is not None and _within(order, now, limits.max_slippage):
        return None
    return Refusal.SLIPPAGE, f"{order.price} ticks may cost more than the slippage that is allowed"


def own_book(order: Place, now: Situation, _: Limits) -> Verdict:
    """Neither the venue's orders are taken, unless that is what the order is for, nor ever our own."""
    buys = order.side is Side.BUY
    opposite = now.venue_ask if buys else now.venue_bid  # None: nobody there to be taken
    if order.post_only and opposite is not None and (order.price - opposite) * order.side.sign >= 0:
        return Refusal.WOULD_TAKE, f"{order.price} would cross {now.venue_bid}/{now.venue_ask}"
    if (buys and now.own_ask and order.price >= now.own_ask) or (not buys and order.price <= now.own_bid):
        return Refusal.SELF_TRADE, f"{order.price} would meet our own {now.own_bid}/{now.own_ask}"
    return None


def repetition(order: Place, now: Situation, limits: Limits) -> Verdict:
    """An id is used once. Orders of one moment belong together; the next moment comes after the interval."""
    if now.known(order.order_id):
        return Refusal.DUPLICATE_INTENT, f"{order.order_id} has been used"
    if 0 < now.now_ns - now.placed_ns < limits.min_interval_ns and not now.closes(order):
        return Refusal.MIN_INTERVAL, f"{now.now_ns - now.placed_ns} ns after the last ones"
    return None


def _within(order: Place, now: Situation, share: Share) -> bool:
    """Whether the price is no further than `share` of the reference from the reference."""
    numerator, denominator = share
    return abs(2 * order.price * now.mid_unit - now.mid_2) * denominator <= now.mid_2 * numerator
