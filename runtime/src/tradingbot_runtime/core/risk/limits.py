"""The limits of one market, in its own units: ticks, lots, money units, nanoseconds, and shares as fractions."""

from dataclasses import dataclass

from tradingbot_runtime.config import OnBreach
from tradingbot_runtime.model import Instrument, Lots, Money

WHOLE_BPS = 10_000

Share = tuple[int, int]  # numerator and denominator


@dataclass(frozen=True, slots=True)
class Limits:
    """None: not limited, which the manifest allows in Paper, and in Live for what is optional there."""

    instrument: Instrument
    # orders
    max_order: Lots | None
    max_position: Lots | None
    max_open_orders: int | None
    max_distance: Share | None  # of the reference price
    # losses
    max_daily_loss: Money | None
    # doubts
    stale_after_ns: int

    max_order_notional: Money | None = None
    max_skew: Lots | None = None
    max_base_exposure: int | None = None  # in 1e-8 of the base asset
    max_gross: int | None = None  # in 1e-8 of the quote asset
    max_leverage: Share | None = None  # worst position's value by equity; perpetuals only
    fee_reserve: Share = (0, 1)  # of what is bought
    max_slippage: Share | None = None  # of the reference price, for orders that may take
    min_interval_ns: int = 0
    max_orders_per_minute: int | None = None
    max_rejects_per_minute: int | None = None
    max_messages_per_day: int | None = None
    max_cancels_per_fill: int | None = None
    max_drawdown: Share | None = None  # of the best equity
    max_loss_rate: tuple[Money, int] | None = None  # (loss, within nanoseconds)
    max_clock_drift_ns: int | None = None
    max_divergence: Share | None = None  # of the reference price
    halt_after_ns: int = 30_000_000_000
    check_within_ns: int = 300_000_000_000  # the account was compared with the venue
    cross_checked: bool = False  # there is a second source of the price: it must be fresh, too
    signed: bool = False  # the venue demands signed requests: its clock matters
    on_breach: OnBreach = OnBreach.CANCEL_ALL
