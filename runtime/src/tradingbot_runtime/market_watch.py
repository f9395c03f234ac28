"""Looks at a slot's markets several times a second, beside the tick path: silent feeds, and what hinders quoting."""

from dataclasses import dataclass, field

import structlog

from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.order_states import OrderState
from tradingbot_runtime.core.orders import WORKING
from tradingbot_runtime.core.quote_watch import ORDER_LOST, Hindrance, QuoteWatch, Sight
from tradingbot_runtime.core.standing import FEED_STALE, TRADING
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import HedgeStress, Nanos
from tradingbot_runtime.slot import Slot

log = structlog.get_logger("market")

HICCUP_NS = 5_000_000_000


@dataclass(slots=True)
class MarketWatch:
    slot: Slot
    _watches: dict[str, QuoteWatch] = field(default_factory=dict)  # by market
    _accepted: dict[str, int] = field(default_factory=dict)  # by market, orders accepted and filled up to the last look
    _silent: dict[str, Nanos] = field(default_factory=dict)  # by market, when its quietest feed was heard last

    def look(self) -> None:
        """After the markets have been told that time has passed: what that led to is looked at as well."""
        now_ns = self.slot.now_ns()
        blind = []
        hindered: list[tuple[str, Hindrance]] = []
        for name, live in sorted(self.slot.markets.items()):
            self._tell_silence(live, now_ns)
            if _is_blind(live.engine.market, now_ns):
                blind.append(name)
            if found := self._watches.setdefault(name, QuoteWatch()).look(now_ns, self._sight(live)):
                hindered.append((name, found))
        hindered.sort(key=lambda found: found[1].reason != ORDER_LOST)
        now = {"blind": f"no market data of {', '.join(blind)}" if blind else "", "hindered": tuple(hindered)}
        if now != {name: getattr(self.slot.circumstances, name) for name in now}:
            self.slot.update(**now)

    def _sight(self, live: LiveMarket) -> Sight:
        engine, market, health = live.engine, live.engine.market, live.health
        accepted = health.orders.get("OrderAccepted", 0) + sum(health.fills.values())
        new, self._accepted[live.name] = accepted - self._accepted.get(live.name, 0), accepted
        lost = (order for order in market.orders if order.state is OrderState.LOST)
        return Sight(
            trading=market.state in TRADING,
            wanted=bool(engine.quotes),
            rests=bool(new) or any(order.state in WORKING for order in market.orders),
            lost=min(lost, key=lambda order: order.id, default=None),
            hedge=market.hedge.stress if market.hedge else HedgeStress.HEDGED,
            mismatch=market.meters.mismatch,
            doubt=market.estimates.doubt(market.terms.estimation),
            locked=market.locked,
            refused=tuple(refused.reason for refused in engine.decision.refused),
            venue_code=market.quiet.code,
            venue_text=market.quiet.message,
        )

    def _tell_silence(self, live: LiveMarket, now_ns: Nanos) -> None:
        """Once when the quotes are withdrawn because a feed is silent, and once when they may be there again."""
        name, market = live.name, live.engine.market
        heard_ns, limit_ns = market.oldest_tick_ns, market.terms.limits.stale_after_ns
        since_ns = self._silent.get(name)
        if since_ns is None and heard_ns and now_ns - heard_ns > limit_ns:
            self._silent[name] = heard_ns
            log.warning("QuotesWithdrawn", market=name, reason=FEED_STALE, feed=_quietest(market),
                        age_s=_seconds(now_ns - heard_ns), stale_after_s=_seconds(limit_ns))  # fmt: skip
        elif since_ns is not None and now_ns - heard_ns <= limit_ns:
            del self._silent[name]
            log.info("FeedBack", market=name, silent_for_s=_seconds(now_ns - since_ns))


def _quietest(market: Market) -> str:
    oldest = market.oldest_tick_ns
    if market.reference.seen_ns == oldest:
        return "reference"
    return "venue" if market.venue.seen_ns == oldest else "crossCheck"


def _is_blind(market: Market, now_ns: Nanos) -> bool:
    """Whether a feed has been away for longer than a reconnect takes, on top of what makes it stale."""
    age_ns = now_ns - min(market.reference.seen_ns, market.venue.seen_ns)
    return age_ns > market.terms.limits.stale_after_ns + HICCUP_NS


def _seconds(nanos: int) -> float:
    return round(nanos / 1e9, 3)
