"""Quotes cut down to what the account can pay for: a part of what is wanted is better than nothing.

A fee that is taken in the base asset leaves less of it than was bought: what sells it all is then a little too large.
"""

from collections.abc import Sequence

from tradingbot_runtime.core.quoting import Quote
from tradingbot_runtime.core.risk import Limits, Situation
from tradingbot_runtime.model import Instrument, InstrumentType, Lots, Side


def affordable(quotes: Sequence[Quote], now: Situation, limits: Limits) -> tuple[Quote, ...]:
    """As much of each quote as there is money for, inner first, and nothing that the venue would find too small."""
    return tuple(part for part in _parts(quotes, now, limits) if part is not None)


def fitted(quotes: Sequence[Quote], now: Situation, limits: Limits) -> tuple[Quote, ...]:
    """The same, but what cannot be cut stays as it is: the checks refuse it, and a person hears why."""
    return tuple(part or quote for part, quote in zip(_parts(quotes, now, limits), quotes, strict=True))


def too_small(quote: Quote, instrument: Instrument) -> bool:
    """Whether the venue would not take it."""
    value = quote.price * quote.quantity * instrument.tick_lot
    return quote.quantity < max(instrument.min_lots, 1) or value < instrument.min_notional


def _parts(quotes: Sequence[Quote], now: Situation, limits: Limits) -> list[Quote | None]:
    """Perpetuals are paid from margin: they are not cut to a balance."""
    instrument = limits.instrument
    is_spot = instrument.type is InstrumentType.SPOT
    numerator, denominator = limits.fee_reserve
    base = now.base - now.foreign_selling - now.elsewhere_base
    money = now.quote * denominator // (denominator + numerator) - now.foreign_cost - now.elsewhere_cost
    parts: list[Quote | None] = []
    for quote in quotes:
        each = quote.price * instrument.tick_lot
        lots: int = quote.quantity
        if is_spot and quote.side is Side.SELL:
            lots = min(lots, base)
        elif is_spot and each > 0:
            lots = min(lots, money // each)
        part = quote if lots == quote.quantity else Quote(quote.side, quote.price, Lots(lots))
        if too_small(part, instrument):
            parts.append(None)
            continue
        if quote.side is Side.SELL:
            base -= lots
        else:
            money -= each * lots
        parts.append(part)
    return parts
