"""What a slot reports of how well it quotes a market: sums since the process started, made to be subtracted."""

from decimal import Decimal

from tradingbot_runtime.core.analytics import HORIZONS
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.model.control import MARKOUT_HORIZON, QuotingReport
from tradingbot_runtime.orders_counted import REJECTED, OrdersCounted

_AT_ONCE, _LATER = 0, tuple(HORIZONS).index(MARKOUT_HORIZON)


def quoting_report(market: Market, orders: OrdersCounted) -> QuotingReport | None:
    """None for a market that only hedges another one, and before there was a mid."""
    if market.terms.hedge is not None or not market.mark.mid_2:
        return None
    measured, exponent = market.performance, market.position.instrument.money_exponent
    at_once = [of_horizons[_AT_ONCE] for of_horizons in measured.markouts.sums.values()]
    later = [of_horizons[_LATER] for of_horizons in measured.markouts.sums.values()]
    profit = sum(measured.capture.parts(market.position, market.mark))

    def money(units: int) -> str:
        return format(Decimal(units).scaleb(exponent), "f")

    return QuotingReport(
        orders=orders.sent,
        refused=orders.outcomes[REJECTED],
        fills=sum(markout.fills for markout in at_once),
        turnover=money(sum(markout.notional for markout in at_once)),
        profit=money(profit),
        marked=sum(markout.fills for markout in later),
        marked_turnover=money(sum(markout.notional for markout in later)),
        markout=money(sum(markout.gain for markout in later)),
    )
