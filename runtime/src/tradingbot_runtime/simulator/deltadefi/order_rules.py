"""Why an order may be refused when it is built, submitted or brought into the market: the first objection wins.

Pure.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from tradingbot_runtime.model import Side
from tradingbot_runtime.simulator.accounts import Account
from tradingbot_runtime.simulator.deltadefi.pairs import MIN_BASE_ATOMS
from tradingbot_runtime.simulator.deltadefi.refusals import Reason
from tradingbot_runtime.simulator.instruments import PERCENT_PRICE_DOWN, PERCENT_PRICE_UP
from tradingbot_runtime.simulator.matching import MatchingEngine
from tradingbot_runtime.simulator.orders import NewOrder, OrderType


class Situation(msgspec.Struct, frozen=True):
    """All that the rules look at."""

    request: NewOrder
    engine: MatchingEngine
    account: Account
    open_orders: int
    max_open_orders: int


Rule = Callable[[Situation], Reason | None]


def size(s: Situation) -> Reason | None:
    return Reason.TOO_SMALL if s.request.lots * s.request.listing.lot_atoms < MIN_BASE_ATOMS else None


def price_band(s: Situation) -> Reason | None:
    bid, ask = s.engine.book.bids.best(), s.engine.book.asks.best()
    if s.request.price is None or bid is None or ask is None:
        return None
    middle = Decimal(bid + ask) / 2
    if s.request.price > middle * PERCENT_PRICE_UP:
        return Reason.PRICE_HIGH
    return Reason.PRICE_LOW if s.request.price < middle * PERCENT_PRICE_DOWN else None


def open_orders(s: Situation) -> Reason | None:
    return Reason.TOO_MANY_OPEN if s.open_orders >= s.max_open_orders else None


def post_only(s: Situation) -> Reason | None:
    price = s.request.price
    if s.request.type is OrderType.LIMIT_MAKER and price is not None and s.engine.would_take(s.request.side, price):
        return Reason.WOULD_MATCH
    return None


def liquidity(s: Situation) -> Reason | None:
    if s.request.price is None and s.engine.available(s.request.side, None) < s.request.lots:
        return Reason.LIQUIDITY
    return None


def funds(s: Situation) -> Reason | None:
    instrument = s.request.listing.instrument
    if s.request.side is Side.SELL:
        asset, atoms = instrument.base, s.request.lots * s.request.listing.lot_atoms
    else:
        asset, atoms = instrument.quote, _ticks_lots(s) * instrument.tick_lot
    return Reason.BALANCE if atoms > s.account.balance(asset).free else None


def unlocked_funds(s: Situation) -> Reason | None:
    """A market order had nothing set aside while it was on its way."""
    return funds(s) if s.request.price is None else None


def _ticks_lots(s: Situation) -> int:
    """Price times quantity of what the order takes at most."""
    if s.request.price is not None:
        return s.request.price * s.request.lots
    left, cost = int(s.request.lots), 0
    for price, lots in s.engine.levels(s.request.side):
        taken = min(left, lots)
        left, cost = left - taken, cost + taken * price
        if not left:
            break
    return cost


RULES: tuple[Rule, ...] = (size, price_band, open_orders, post_only, liquidity, funds)

ARRIVAL_RULES: tuple[Rule, ...] = (post_only, liquidity, unlocked_funds)  # what may have changed on the way


def objection(situation: Situation, rules: tuple[Rule, ...] = RULES) -> Reason | None:
    return next((found for rule in rules if (found := rule(situation)) is not None), None)
