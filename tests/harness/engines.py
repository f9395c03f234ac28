"""Small real engines for tests: a BTC-like instrument, a ladder, a slot's ids."""

from decimal import Decimal
from fractions import Fraction

from tradingbot_runtime.config import MarketMaking
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.order_ids import OrderIds
from tradingbot_runtime.core.positions import Account, Position
from tradingbot_runtime.core.quoting import Tolerance
from tradingbot_runtime.core.reference_price import ReferencePrice
from tradingbot_runtime.core.risk import Limits
from tradingbot_runtime.core.terms import Terms
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.model import (
    BalancesReported,
    Instrument,
    Lots,
    Money,
    Nanos,
    OrderAccepted,
    OrderId,
    ReferenceTicked,
    StateChanged,
    Ticks,
    TradingState,
)
from tradingbot_runtime.strategies.market_making import ladder

SECOND = 1_000_000_000
BTC = Instrument(
    venue="sim", symbol="BTCUSDT", base="BTC", quote="USDT", tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"),
    min_lots=Lots(1), max_lots=Lots(10**8), min_notional=Money(5 * 10**8),
)  # fmt: skip
# Its money is finer than 1e-8, which is what fees are counted in.
FINE = Instrument(
    venue="sim", symbol="ADAUSD", base="ADA", quote="USD", tick_size=Decimal("0.0001"), lot_size=Decimal("0.000001"),
    min_lots=Lots(1), max_lots=Lots(10**15), min_notional=Money(0),
)  # fmt: skip


def limits(**changes: object) -> Limits:
    values: dict[str, object] = {
        "instrument": BTC, "max_order": Lots(10_000), "max_position": Lots(20_000), "max_open_orders": 20,
        "max_distance": (1, 20), "max_daily_loss": None, "stale_after_ns": 3 * SECOND,
    }  # fmt: skip
    return Limits(**(values | changes))  # type: ignore[arg-type]


def engine(
    layers: int = 2, budget: Budget | None = None, tolerance: Tolerance | None = None, **changes: object
) -> Engine:
    making = MarketMaking(spread_bps=Decimal(10), layers=layers, step_bps=Decimal(5), sizes=[Decimal("0.01")])
    terms = Terms(
        strategy=ladder(making, BTC, ReferencePrice()),
        tolerance=tolerance or Tolerance(0, 0, 1),
        limits=limits(**changes),
        reference_is_venue=True,
    )  # fmt: skip
    market = Market(terms, Position(BTC), Account(BTC))
    return Engine(market, OrderIds(7, 0, 1), budget or Budget(Fraction(1000), 1000, 0))


def tick(now_ns: int, bid: int = 6_000_000, ask: int = 6_000_002) -> ReferenceTicked:
    return ReferenceTicked(
        time_ns=Nanos(now_ns), bid=Ticks(bid), bid_lots=Lots(10), ask=Ticks(ask), ask_lots=Lots(10), update_id=now_ns
    )


def trading(now_ns: int = 1, **changes: object) -> Engine:
    """An engine that is ACTIVE and has money."""
    made = engine(**changes)  # type: ignore[arg-type]
    made.handle(BalancesReported(time_ns=Nanos(now_ns), base=10**8, quote=BTC.money("100000")))
    made.handle(StateChanged(time_ns=Nanos(now_ns), state=TradingState.ACTIVE, reason="Trading"))
    return made


def accept(order_id: OrderId, now_ns: int) -> OrderAccepted:
    return OrderAccepted(time_ns=Nanos(now_ns), order_id=order_id, venue_order_id=f"v{order_id[-6:]}")
