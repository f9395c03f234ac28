"""What is allowed and cannot quote: orders that the bot's own limits, or the account's rate, will always refuse."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from tradingbot_runtime.config.cross_exchange import CrossExchange
from tradingbot_runtime.config.depth_models import DepthModel
from tradingbot_runtime.config.grid import Grid
from tradingbot_runtime.config.market_making import MarketMaking
from tradingbot_runtime.config.quoting import Quoting
from tradingbot_runtime.config.risk import Risk
from tradingbot_runtime.config.strategy import Strategy
from tradingbot_runtime.config.venue import RateLimit, VenueSpec, VenueType

CALLS_PER_PLACE: Mapping[VenueType, int] = {VenueType.BINANCE: 1, VenueType.DELTADEFI: 2}  # build and submit


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a strategy asks for, in each market."""

    orders: int  # in the market at once, both sides
    largest: Decimal  # order, in base units, as written
    grown: Decimal  # the same, as far as a skew may let it grow
    size_field: str
    nearest_bps: Decimal | None = None  # of the first layer, where it is written
    furthest_bps: Decimal | None = None  # of the last one
    hedge_bps: Decimal | None = None  # how far a hedge may go beyond the best price


LimitCaution = Callable[[Wanted, Risk], str]


def limit_warnings(strategy: Strategy, risk: Risk) -> Iterator[str]:
    """One sentence for each limit that refuses what the strategy wants."""
    wanted = wanted_of(strategy.quoting)
    if wanted is None:
        return
    for caution in LIMIT_CAUTIONS:
        if said := caution(wanted, risk):
            yield f"spec.risk: {said}"


def rate_warning(name: str, venue: VenueSpec) -> str:
    """Whether the account's budget leaves room for a single order."""
    calls, limit = CALLS_PER_PLACE[venue.type], venue.rate_limit
    left = limit.burst - reserve_of(limit)
    if left >= calls:
        return ""
    what = f"placing an order takes {calls} messages, and beside cancelReserve the burst leaves {left}: none is sent"
    return f"Venue {name}: spec.rateLimit: burst is {limit.burst}: {what}; raise burst"


def reserve_of(limit: RateLimit) -> int:
    """Messages of the burst that only cancels may use; one at least is left for orders."""
    return int((limit.burst * limit.cancel_reserve).to_integral_value(ROUND_DOWN))


def wanted_of(quoting: Quoting) -> Wanted | None:
    """None for a strategy whose orders are not known before it sees a market."""
    match quoting:
        case MarketMaking():
            used = quoting.sizes[: quoting.layers]
            skew, furthest = quoting.inventory_skew, quoting.spread_bps + quoting.step_bps * (quoting.layers - 1)
            factor = skew.max_size_factor if skew else Decimal(1)
            return Wanted(2 * quoting.layers, max(used), max(used) * max(factor, Decimal(1)), "sizes",
                          quoting.spread_bps, furthest)  # fmt: skip
        case DepthModel():
            return Wanted(2 * quoting.layers, quoting.size, quoting.size, "size")
        case CrossExchange():
            return Wanted(2, quoting.size, quoting.size, "size", hedge_bps=quoting.hedge_slippage_bps)
        case Grid():
            return Wanted(2 * quoting.orders_per_side, quoting.size, quoting.size, "size")
        case _:
            return None


def size_above_max_order(wanted: Wanted, risk: Risk) -> str:
    if risk.max_order is None or wanted.grown <= risk.max_order:
        return ""
    limit = f"maxOrder is {_text(risk.max_order)}, and"
    if wanted.largest > risk.max_order:
        return f"{limit} {wanted.size_field} asks for orders of {_text(wanted.largest)}: these are all refused"
    return f"{limit} the inventory skew may let an order grow to {_text(wanted.grown)}: that is refused then"


def size_above_max_position(wanted: Wanted, risk: Risk) -> str:
    if risk.max_position is None or wanted.largest <= risk.max_position:
        return ""
    what = f"{wanted.size_field} asks for orders of {_text(wanted.largest)}: none that adds to a position is sent"
    return f"maxPosition is {_text(risk.max_position)}, and {what}"


def too_few_open_orders(wanted: Wanted, risk: Risk) -> str:
    if risk.max_open_orders is None or risk.max_open_orders >= wanted.orders:
        return ""
    what = f"the strategy wants {wanted.orders} in each market: the outer ones are refused"
    return f"maxOpenOrders is {risk.max_open_orders}, and {what}"


def halts_on_its_first_quotes(wanted: Wanted, risk: Risk) -> str:
    if risk.max_orders_per_minute is None or risk.max_orders_per_minute >= wanted.orders:
        return ""
    what = f"the first quotes of a market are {wanted.orders} orders: the bot halts itself"
    return f"maxOrdersPerMinute is {risk.max_orders_per_minute}, and {what}"


def quotes_beyond_max_distance(wanted: Wanted, risk: Risk) -> str:
    furthest, limit = wanted.furthest_bps, risk.max_distance_bps
    if limit is None or furthest is None or wanted.nearest_bps is None or furthest <= limit:
        return ""
    if wanted.nearest_bps > limit:
        what = f"the first layer is {_text(wanted.nearest_bps)} bps from the reference: every order is refused"
    else:
        what = f"the last layer is {_text(furthest)} bps from the reference: what is beyond the limit is refused"
    return f"maxDistanceBps is {_text(limit)}, and {what}"


def hedges_beyond_a_limit(wanted: Wanted, risk: Risk) -> str:
    """The limits count from the mid, the slippage from the best price: the spread comes on top."""
    limits = (("maxSlippageBps", risk.max_slippage_bps), ("maxDistanceBps", risk.max_distance_bps))
    for name, limit in limits:
        if wanted.hedge_bps is not None and limit is not None and limit <= wanted.hedge_bps:
            what = f"hedgeSlippageBps is {_text(wanted.hedge_bps)}: no hedge is sent, which counts the spread as well"
            return f"{name} is {_text(limit)}, and {what}"
    return ""


def max_order_above_max_position(_: Wanted, risk: Risk) -> str:
    if risk.max_order is None or risk.max_position is None or risk.max_order <= risk.max_position:
        return ""
    what = f"a single order may not be larger than maxPosition ({_text(risk.max_position)}) anyway"
    return f"maxOrder is {_text(risk.max_order)}, and {what}: one of them is not what was meant"


LIMIT_CAUTIONS: tuple[LimitCaution, ...] = (
    size_above_max_order, size_above_max_position, too_few_open_orders, halts_on_its_first_quotes,
    quotes_beyond_max_distance, hedges_beyond_a_limit, max_order_above_max_position,
)  # fmt: skip


def _text(number: Decimal) -> str:
    return format(number.normalize(), "f")
