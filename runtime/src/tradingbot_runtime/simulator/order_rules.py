"""Why a new order may be refused: the first rule that objects wins. Pure.

Order and words as at Binance: symbol filters, then the matching engine's refusals.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from tradingbot_runtime.model import Side
from tradingbot_runtime.simulator.accounts import Account
from tradingbot_runtime.simulator.history import History
from tradingbot_runtime.simulator.instruments import MAX_OPEN_ORDERS, PERCENT_PRICE_DOWN, PERCENT_PRICE_UP
from tradingbot_runtime.simulator.matching import MatchingEngine
from tradingbot_runtime.simulator.orders import NewOrder, OrderType
from tradingbot_runtime.simulator.refusals import Reason, Refusal


class Situation(msgspec.Struct, frozen=True):
    """All that the rules look at. `request.lots` is known, also for a market order by quote amount."""

    request: NewOrder
    engine: MatchingEngine
    account: Account
    history: History


Rule = Callable[[Situation], Refusal | None]


def lot_size(s: Situation) -> Refusal | None:
    instrument = s.request.listing.instrument
    if not instrument.min_lots <= s.request.lots <= instrument.max_lots:
        return Refusal(Reason.FILTER, "LOT_SIZE")
    return None


def percent_price(s: Situation) -> Refusal | None:
    bid, ask = s.engine.book.bids.best(), s.engine.book.asks.best()
    if s.request.price is None or bid is None or ask is None:
        return None
    middle = Decimal(bid + ask) / 2
    if not middle * PERCENT_PRICE_DOWN <= s.request.price <= middle * PERCENT_PRICE_UP:
        return Refusal(Reason.FILTER, "PERCENT_PRICE_BY_SIDE")
    return None


def notional(s: Situation) -> Refusal | None:
    instrument = s.request.listing.instrument
    price = s.request.price or next((price for price, _ in s.engine.levels(s.request.side)), None)
    if price is not None and price * s.request.lots * instrument.tick_lot < instrument.min_notional:
        return Refusal(Reason.FILTER, "NOTIONAL")
    return None


def open_orders(s: Situation) -> Refusal | None:
    if s.request.price is not None and len(s.history.open_orders(s.request.listing.symbol)) >= MAX_OPEN_ORDERS:
        return Refusal(Reason.FILTER, "MAX_NUM_ORDERS")
    return None


def duplicate(s: Situation) -> Refusal | None:
    """Client order ids must be unique among open orders only: a closed order's id may be used again."""
    if s.history.is_open(s.request.listing.symbol, s.request.client_id):
        return Refusal(Reason.DUPLICATE)
    return None


def post_only(s: Situation) -> Refusal | None:
    price = s.request.price
    if s.request.type is OrderType.LIMIT_MAKER and price is not None and s.engine.would_take(s.request.side, price):
        return Refusal(Reason.WOULD_TAKE)
    return None


def funds(s: Situation) -> Refusal | None:
    listing = s.request.listing
    if s.request.side is Side.SELL:
        asset, atoms = listing.instrument.base, s.request.lots * listing.lot_atoms
    else:
        ticks_lots = s.request.price * s.request.lots if s.request.price is not None else _cost(s)
        asset, atoms = listing.instrument.quote, ticks_lots * listing.instrument.tick_lot
    return Refusal(Reason.BALANCE) if atoms > s.account.balance(asset).free else None


def _cost(s: Situation) -> int:
    left, cost = int(s.request.lots), 0
    for price, lots in s.engine.levels(s.request.side):
        taken = min(left, lots)
        left, cost = left - taken, cost + taken * price
        if not left:
            break
    return cost


RULES: tuple[Rule, ...] = (lot_size, percent_price, notional, open_orders, duplicate, post_only, funds)


def refusal(situation: Situation) -> Refusal | None:
    return next((found for rule in RULES if (found := rule(situation)) is not None), None)
