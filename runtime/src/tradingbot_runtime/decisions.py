"""What the journal is told of a decision, and of which."""

from dataclasses import dataclass

from tradingbot_runtime.core.risk import Refusal
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.journal.records import Decided, RefusedOrder, WantedQuote
from tradingbot_runtime.model import AnyEvent, Nanos, Side

REFUSED_AGAIN_NS = 60_000_000_000
FLICKER_NS = 1_000_000_000


def decided(engine: Engine, event: AnyEvent) -> Decided:
    """The decision just made, with all that went into it."""
    market = engine.market
    return Decided(
        time_ns=event.time_ns,
        update_id=market.reference.update_id,
        reference_bid=market.reference.bid,
        reference_ask=market.reference.ask,
        venue_bid=market.venue.bid,
        venue_ask=market.venue.ask,
        venue_known=market.venue.is_known,
        base=market.account.base_lots,
        quote=market.account.quote,
        quotes=tuple(WantedQuote(q.side, q.price, q.quantity) for q in engine.quotes),
        commands=tuple(a.command for a in engine.decision.approved),
        refused=tuple(
            RefusedOrder(r.command.side, r.command.price, r.command.quantity, r.reason, r.message)
            for r in engine.decision.refused
        ),
    )


@dataclass(slots=True)
class DecisionsKept:
    """Which decisions the journal keeps: all that send something, and of those that risk refuses whole, the news.

    A market that is refused is refused again with each tick, thousands of times a minute.
    """

    refused: frozenset[tuple[Side, Refusal]] = frozenset()  # as the journal was told last
    told_ns: Nanos = Nanos(0)

    def keeps(self, engine: Engine, now_ns: Nanos) -> bool:
        """Whether the decision just made is to be journalled."""
        decision = engine.decision
        if not (decision.approved or decision.refused):
            return False
        refused = frozenset((r.command.side, r.reason) for r in decision.refused)
        pause_ns = REFUSED_AGAIN_NS if refused == self.refused else FLICKER_NS
        if not decision.approved and now_ns - self.told_ns < pause_ns:
            return False
        self.refused, self.told_ns = refused, now_ns
        return True
