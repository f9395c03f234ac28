"""A slot's configuration -> what each of its markets is traded by, in ticks and lots. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from tradingbot_runtime.config import AroundReference, CrossExchange, Market, OnStop, SlotConfig, VenueType
from tradingbot_runtime.config.limit_cautions import CALLS_PER_PLACE, reserve_of
from tradingbot_runtime.config.quoting import WHOLE_BPS
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.hedging import HedgeTerms
from tradingbot_runtime.core.planner import Capabilities
from tradingbot_runtime.core.quoting import EXACT, Strategy, Tolerance
from tradingbot_runtime.core.terms import Terms
from tradingbot_runtime.model import Instrument, Lots
from tradingbot_runtime.risk_limits import hedge_limits_of, limits_of
from tradingbot_runtime.strategies.chosen import at_hedge_cost, estimation_of, strategy_of
from tradingbot_runtime.strategies.cross_exchange import HedgeMarket

# DeltaDeFi knows no client ids: one (account, symbol) belongs to one bot. Orders are built there, then submitted.
CAPABILITIES: Mapping[VenueType, Capabilities] = {
    VenueType.BINANCE: Capabilities(replace=True),
    VenueType.DELTADEFI: Capabilities(cancel_all=True, calls_per_place=CALLS_PER_PLACE[VenueType.DELTADEFI]),
}
HEDGE_LEG = 1


def terms_of(config: SlotConfig, market: Market, instrument: Instrument, reference: Instrument) -> Terms:
    """The terms of `market`, which is one of the slot's legs."""
    quoting = config.strategy.quoting
    if isinstance(quoting, CrossExchange) and market.is_hedge:
        return _hedge_terms(config, quoting, market, instrument)
    ratio = Fraction(reference.tick_size) / Fraction(instrument.tick_size)
    share = Fraction(quoting.hysteresis.quantity_share)
    return Terms(
        strategy=_strategy(config, instrument, reference),
        tolerance=Tolerance(
            quoting.hysteresis.ticks, share.numerator, share.denominator, inward=isinstance(quoting, AroundReference)
        ),
        limits=limits_of(config, market, instrument),
        reference_numerator=ratio.numerator,
        reference_denominator=ratio.denominator,
        reference_is_venue=market.reference == market.execution,
        capabilities=CAPABILITIES[config.venues[market.execution.venue].type],
        estimation=estimation_of(quoting),
        hedged=isinstance(quoting, CrossExchange),
        leave_on_stop=config.on_stop is OnStop.LEAVE,
    )


def _strategy(config: SlotConfig, instrument: Instrument, reference: Instrument) -> Strategy:
    match config.strategy.quoting:
        case CrossExchange() as quoting:
            most = config.risk.max_position
            return at_hedge_cost(quoting, instrument, reference, None if most is None else instrument.lots_floor(most))
        case AroundReference() as quoting:
            return strategy_of(quoting, instrument, reference.tick_size)
        case other:
            raise TypeError(f"no strategy quotes by {type(other).__name__}")


def _hedge_terms(config: SlotConfig, quoting: CrossExchange, market: Market, instrument: Instrument) -> Terms:
    """One order after the other, each cancelled by itself; orders that take are never left in the market."""
    limits = hedge_limits_of(config, market, instrument)
    slippage = Fraction(quoting.hedge_slippage_bps) / WHOLE_BPS
    most = instrument.max_lots if limits.max_order is None else min(limits.max_order, instrument.max_lots)
    return Terms(
        strategy=HedgeMarket(),
        tolerance=EXACT,
        limits=limits,
        reference_is_venue=True,
        capabilities=Capabilities(calls_per_place=CALLS_PER_PLACE[config.venues[market.execution.venue].type]),
        hedge=HedgeTerms(instrument, (slippage.numerator, slippage.denominator), quoting.hedge_timeout_ns, Lots(most)),
        leg=HEDGE_LEG,
    )


def budget_of(config: SlotConfig, venue: str) -> Budget:
    """The message budget of the account at `venue`."""
    limit = config.venues[venue].rate_limit
    return Budget(Fraction(Decimal(limit.orders_per_second)), limit.burst, reserve_of(limit))
