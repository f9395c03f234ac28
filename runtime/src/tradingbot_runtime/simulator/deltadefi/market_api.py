"""What anybody may ask: prices, candles, depth, configuration, the Hydra cycle, whether trading is locked."""

from tradingbot_runtime.simulator.deltadefi import wire
from tradingbot_runtime.simulator.deltadefi.calls import Asked
from tradingbot_runtime.simulator.deltadefi.public_market import INTERVALS_MS
from tradingbot_runtime.simulator.deltadefi.refusals import Reason, Refusal
from tradingbot_runtime.simulator.deltadefi.venue import DeltaDeFiVenue

LATEST_S = 2**53  # the largest time that a JSON number holds


def market_price(venue: DeltaDeFiVenue, asked: Asked) -> object:
    return venue.market(asked.named("symbol")).public.price()


def graph(venue: DeltaDeFiVenue, asked: Asked) -> object:
    """Candles that opened from `start` to `end`, in seconds since the epoch."""
    market = venue.market(asked.path["symbol"])
    interval = asked.named("interval")
    if interval not in INTERVALS_MS:
        raise Refusal(Reason.INTERVAL)
    start, end = (asked.whole(name, None, LATEST_S) * 1000 for name in ("start", "end"))
    return [wire.candle(market.pair, found) for found in market.public.candles.between(interval, start, end)]


def depth(venue: DeltaDeFiVenue, asked: Asked) -> object:
    """Of the Hummingbot connector; the official SDK does not know it."""
    return venue.market(asked.path["symbol"]).public.depth(venue.now_ms())


def market_config(_venue: DeltaDeFiVenue, _: Asked) -> object:
    return wire.market_config()


def hydra_cycle(venue: DeltaDeFiVenue, _: Asked) -> object:
    start, end = venue.lock.cycle(venue.now_ms())
    return {"start": wire.moment(start), "end": wire.moment(end)}


def terms(_venue: DeltaDeFiVenue, _: Asked) -> object:
    return {"value": "This is a simulator."}


def trading_lock_status(venue: DeltaDeFiVenue, _: Asked) -> object:
    """The documentation names the route, and not the shape of its answer."""
    return {"locked": venue.lock.locked(venue.now_ms())}
