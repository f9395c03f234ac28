"""A slot's configuration -> what each of its markets is traded by, in ticks and lots. Pure."""

from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from tradingbot_runtime.config import Market, OnStop, Risk, SlotConfig
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.quoting import Strategy, Tolerance
from tradingbot_runtime.core.risk import WHOLE_BPS, Limits
from tradingbot_runtime.core.terms import Terms
from tradingbot_runtime.model import Instrument
from tradingbot_runtime.strategies.market_making import ladder


def terms_of(config: SlotConfig, market: Market, instrument: Instrument, reference: Instrument) -> Terms:
    """The terms of `market`; the loss limit is divided by the slot's markets, because each watches its own part."""
    making = config.strategy.market_making
    if making is None:
        raise TypeError("the configuration was validated: there is a strategy")
    ratio = Fraction(reference.tick_size) / Fraction(instrument.tick_size)
    share = Fraction(making.hysteresis.quantity_share)
    strategy: Strategy = ladder(making, instrument, reference.tick_size)
    return Terms(
        strategy=strategy,
        tolerance=Tolerance(making.hysteresis.ticks, share.numerator, share.denominator),
        limits=_limits(config.risk, instrument, len(config.markets)),
        reference_numerator=ratio.numerator,
        reference_denominator=ratio.denominator,
        reference_is_venue=market.reference == market.execution,
        leave_on_stop=config.on_stop is OnStop.LEAVE,
    )


def _limits(risk: Risk, instrument: Instrument, markets: int) -> Limits:
    distance = Fraction(risk.max_distance_bps) / WHOLE_BPS if risk.max_distance_bps else None
    loss = risk.max_daily_loss
    return Limits(
        instrument=instrument,
        max_order=instrument.lots_floor(risk.max_order) if risk.max_order else None,
        max_position=instrument.lots_floor(risk.max_position) if risk.max_position else None,
        max_open_orders=risk.max_open_orders,
        max_distance=(distance.numerator, distance.denominator) if distance else None,
        max_daily_loss=instrument.money(loss / markets) if loss else None,
        stale_after_ns=risk.stale_after_ns,
    )


def budget_of(config: SlotConfig, venue: str) -> Budget:
    """The message budget of the account at `venue`."""
    limit = config.venues[venue].rate_limit
    reserve = int((limit.burst * limit.cancel_reserve).to_integral_value(ROUND_DOWN))
    return Budget(Fraction(Decimal(limit.orders_per_second)), limit.burst, min(reserve, limit.burst - 1))
