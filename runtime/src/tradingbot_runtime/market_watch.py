"""Looks at a slot's markets several times a second, beside the tick path: silent and late feeds, hindered quoting."""

from dataclasses import dataclass, field, replace

import structlog

from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.order_states import OrderState
from tradingbot_runtime.core.orders import WORKING
from tradingbot_runtime.core.quote_watch import ORDER_LOST, Hindrance, QuoteWatch, Sight
from tradingbot_runtime.core.standing import FEED_STALE, TRADING
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import HedgeStress, Nanos
from tradingbot_runtime.orders_counted import ACCEPTED
from tradingbot_runtime.slot import Slot

log = structlog.get_logger("market")

HICCUP_NS = 5_000_000_000


@dataclass(slots=True)
class MarketWatch:
    slot: Slot
    _watches: dict[str, QuoteWatch] = field(default_factory=dict)  # by market
    _accepted: dict[str, int] = field(default_factory=dict)  # by market, orders accepted and filled up to the last look
    _unclosed: dict[str, str] = field(default_factory=dict)  # by market, why its position is not closed, as told last
    _stale: dict[str, "Staleness"] = field(default_factory=dict)  # by market that does not quote for its feeds

    def look(self) -> None:
        """After the markets have been told that time has passed: what that led to is looked at as well."""
        now_ns = self.slot.now_ns()
        blind: list[str] = []
        hindered: list[tuple[str, Hindrance]] = []
        for name, live in sorted(self.slot.markets.items()):
            self._tell_staleness(live, now_ns)
            if lacks := self._lacks(live, now_ns):
                blind.append(lacks)
            if found := self._watches.setdefault(name, QuoteWatch()).look(now_ns, self._sight(live, now_ns)):
                hindered.append((name, found))
            self._tell_unclosed(live, found)
        hindered.sort(key=lambda found: found[1].reason != ORDER_LOST)
        now = {"blind": "; ".join(blind), "hindered": tuple(hindered)}
        if now != {name: getattr(self.slot.circumstances, name) for name in now}:
            self.slot.update(**now)

    def _sight(self, live: LiveMarket, now_ns: Nanos) -> Sight:
        engine, market, health = live.engine, live.engine.market, live.health
        accepted = health.orders.outcomes[ACCEPTED] + sum(health.fills.values())
        new, self._accepted[live.name] = accepted - self._accepted.get(live.name, 0), accepted
        cancels = market.refused_cancels
        is_stuck = cancels.persist(now_ns)
        lost = (order for order in market.orders if order.state is OrderState.LOST)
        return Sight(
            trading=market.state in TRADING,
            wanted=bool(engine.quotes) or market.is_closing,
            closing=is_unclosed(market),
            stays=market.flattening.stays if market.flattening and market.position.lots else "",
            rests=bool(new) or any(order.state in WORKING for order in market.orders),
            lost=min(lost, key=lambda order: order.id, default=None),
            hedge=market.hedge.stress if market.hedge else HedgeStress.HEDGED,
            mismatch=market.meters.mismatch,
            doubt="" if market.flattening else market.estimates.doubt(market.terms.estimation),
            locked=market.locked,
            refused=tuple(refused.reason for refused in engine.decision.refused),
            venue_code=market.quiet.code,
            venue_text=market.quiet.message,
            cancel_code=cancels.code if is_stuck else "",
            cancel_text=cancels.message if is_stuck else "",
        )

    def _tell_unclosed(self, live: LiveMarket, found: Hindrance | None) -> None:
        """Once for each reason that keeps the position from being closed as a halt or a stop wants it."""
        market = live.engine.market
        reason = found.reason if found and is_unclosed(market) else ""
        if found and reason and reason != self._unclosed.get(live.name):
            log.warning("PositionNotClosed", market=live.name, reason=reason, message=found.message,
                        position=live.instrument.quantity_text(market.position.lots))  # fmt: skip
        self._unclosed[live.name] = reason

    def _tell_staleness(self, live: LiveMarket, now_ns: Nanos) -> None:
        """Once when quotes are withdrawn because a feed is silent or late, and once when they may be there again."""
        name, market = live.name, live.engine.market
        known_ns, limit_ns = market.oldest_tick_ns, market.terms.limits.stale_after_ns
        stale = self._stale.get(name)
        if stale is None and known_ns and now_ns - known_ns > limit_ns:
            self._stale[name] = stale = Staleness(known_ns, now_ns, _late_ns(market))
            log.warning("QuotesWithdrawn", market=name, reason=FEED_STALE, feed=_quietest(market), message=stale.words,
                        age_s=_seconds(now_ns - known_ns), late_s=_seconds(stale.late_ns),
                        stale_after_s=_seconds(limit_ns))  # fmt: skip
        elif stale is not None and not stale.late_ns and _late_ns(market) > limit_ns:
            self._stale[name] = stale = replace(stale, late_ns=_late_ns(market))
            log.warning("FeedLate", market=name, feed=_quietest(market), message=stale.words,
                        late_s=_seconds(stale.late_ns), stale_after_s=_seconds(limit_ns))  # fmt: skip
        elif stale is not None and now_ns - known_ns <= limit_ns:
            del self._stale[name]
            log.info("FeedBack", market=name, silent_for_s=_seconds(now_ns - stale.known_ns))

    def _lacks(self, live: LiveMarket, now_ns: Nanos) -> str:
        """What is missing for longer than a reconnect takes, on top of what makes a feed stale; empty: nothing."""
        market, stale = live.engine.market, self._stale.get(live.name)
        limit_ns = market.terms.limits.stale_after_ns
        age_ns = now_ns - min(market.reference.seen_ns, market.venue.seen_ns)
        if stale is not None and stale.late_ns > limit_ns < age_ns and now_ns - stale.since_ns > HICCUP_NS:
            return f"market data of {live.name} is {stale.words}"
        return f"no market data of {live.name}" if age_ns > limit_ns + HICCUP_NS else ""


def is_unclosed(market: Market) -> bool:
    """Whether something of the position is to be closed that the venue would take: dust is not."""
    flattening = market.flattening
    return market.is_closing or (flattening is not None and market.position.lots != 0 and bool(flattening.stays))


@dataclass(frozen=True, slots=True)
class Staleness:
    known_ns: Nanos  # what was known when it began is as old as this
    since_ns: Nanos
    late_ns: int  # when that was first known: what is said of it does not change with every frame

    @property
    def words(self) -> str:
        return f"late by {self.late_ns / 1e9:.1f} s" if self.late_ns else "silent"


def _quietest(market: Market) -> str:
    oldest = market.oldest_tick_ns
    if market.reference.seen_ns == oldest:
        return "reference"
    return "venue" if market.venue.seen_ns == oldest else "crossCheck"


def _late_ns(market: Market) -> int:
    """How late the latest tick of that feed was."""
    cross_ns = market.cross.late_ns if market.cross else 0
    return {"reference": market.reference.late_ns, "venue": market.venue.late_ns}.get(_quietest(market), cross_ns)


def _seconds(nanos: int) -> float:
    return round(nanos / 1e9, 3)
