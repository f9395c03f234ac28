"""From what is measured of the markets' quoting to metric families. Runs at a scrape."""

from collections.abc import Mapping
from decimal import Decimal

from tradingbot_runtime.core.analytics import HORIZONS, WITHIN_BPS, Markout
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.metric_families import Family, Values
from tradingbot_runtime.model import Side
from tradingbot_runtime.telemetry import metrics

_Found = dict[Family, dict[tuple[str, ...], int | Decimal]]


def performance(markets: Mapping[str, Market]) -> dict[Family, Values]:
    """Layers of a ladder are told apart in /state: here each would be ten series of every side."""
    found: _Found = {
        family: {}
        for family in (metrics.MARKOUT, metrics.MARKOUT_NOTIONAL, metrics.MARKOUT_MISSED, metrics.PNL_PART,
                       metrics.RESTED, metrics.FILLED, metrics.QUOTE_OBSERVED, metrics.QUOTE_UPTIME)
    }  # fmt: skip
    for name, market in markets.items():
        _markouts(found, name, market)
        _profit(found, name, market)
        _quotes(found, name, market)
    return {**found}


def _markouts(found: _Found, name: str, market: Market) -> None:
    measured, exponent = market.performance, market.position.instrument.money_exponent
    sums: dict[tuple[str, ...], Markout] = {}
    for series, of_horizons in measured.markouts.sums.items():
        side, _, _ = series.partition("/")
        for horizon, markout in zip(HORIZONS, of_horizons, strict=True):
            labels = name, side, horizon
            sums[labels] = sums.get(labels, Markout()) + markout
    found[metrics.MARKOUT] |= {labels: Decimal(m.gain).scaleb(exponent) for labels, m in sums.items()}
    found[metrics.MARKOUT_NOTIONAL] |= {labels: Decimal(m.notional).scaleb(exponent) for labels, m in sums.items()}
    found[metrics.MARKOUT_MISSED][name, "no_mid"] = measured.markouts.missed
    found[metrics.MARKOUT_MISSED][name, "late"] = measured.late_fills


def _profit(found: _Found, name: str, market: Market) -> None:
    if market.mark.mid_2:
        parts = market.performance.capture.parts(market.position, market.mark)
        for part, money in parts._asdict().items():
            found[metrics.PNL_PART][name, part] = Decimal(money).scaleb(market.position.instrument.money_exponent)


def _quotes(found: _Found, name: str, market: Market) -> None:
    measured, lot = market.performance, market.position.instrument.lot_size
    for family, lots in ((metrics.RESTED, measured.fill_ratio.rested), (metrics.FILLED, measured.fill_ratio.filled)):
        found[family] |= {(name, side): lot * lots.get(side, 0) for side in Side}  # from 0 on, as fills are
    found[metrics.QUOTE_OBSERVED][name,] = _seconds(measured.uptime.observed_ns)
    for sides, spent in measured.uptime.within_ns.items():
        for bps, spent_ns in zip(WITHIN_BPS, spent, strict=True):
            found[metrics.QUOTE_UPTIME][name, sides, str(bps)] = _seconds(spent_ns)


def _seconds(duration_ns: int) -> Decimal:
    return Decimal(duration_ns).scaleb(-9)
