"""Checks 13 to 19: what could the order lead to, if everything fills."""

from tradingbot_runtime.core.risk.limits import Limits
from tradingbot_runtime.core.risk.situation import Situation
from tradingbot_runtime.core.risk.verdict import Refusal, Verdict
from tradingbot_runtime.model import InstrumentType, Place, Side


def order_size(order: Place, _: Situation, limits: Limits) -> Verdict:
    if limits.max_order is not None and order.quantity > limits.max_order:
        return Refusal.MAX_ORDER, f"{order.quantity} lots; {limits.max_order} allowed"
    value = order.price * order.quantity * limits.instrument.tick_lot
    if limits.max_order_notional is None or value <= limits.max_order_notional:
        return None
    return Refusal.MAX_NOTIONAL, f"worth {value}; {limits.max_order_notional} allowed (money units)"


def position(order: Place, now: Situation, limits: Limits) -> Verdict:
    if limits.max_position is None:
        return None
    worst = now.worst(order.side) + order.quantity
    if worst <= limits.max_position:
        return None
    return Refusal.MAX_POSITION, f"could reach {worst} lots; {limits.max_position} allowed"


def across_markets(order: Place, now: Situation, limits: Limits) -> Verdict:
    """With the slot's other markets at their worst, nothing set off against each other."""
    if limits.max_base_exposure is None and limits.max_gross is None:
        return None
    worst = now.worst(order.side) + order.quantity
    if worst <= 0:
        return None
    instrument = limits.instrument
    others = now.others_long if order.side is Side.BUY else now.others_short
    units = worst * instrument.lot_units + others
    if limits.max_base_exposure is not None and units > limits.max_base_exposure:
        return Refusal.MAX_BASE_EXPOSURE, f"{instrument.base} could reach {units}; {limits.max_base_exposure} allowed"
    if limits.max_gross is None:
        return None
    value = -(-worst * now.mid_2 * instrument.tick_lot // (2 * now.mid_unit * instrument.fee_money))
    if value + now.others_gross <= limits.max_gross:
        return None
    return Refusal.MAX_GROSS, f"all markets could reach {value + now.others_gross}; {limits.max_gross} allowed"


def skew(order: Place, now: Situation, limits: Limits) -> Verdict:
    """One-sided: only the side that makes it larger. Orders of unknown fate count as filled, resting ones do not."""
    if limits.max_skew is None:
        return None
    leaning = now.position + now.unproved_buying if order.side is Side.BUY else now.unproved_selling - now.position
    if leaning < limits.max_skew:
        return None
    return Refusal.SKEW, f"leans by {leaning} lots to that side already; {limits.max_skew} allowed"


def open_orders(_: Place, now: Situation, limits: Limits) -> Verdict:
    if limits.max_open_orders is None or now.open_orders < limits.max_open_orders:
        return None
    return Refusal.MAX_OPEN_ORDERS, f"{now.open_orders} orders are in the market already"


def balance(order: Place, now: Situation, limits: Limits) -> Verdict:
    """Spot: our own ledger of what open orders bind, fees included; perpetuals pay from margin (the next check)."""
    instrument = limits.instrument
    if instrument.type is not InstrumentType.SPOT:
        return None
    if order.side is Side.SELL:
        enough = now.selling + order.quantity + now.elsewhere_base <= now.base
    else:
        numerator, denominator = limits.fee_reserve
        bound = now.buying_cost + now.elsewhere_cost + order.price * order.quantity * instrument.tick_lot
        enough = bound * (denominator + numerator) <= now.quote * denominator
    return None if enough else (Refusal.BALANCE, "open orders and this one exceed the balance")


def leverage(order: Place, now: Situation, limits: Limits) -> Verdict:
    """Perpetuals: the worst position's value against the equity that its margin comes from."""
    instrument = limits.instrument
    if instrument.type is InstrumentType.SPOT or now.reduces(order):
        return None
    if limits.max_leverage is None:
        return Refusal.LEVERAGE, "a perpetual needs a limit on leverage"
    numerator, denominator = limits.max_leverage
    value_2 = (now.worst(order.side) + order.quantity) * now.mid_2 * instrument.tick_lot
    if value_2 * denominator <= 2 * now.mid_unit * now.equity * numerator:
        return None
    return Refusal.LEVERAGE, f"the worst position would be worth more than {numerator}/{denominator} of the equity"
