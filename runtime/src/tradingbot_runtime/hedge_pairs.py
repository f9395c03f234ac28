"""A market and the one that hedges it: after each event, each is told what it has to know of the other."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import structlog
from msgspec.structs import replace

from tradingbot_runtime.core.market import Market
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import (
    ASSET_EXPONENT,
    AnyEvent,
    HedgeReported,
    HedgeStress,
    Instrument,
    Money,
    Nanos,
    QuotedMoved,
)
from tradingbot_runtime.ticks import through_paper

log = structlog.get_logger("hedge")


@dataclass(frozen=True, slots=True)
class HedgePair:
    quoted: LiveMarket
    hedge: LiveMarket
    now_ns: Callable[[], Nanos]

    def tell(self) -> None:
        """Nothing when neither has anything new; else what is told may lead to orders, and to more to tell."""
        quoted, hedge = self.quoted.engine.market, self.hedge.engine.market
        if hedge.hedging.quoted != quoted.position.net_base:
            self.hedge.handle(QuotedMoved(time_ns=self.now_ns(), base=quoted.position.net_base))
        report, known = hedge_reported(quoted, hedge, self.now_ns()), quoted.hedge
        if known is None or replace(report, time_ns=known.time_ns) != known:
            self.quoted.handle(report)
            self._say(known.stress if known else HedgeStress.HEDGED, report.stress)

    def _say(self, before: HedgeStress, stress: HedgeStress) -> None:
        if before is stress:
            return
        market = self.quoted.engine.market
        residual = format(Decimal(market.residual).scaleb(ASSET_EXPONENT), "f")
        said = {"market": self.quoted.name, "residual": residual, "asset": self.quoted.instrument.base}
        if stress is HedgeStress.HEDGED:
            log.info("HedgeInTime", **said)
        else:
            log.warning("HedgeLate", stress=stress, locked=self.hedge.engine.market.locked, **said)


def paired(quoted: LiveMarket, hedge: LiveMarket, now_ns: Callable[[], Nanos]) -> Callable[[AnyEvent], None]:
    """Join the two; returns what is to hear the ticks of the hedge's market.

    One feed serves both, so that there is no moment at which quotes are fresh and the hedge is not. Raises ConfigError
    for a hedge in another asset.
    """
    ours, theirs = quoted.instrument, hedge.instrument
    if ours.base != theirs.base:
        what = f"{ours.base} cannot be hedged with {theirs.base} ({theirs.symbol} at {theirs.venue})"
        raise ConfigError(f"market {quoted.name}: {what}")
    quoted.on_handled = hedge.on_handled = HedgePair(quoted, hedge, now_ns).tell
    hear_first = through_paper(hedge, hedge.handle)

    def on_tick(event: AnyEvent) -> None:
        hear_first(event)
        quoted.handle(event)

    return on_tick


def hedge_reported(quoted: Market, hedge: Market, time_ns: Nanos) -> HedgeReported:
    """Pure. A venue that takes nothing now hedges nothing: that is not waited for."""
    ours, theirs = quoted.position.instrument, hedge.position.instrument
    fees = hedge.position.fees.get(theirs.quote, 0) * theirs.fee_money
    return HedgeReported(
        time_ns=time_ns,
        stress=HedgeStress.REDUCING if hedge.locked else hedge.hedging.stress,
        base=hedge.position.net_base,
        cash=_in_our_money(hedge.position.cash - fees, theirs, ours),
        held_base=hedge.account.base,
        held_quote=_in_our_money(hedge.account.quote, theirs, ours),
    )


def _in_our_money(amount: int, theirs: Instrument, ours: Instrument) -> Money:
    """Rounded down. One unit of their quote asset counts as one of ours, as it does in the reference price."""
    exponent = theirs.money_exponent - ours.money_exponent
    return Money(amount * 10**exponent if exponent >= 0 else amount // 10**-exponent)
