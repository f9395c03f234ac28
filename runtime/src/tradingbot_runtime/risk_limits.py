"""A slot's risk configuration -> the limits of one of its markets, in ticks, lots and money units. Pure."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from tradingbot_runtime.config import Market, Mode, Risk, SlotConfig, VenueType
from tradingbot_runtime.core.risk import WHOLE_BPS, Limits
from tradingbot_runtime.core.risk.limits import Share
from tradingbot_runtime.model import Instrument, Lots, Money, asset_units

TIMED = frozenset({VenueType.BINANCE})  # a request has a time in it, and is refused when that is off


def limits_of(config: SlotConfig, market: Market, instrument: Instrument) -> Limits:
    """Losses are divided by the slot's markets, because each watches its own part; the rest holds for each market."""
    risk, markets = config.risk, len(config.markets)
    return Limits(
        instrument=instrument,
        max_order=_lots(risk.max_order, instrument),
        max_position=_lots(risk.max_position, instrument),
        max_open_orders=risk.max_open_orders,
        max_distance=_bps(risk.max_distance_bps),
        max_daily_loss=_money(risk.max_daily_loss, instrument, markets),
        stale_after_ns=risk.stale_after_ns,
        max_order_notional=_money(risk.max_order_notional, instrument),
        max_skew=_lots(risk.max_skew, instrument),
        max_base_exposure=asset_units(risk.max_base_exposure) if risk.max_base_exposure is not None else None,
        max_gross=asset_units(risk.max_gross) if risk.max_gross is not None else None,
        fee_reserve=_bps(risk.fee_reserve_bps) or (0, 1),
        max_slippage=_bps(risk.max_slippage_bps),
        min_interval_ns=risk.min_interval_ns or 0,
        max_orders_per_minute=risk.max_orders_per_minute,
        max_rejects_per_minute=risk.max_rejects_per_minute,
        max_messages_per_day=risk.max_messages_per_day,
        max_cancels_per_fill=risk.max_cancels_per_fill,
        max_drawdown=_share(Fraction(risk.max_drawdown) / markets) if risk.max_drawdown is not None else None,
        max_loss_rate=_loss_rate(risk, instrument, markets),
        max_clock_drift_ns=risk.max_clock_drift_ns,
        max_divergence=_bps(risk.max_divergence_bps),
        halt_after_ns=risk.halt_after_ns,
        cross_checked=market.cross_check is not None,
        signed=config.mode is Mode.LIVE and config.venues[market.execution.venue].type in TIMED,
        on_breach=risk.on_breach,
    )


def hedge_limits_of(config: SlotConfig, market: Market, instrument: Instrument) -> Limits:
    """Of a market that hedges another one.

    What the order itself may be and what is known hold as anywhere. How far the position may go follows from the other
    market's limits, because a hedge only takes the residual away; what both have lost is watched over there; and no
    limit that is meant to calm quotes down delays a hedge.
    """
    return replace(
        limits_of(config, market, instrument),
        max_position=None,
        max_skew=None,
        max_daily_loss=None,
        max_drawdown=None,
        max_loss_rate=None,
        min_interval_ns=0,
        max_messages_per_day=None,
        max_cancels_per_fill=None,
        max_divergence=None,
    )


def _lots(quantity: Decimal | None, instrument: Instrument) -> Lots | None:
    return None if quantity is None else instrument.lots_floor(quantity)


def _money(amount: Decimal | None, instrument: Instrument, parts: int = 1) -> Money | None:
    return None if amount is None else instrument.money(amount / parts)


def _loss_rate(risk: Risk, instrument: Instrument, markets: int) -> tuple[Money, int] | None:
    rate = risk.max_loss_rate
    return None if rate is None else (instrument.money(rate.loss / markets), rate.within_ns)


def _bps(bps: Decimal | None) -> Share | None:
    return None if bps is None else _share(Fraction(bps) / WHOLE_BPS)


def _share(share: Fraction) -> Share:
    return share.numerator, share.denominator
