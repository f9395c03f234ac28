"""What a slot reports of each of its markets."""

from typing import TYPE_CHECKING

from tradingbot_runtime.core.orders import UNPROVED
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model.control import MarketReport

if TYPE_CHECKING:  # slot.py imports this
    from tradingbot_runtime.core.quote_watch import Hindrance
    from tradingbot_runtime.slot import Slot


def market_reports(slot: "Slot") -> tuple[MarketReport, ...]:
    """Also before the barrier: what an earlier process left behind is in the journal, and may be in the market."""
    hindered = dict(slot.circumstances.hindered)
    return tuple(
        _report(slot.markets[market.name], hindered.get(market.name))
        if market.name in slot.markets
        else _left_behind(slot, market.name)
        for market in slot.config.markets
    )


def _left_behind(slot: "Slot", market: str) -> MarketReport:
    left = len(slot.journal.orders_not_closed(market))
    return MarketReport(market=market, position="", open_orders=left, unknown_orders=left)


def _report(market: LiveMarket, hindrance: "Hindrance | None") -> MarketReport:
    state = market.engine.market
    return MarketReport(
        market=market.name,
        position=market.instrument.quantity_text(state.position.lots),
        open_orders=len(state.orders.live),
        unknown_orders=sum(1 for order in state.orders if order.state in UNPROVED),
        reason=hindrance.reason if hindrance else "",
        message=hindrance.message if hindrance else "",
    )
