"""From the market data that decisions are made on to metric families: how old it is, and how late. Runs at a scrape.

Not by the connections: one that is made again and again, or brings old frames, looks alive and brings nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tradingbot_runtime import config
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.metric_families import Family, Values
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.telemetry import metrics

_SECOND = 1_000_000_000


class _Heard(NamedTuple):
    """`seen_ns` 0: never."""

    source: str
    place: config.VenueSymbol
    seen_ns: Nanos
    late_ns: int


def feed_readings(
    legs: Iterable[config.Market], markets: Mapping[str, LiveMarket], now_ns: Nanos
) -> dict[Family, Values]:
    ages: dict[tuple[str, ...], float] = {}
    late: dict[tuple[str, ...], float] = {}
    for leg in legs:
        if (live := markets.get(leg.name)) is None:
            continue
        for heard in _heard(leg, live.engine.market):
            labels = (leg.name, heard.source, f"{heard.place.venue}/{heard.place.symbol}")
            ages[labels] = (now_ns - (heard.seen_ns or live.made_ns)) / _SECOND
            late[labels] = heard.late_ns / _SECOND
    return {metrics.FEED_AGE: ages, metrics.FEED_LATE: late}


def _heard(leg: config.Market, market: Market) -> Iterator[_Heard]:
    """Each feed of the market once."""
    yield _Heard("reference", leg.reference, market.reference.seen_ns, market.reference.late_ns)
    if leg.execution != leg.reference:
        yield _Heard("venue", leg.execution, market.venue.seen_ns, market.venue.late_ns)
    if leg.cross_check is not None:
        yield _Heard("crossCheck", leg.cross_check, market.cross_seen_ns, market.cross.late_ns if market.cross else 0)
