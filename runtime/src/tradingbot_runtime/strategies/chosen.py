"""From a strategy's configuration to the strategy, in ticks and lots of the market that it quotes."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any

from tradingbot_runtime.config import (
    AroundReference,
    AvellanedaStoikov,
    Basis,
    CrossExchange,
    DepthModel,
    Glft,
    Grid,
    MarketMaking,
    Quoting,
    Spacing,
)
from tradingbot_runtime.config.quoting import WHOLE_BPS
from tradingbot_runtime.core.calibration import EXACTLY, PPB_IN_BPS, SECOND_NS, CalibrationTerms, Flow
from tradingbot_runtime.core.estimates import Estimation
from tradingbot_runtime.core.quoting import Strategy
from tradingbot_runtime.core.reference_price import BasisTerms, ReferencePrice, log_bps
from tradingbot_runtime.model import Instrument, Lots
from tradingbot_runtime.strategies import avellaneda_stoikov, cross_exchange, glft, grid
from tradingbot_runtime.strategies.depths import UNIT, DepthQuotes
from tradingbot_runtime.strategies.depths import DepthModel as Model
from tradingbot_runtime.strategies.market_making import ladder


def strategy_of(quoting: AroundReference, instrument: Instrument, reference_tick: Decimal) -> Strategy:
    """The strategy that `quoting` describes for `instrument`, its reference priced in `reference_tick`."""
    return _BUILDERS[type(quoting)](quoting, instrument, reference_price_of(quoting, instrument, reference_tick))


def at_hedge_cost(
    config: CrossExchange, instrument: Instrument, hedge: Instrument, max_position: Lots | None
) -> cross_exchange.CrossExchange:
    """Rates in 1 / UNIT basis points, rounded up: quotes only move outward."""
    ratio, share = Fraction(hedge.tick_size) / Fraction(instrument.tick_size), Fraction(config.book_share)
    return cross_exchange.CrossExchange(
        instrument=instrument,
        hedge=hedge,
        ratio=(ratio.numerator, ratio.denominator),
        size=instrument.lots_floor(config.size),
        book_share=(share.numerator, share.denominator),
        unit=WHOLE_BPS * UNIT,
        taker_fee=_exact(config.taker_fee_bps),
        maker_fee=_exact(config.maker_fee_bps),
        edge=_exact(config.edge_bps),
        late_edge=_exact(config.late_edge_bps),
        max_position=max_position,
    )


def reference_price_of(quoting: AroundReference, instrument: Instrument, reference_tick: Decimal) -> ReferencePrice:
    ratio = Fraction(reference_tick) / Fraction(instrument.tick_size)
    rows = (
        [[Fraction(shift) for shift in row] for row in quoting.micro_price.shift_ticks] if quoting.micro_price else []
    )
    unit = lcm(*(shift.denominator for row in rows for shift in row))
    return ReferencePrice(
        kind=quoting.reference_price,
        numerator=ratio.numerator,
        denominator=ratio.denominator,
        shifts=tuple(tuple(int(shift * unit) for shift in row) for row in rows),
        shift_unit=unit,
    )


def estimation_of(quoting: Quoting) -> Estimation | None:
    """What is to be learned from the feeds for this strategy; None: nothing."""
    if not isinstance(quoting, AroundReference):
        return None
    basis, calibration = quoting.basis, None
    if isinstance(quoting, DepthModel):
        measured = quoting.calibration
        calibration = CalibrationTerms(
            window_ns=measured.window_ns,
            interval_ns=measured.interval_ns,
            refit_ns=measured.refit_ns,
            depth_ppb=max(int(measured.depth_bps * PPB_IN_BPS), 1),
        )
    if basis is None and calibration is None:
        return None
    return Estimation(None if basis is None else _basis_terms(basis), calibration)


def _basis_terms(basis: Basis) -> BasisTerms:
    return BasisTerms(
        time_constant_ns=basis.time_constant_ns,
        clip=log_bps(basis.clip_bps),
        depeg=None if basis.depeg_bps is None else log_bps(basis.depeg_bps),
    )


def _avellaneda_stoikov(config: AvellanedaStoikov, instrument: Instrument, price: ReferencePrice) -> Strategy:
    model = avellaneda_stoikov.AvellanedaStoikov(
        risk_aversion=config.risk_aversion,
        decay=config.decay_per_bps,
        horizon_s=EXACTLY.divide(Decimal(config.horizon_ns), Decimal(SECOND_NS)),
        volatility=config.volatility_bps,
    )
    return _depth_quotes(config, model, instrument, price)


def _glft(config: Glft, instrument: Instrument, price: ReferencePrice) -> Strategy:
    known = config.flow
    fallback = Flow(known.arrivals_per_second, known.decay_per_bps, known.volatility_bps) if known else None
    return _depth_quotes(config, glft.Glft(config.risk_aversion, config.skew_factor, fallback), instrument, price)


def _depth_quotes(config: DepthModel, model: Model, instrument: Instrument, price: ReferencePrice) -> DepthQuotes:
    size = instrument.lots_floor(config.size)
    return DepthQuotes(
        model=model,
        price=price,
        instrument=instrument,
        size=size,
        max_position=size * config.max_inventory,
        least=_exact(config.fee_bps + config.edge_bps),
        most=_exact(config.max_depth_bps),
        layers=config.layers,
        step=_exact(config.step_bps),
    )


def _exact(bps: Decimal) -> int:
    """In 1 / UNIT basis points; what a manifest can say beyond that is rounded up: quotes only move outward."""
    return -int(-Fraction(bps) * UNIT // 1)


def _grid(config: Grid, instrument: Instrument, price: ReferencePrice) -> Strategy:
    spaced = grid.geometric if config.spacing is Spacing.GEOMETRIC else grid.arithmetic
    levels = grid.on_ticks(spaced(config.lower_price, config.upper_price, config.levels), instrument.tick_size)
    size = instrument.lots_floor(config.size)
    neutral = Fraction(config.neutral_price) / Fraction(instrument.tick_size)
    above = sum(1 for level in levels[:-1] if level >= neutral)
    return grid.Grid(instrument, levels, size, above * size, config.orders_per_side, price)


_BUILDERS: Mapping[type[AroundReference], Callable[[Any, Instrument, ReferencePrice], Strategy]] = {
    MarketMaking: ladder,
    AvellanedaStoikov: _avellaneda_stoikov,
    Glft: _glft,
    Grid: _grid,
}
