"""What a slot reports of each of its markets."""

from typing import TYPE_CHECKING

from tradingbot_runtime.config import Mode
from tradingbot_runtime.core.orders import UNPROVED
from tradingbot_runtime.live import PAPER, LiveMarket
from tradingbot_runtime.model.control import MarketReport
from tradingbot_runtime.quoting_reports import quoting_report

if TYPE_CHECKING:  # slot.py imports this
    from tradingbot_runtime.core.quote_watch import Hindrance
    from tradingbot_runtime.slot import Slot


def market_reports(slot: "Slot") -> tuple[MarketReport, ...]:
    """Also before the barrier: what an earlier process left behind is in the journal, and may be in the market."""
    hindered = dict(slot.circumstances.hindered)
    return tuple(
        _report(slot, slot.markets[market.name], hindered.get(market.name))
        if market.name in slot.markets
        else _left_behind(slot, market.name)
        for market in slot.config.legs
    )


def _left_behind(slot: "Slot", market: str) -> MarketReport:
    left = len(slot.journal.orders_not_closed(market))
    is_paper = slot.config.mode is Mode.PAPER
    return MarketReport(market=market, position="", open_orders=left, unknown_orders=left,
                        live_orders_left=left if is_paper else 0)  # fmt: skip


def live_orders_left(slot: "Slot", market: LiveMarket) -> int:
    """What a Live life of a market that is in mode Paper now has left, by its journal."""
    return len(slot.journal.orders_not_closed(market.name)) if market.account == PAPER else 0


def _report(slot: "Slot", market: LiveMarket, hindrance: "Hindrance | None") -> MarketReport:
    state = market.engine.market
    return MarketReport(
        market=market.name,
        position=market.instrument.quantity_text(state.position.lots),
        open_orders=len(state.orders.live),
        unknown_orders=sum(1 for order in state.orders if order.state in UNPROVED),
        reason=hindrance.reason if hindrance else "",
        message=hindrance.message if hindrance else "",
        quoting=quoting_report(state, market.health.orders),
        live_orders_left=live_orders_left(slot, market),
    )
