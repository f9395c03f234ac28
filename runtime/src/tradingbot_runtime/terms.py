"""A slot's configuration -> what each of its markets is traded by, in ticks and lots. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from tradingbot_runtime.config import Market, OnStop, SlotConfig, VenueType
from tradingbot_runtime.config.limit_cautions import CALLS_PER_PLACE, reserve_of
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.planner import Capabilities
from tradingbot_runtime.core.quoting import Tolerance
from tradingbot_runtime.core.terms import Terms
from tradingbot_runtime.model import Instrument
from tradingbot_runtime.risk_limits import limits_of
from tradingbot_runtime.strategies.chosen import estimation_of, strategy_of

# DeltaDeFi knows no client ids: one (account, symbol) belongs to one bot. Orders are built there, then submitted.
CAPABILITIES: Mapping[VenueType, Capabilities] = {
    VenueType.BINANCE: Capabilities(replace=True),
    VenueType.DELTADEFI: Capabilities(cancel_all=True, calls_per_place=CALLS_PER_PLACE[VenueType.DELTADEFI]),
}


def terms_of(config: SlotConfig, market: Market, instrument: Instrument, reference: Instrument) -> Terms:
    """The terms of `market`."""
    quoting = config.strategy.quoting
    ratio = Fraction(reference.tick_size) / Fraction(instrument.tick_size)
    share = Fraction(quoting.hysteresis.quantity_share)
    return Terms(
        strategy=strategy_of(quoting, instrument, reference.tick_size),
        tolerance=Tolerance(quoting.hysteresis.ticks, share.numerator, share.denominator),
        limits=limits_of(config, market, instrument),
        reference_numerator=ratio.numerator,
        reference_denominator=ratio.denominator,
        reference_is_venue=market.reference == market.execution,
        capabilities=CAPABILITIES[config.venues[market.execution.venue].type],
        estimation=estimation_of(quoting),
        leave_on_stop=config.on_stop is OnStop.LEAVE,
    )


def budget_of(config: SlotConfig, venue: str) -> Budget:
    """The message budget of the account at `venue`."""
    limit = config.venues[venue].rate_limit
    return Budget(Fraction(Decimal(limit.orders_per_second)), limit.burst, reserve_of(limit))
