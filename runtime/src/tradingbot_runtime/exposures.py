"""What a slot's other markets add to one market's exposure. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec.structs import replace

from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.risk import exposure
from tradingbot_runtime.model import Nanos, OthersExposed


def news_of_others(
    markets: Mapping[str, Market], moved: str, now_ns: Callable[[], Nanos]
) -> Iterator[tuple[str, OthersExposed]]:
    """What the markets beside `moved` have not heard yet, one by one: what one makes of it is known to the next."""
    for name, market in markets.items():
        others = (state for other, state in markets.items() if other != name)
        event, known = others_exposed(market, others, now_ns()), market.others
        if name != moved and (known is None or replace(event, time_ns=known.time_ns) != known):
            yield name, event


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
