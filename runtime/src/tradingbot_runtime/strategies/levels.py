"""From prices and sizes to quotes that a venue takes; the last step of every strategy."""

from collections.abc import Iterable

from tradingbot_runtime.core.quoting import Quote
from tradingbot_runtime.model import Instrument, Lots, Side, Ticks


def post_only(side: Side, levels: Iterable[tuple[int, int]], limit: int | None, instrument: Instrument) -> list[Quote]:
    """The quotes of `levels` (price in ticks, size in lots), in their order.

    Prices stop at `limit`, the last tick that takes nothing from the venue's book (None: there is nobody to take);
    equal prices are merged; what the venue would refuse as too small is left out.
    """
    merged: dict[int, int] = {}
    for price, size in levels:
        allowed = price
        if limit is not None:
            allowed = min(price, limit) if side is Side.BUY else max(price, limit)
        merged[allowed] = merged.get(allowed, 0) + size
    least, money = instrument.min_lots, instrument.tick_lot
    return [
        Quote(side, Ticks(price), Lots(size))
        for price, size in merged.items()
        if price > 0 and size >= least and price * size * money >= instrument.min_notional
    ]
