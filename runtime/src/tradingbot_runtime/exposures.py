"""What a slot's other markets add to one market's exposure. Pure."""

from collections.abc import Iterable

from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.risk import exposure
from tradingbot_runtime.model import Nanos, OthersExposed


def others_exposed(market: Market, others: Iterable[Market], time_ns: Nanos) -> OthersExposed:
    """Each of `others` at its worst, nothing set off against each other; valued at its own reference price."""
    long = short = gross = 0
    ours = market.terms.limits.instrument
    for other in others:
        instrument = other.terms.limits.instrument
        could = exposure(other.orders, instrument.tick_lot)
        up, down = other.position.lots + could.buying, could.selling - other.position.lots
        if instrument.base == ours.base:
            long += max(up, 0) * instrument.lot_units
            short += max(down, 0) * instrument.lot_units
        if instrument.quote == ours.quote and other.reference.is_valid:
            value_2 = max(up, down, 0) * other.mid_2 * instrument.tick_lot
            gross += -(-value_2 // (2 * other.terms.reference_denominator * instrument.fee_money))
    return OthersExposed(time_ns=time_ns, long=long, short=short, gross=gross)
