"""From what is known of the markets to metric families. Runs at a scrape, never on the tick path."""

from collections.abc import Mapping
from decimal import Decimal

from tradingbot_runtime.core.orders import UNPROVED
from tradingbot_runtime.core.risk import exposure
from tradingbot_runtime.limit_readings import limits_used
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.metric_families import Family, Values
from tradingbot_runtime.model import ASSET_EXPONENT, HedgeStress, Nanos, Side
from tradingbot_runtime.reconcile import Reconciler
from tradingbot_runtime.telemetry import metrics

_Found = dict[Family, dict[tuple[str, ...], int | float | Decimal]]
_SECOND = 1_000_000_000


def market_readings(
    markets: Mapping[str, LiveMarket], reconcilers: Mapping[str, Reconciler], now_ns: Nanos
) -> dict[Family, Values]:
    found: _Found = {family: {} for family in (*metrics.OF_MARKETS, metrics.PNL)}
    for live in markets.values():
        _orders(found, live)
        _risk(found, live, now_ns)
        _quotes(found, live)
        _hedging(found, live)
        if (reconciler := reconcilers.get(live.name)) is not None:
            _doubts(found, live, reconciler, now_ns)
    return {**found}


def _orders(found: _Found, live: LiveMarket) -> None:
    name, health, orders, instrument = live.name, live.health, live.engine.market.orders, live.instrument
    found[metrics.OPEN_ORDERS][name,] = len(orders.live)
    found[metrics.UNKNOWN_ORDERS][name,] = sum(1 for order in orders if order.state in UNPROVED)
    found[metrics.ORDERS] |= {(name, outcome): count for outcome, count in health.orders.outcomes.items()}
    found[metrics.ORDER_MESSAGES] |= {(name, message): count for message, count in health.orders.messages.items()}
    found[metrics.ORDER_MESSAGES] |= {(name, f"Anomaly{reason}"): count for reason, count in health.anomalies.items()}
    for side in Side:  # from 0 on: of a counter that begins with its first trade, no rate ever shows that trade
        found[metrics.FILLS][name, side] = health.fills.get(side, 0)
        found[metrics.VOLUME][name, side] = Decimal(health.volume.get(side, 0)).scaleb(instrument.money_exponent)
    found[metrics.RISK_REFUSED] |= {(name, reason): count for reason, count in health.refused.items()}


def _risk(found: _Found, live: LiveMarket, now_ns: Nanos) -> None:
    name, market, instrument = live.name, live.engine.market, live.instrument
    held, could = market.position.lots, exposure(market.orders, instrument.tick_lot)
    found[metrics.POSITION][name,] = instrument.lot_size * held
    found[metrics.EXPOSURE][name, Side.BUY] = instrument.lot_size * max(held + could.buying, 0)
    found[metrics.EXPOSURE][name, Side.SELL] = instrument.lot_size * max(could.selling - held, 0)
    found[metrics.LIMIT_USED] |= {(name, limit): share for limit, share in limits_used(market, now_ns)}
    since_ns = market.meters.mismatch_since_ns if market.meters.mismatch else now_ns
    found[metrics.MISMATCH_AGE][name,] = (now_ns - since_ns) / _SECOND
    if market.reference.is_valid and market.terms.hedge is None:  # a hedge's profit is in that of what it hedges
        found[metrics.PNL][name,] = Decimal(market.profit - market.daily.opening).scaleb(instrument.money_exponent)


def _quotes(found: _Found, live: LiveMarket) -> None:
    name, market, instrument = live.name, live.engine.market, live.instrument
    if market.reference.is_valid:
        two_ticks = 2 * market.terms.reference_denominator
        found[metrics.MID][name,] = instrument.tick_size * market.mid_2 / two_ticks
    for side, best in ((Side.BUY, max), (Side.SELL, min)):
        prices = [quote.price for quote in live.engine.quotes if quote.side is side]
        found[metrics.QUOTES][name, side] = len(prices)
        if prices:
            found[metrics.QUOTE_PRICE][name, side] = instrument.tick_size * best(prices)


def _hedging(found: _Found, live: LiveMarket) -> None:
    market = live.engine.market
    if market.hedge is not None:
        found[metrics.RESIDUAL][live.name,] = Decimal(market.residual).scaleb(ASSET_EXPONENT)
        for stress in HedgeStress:
            found[metrics.HEDGE_STRESS][live.name, stress] = int(market.hedge.stress is stress)


def _doubts(found: _Found, live: LiveMarket, reconciler: Reconciler, now_ns: Nanos) -> None:
    unproved = {order.id for order in live.engine.market.orders if order.state in UNPROVED}
    since = [doubt.since_ns for order_id, doubt in reconciler.doubts.by_order.items() if order_id in unproved]
    found[metrics.UNKNOWN_AGE][live.name,] = (now_ns - min(since, default=now_ns)) / _SECOND
    found[metrics.MISMATCHES][live.name,] = reconciler.balances.found
