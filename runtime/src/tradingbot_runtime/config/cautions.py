"""What is allowed and loses money, or cannot quote, by construction: said as a warning, never in silence.

A fill earns at most the distance at which it is quoted, and costs a fee; a round trip costs two. What a venue takes is
its published fee of the first tier, unless the manifest says better (`feeBps`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from tradingbot_runtime.config.bot import Mode
from tradingbot_runtime.config.cross_exchange import CrossExchange
from tradingbot_runtime.config.depth_models import DepthModel
from tradingbot_runtime.config.grid import Grid, Spacing
from tradingbot_runtime.config.legs import legs
from tradingbot_runtime.config.limit_cautions import limit_warnings, rate_warning
from tradingbot_runtime.config.market import Market
from tradingbot_runtime.config.market_making import MarketMaking
from tradingbot_runtime.config.paper import Paper
from tradingbot_runtime.config.quoting import WHOLE_BPS, AroundReference, Quoting
from tradingbot_runtime.config.risk import Risk
from tradingbot_runtime.config.strategy import Strategy
from tradingbot_runtime.config.venue import VenueSpec, VenueType

# Maker, in basis points, without discounts: Binance spot's first tier; DeltaDeFi's `commission_rate_bp`.
PUBLISHED_FEE_BPS: Mapping[VenueType, Decimal] = {VenueType.BINANCE: Decimal(10), VenueType.DELTADEFI: Decimal(10)}

Caution = Callable[[Quoting, Decimal], str]  # (strategy, fee of a fill in basis points): the warning, or nothing


class Written(Protocol):
    """What is asked of a bot's spec, or of its slot's configuration."""

    @property
    def strategy(self) -> Strategy: ...
    @property
    def markets(self) -> Sequence[Market]: ...
    @property
    def risk(self) -> Risk: ...
    @property
    def mode(self) -> Mode: ...
    @property
    def paper(self) -> Paper: ...


def warnings(bot: Written, venues: Mapping[str, VenueSpec]) -> tuple[str, ...]:
    """One sentence for each thing that goes wrong by construction; venues that are not in `venues` are skipped."""
    strategy = bot.strategy
    used = {leg.execution.venue for leg in legs(strategy, bot.markets)} & venues.keys()
    rates = filter(None, (rate_warning(name, venues[name]) for name in sorted(used)))
    quoting = strategy.quoting
    losing = (
        _hedged_at_a_loss(quoting, bot.markets, venues)
        if isinstance(quoting, CrossExchange)
        else _losing(strategy, bot.markets, venues)
    )
    return tuple(dict.fromkeys([*limit_warnings(strategy, bot.risk), *rates, *losing, *_charged_more(bot)]))


def _charged_more(bot: Written) -> Iterator[str]:
    """In mode Paper a fill costs what `paper` says, whatever the quotes reckon with."""
    quoting = bot.strategy.quoting
    if bot.mode is not Mode.PAPER or not isinstance(quoting, AroundReference):
        return
    charged, reckoned = bot.paper.maker_fee_bps, quoting.fee_bps
    if "fee_bps" in quoting.model_fields_set and reckoned < charged:
        yield (f"spec.paper.makerFeeBps: a fill costs {_text(charged)} bps in mode Paper, and feeBps reckons with "
               f"{_text(reckoned)}: write the account's rate in both")  # fmt: skip


def _losing(strategy: Strategy, markets: Iterable[Market], venues: Mapping[str, VenueSpec]) -> Iterator[str]:
    quoting, path = strategy.quoting, f"spec.strategy.{strategy.name}"
    if not isinstance(quoting, AroundReference):
        return
    known = "fee_bps" in quoting.model_fields_set and quoting.fee_bps > 0
    for market in markets:
        venue = venues.get(market.execution.venue)
        if venue is None:
            continue
        fee = quoting.fee_bps if known else PUBLISHED_FEE_BPS[venue.type]
        source = "feeBps says" if known else f"{venue.type} takes"
        for caution in CAUTIONS:
            if said := caution(quoting, fee):
                hint = "" if known else "; if the account has better rates, write feeBps"
                yield f"{path}: {said}, and {source} {_text(fee)} bps a fill{hint}"


def _hedged_at_a_loss(
    quoting: CrossExchange, markets: Iterable[Market], venues: Mapping[str, VenueSpec]
) -> Iterator[str]:
    """A fill pays two fees. One that is written as nothing is most likely forgotten, and the edge does not pay it."""
    path = "spec.strategy.crossExchange"
    if not quoting.edge_bps:
        yield f"{path}: edgeBps is 0: a fill that is hedged at the best price earns nothing, and any slippage loses"
    for market in markets:
        for name, fee, where in (("makerFeeBps", quoting.maker_fee_bps, market.execution),
                                 ("takerFeeBps", quoting.taker_fee_bps, market.reference)):  # fmt: skip
            venue = venues.get(where.venue)
            if fee or venue is None or PUBLISHED_FEE_BPS[venue.type] < quoting.edge_bps:
                continue
            takes = f"{venue.type} takes {_text(PUBLISHED_FEE_BPS[venue.type])} bps a fill"
            yield f"{path}: {name} is 0, and {takes}, which edgeBps ({_text(quoting.edge_bps)}) does not pay"


def ladder_below_fees(quoting: Quoting, fee: Decimal) -> str:
    """The skew may move a side in to minSpreadBps; fees and edge, where written, keep it out."""
    if not isinstance(quoting, MarketMaking):
        return ""
    least = quoting.fee_bps + quoting.edge_bps
    if max(quoting.spread_bps, least) < fee:
        return f"the first layer is {_text(max(quoting.spread_bps, least))} bps from the reference"
    if quoting.spread_bps < quoting.fee_bps:
        return f"spreadBps is {_text(quoting.spread_bps)} and is widened to {_text(least)} bps"
    closest = quoting.min_spread_bps if quoting.inventory_skew else quoting.spread_bps
    if max(closest, least) < fee:
        return f"the inventory skew may bring a layer to {_text(max(closest, least))} bps (minSpreadBps)"
    return ""


def model_below_fees(quoting: Quoting, fee: Decimal) -> str:
    """The model knows no fees; feeBps and edgeBps are all that keeps it out."""
    if not isinstance(quoting, DepthModel) or quoting.fee_bps + quoting.edge_bps >= fee:
        return ""
    return f"quotes may come as close as {_text(quoting.fee_bps + quoting.edge_bps)} bps (feeBps + edgeBps)"


def grid_below_fees(quoting: Quoting, fee: Decimal) -> str:
    """Each cell pays for a purchase and a sale."""
    if not isinstance(quoting, Grid):
        return ""
    cells = quoting.levels - 1
    if quoting.spacing is Spacing.ARITHMETIC:
        step = (quoting.upper_price - quoting.lower_price) / cells
        cell = step / quoting.upper_price * WHOLE_BPS  # of the highest cell: the narrowest
    else:
        cell = ((quoting.upper_price / quoting.lower_price) ** (Decimal(1) / cells) - 1) * WHOLE_BPS
    return f"a cell is {_text(round(cell, 2))} bps wide" if cell <= 2 * fee else ""


CAUTIONS: tuple[Caution, ...] = (ladder_below_fees, model_below_fees, grid_below_fees)


def _text(number: Decimal) -> str:
    return format(number.normalize(), "f")
