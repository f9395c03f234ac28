"""What a feed's tick means to a market: its reference, the venue's book, or a second source of the price."""

from collections.abc import Callable
from fractions import Fraction
from functools import partial

from tradingbot_runtime.core.market_events import CROSS_FEED
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import AnyEvent, CrossTicked, FeedLost, ReferenceTicked
from tradingbot_runtime.venues.binance.codec import venue_tick
from tradingbot_runtime.venues.link import VenueLink
from tradingbot_runtime.venues.paper.gateway import PaperGateway
from tradingbot_runtime.venues.tape import Tape

EMPTY_SIDE = "EmptySide"  # half a book is no price to compare with


def through_paper(live: LiveMarket, then: Callable[[AnyEvent], None]) -> Callable[[AnyEvent], None]:
    """A paper exchange lives by the ticks of the market that it stands in for; it sees them first."""
    paper = live.gateway
    if not isinstance(paper, PaperGateway):
        return then

    def on_tick(event: AnyEvent) -> None:
        if isinstance(event, ReferenceTicked):
            paper.on_tick(live.instrument, event)
        then(event)

    return on_tick


def paper_tape(live: LiveMarket, link: VenueLink) -> Tape | None:
    """The trades that a paper exchange lives by as well, where there are any to be had."""
    paper = live.gateway
    return (
        link.tape(live.instrument, partial(paper.on_trade, live.instrument))
        if isinstance(paper, PaperGateway)
        else None
    )


def as_venue(event: AnyEvent) -> AnyEvent:
    if isinstance(event, ReferenceTicked):
        return venue_tick(event)
    return FeedLost(time_ns=event.time_ns, feed="venue", reason=getattr(event, "reason", ""))


def as_cross(event: AnyEvent, ratio: Fraction) -> AnyEvent:
    """A tick of the second source, in our ticks: `ratio` of ours is one of its."""
    if not isinstance(event, ReferenceTicked):
        return FeedLost(time_ns=event.time_ns, feed=CROSS_FEED, reason=getattr(event, "reason", ""))
    if event.bid is None or event.ask is None:
        return FeedLost(time_ns=event.time_ns, feed=CROSS_FEED, reason=EMPTY_SIDE)
    mid_2 = (event.bid + event.ask) * ratio.numerator
    return CrossTicked(time_ns=event.time_ns, mid_2=mid_2, unit=ratio.denominator, late_ns=event.late_ns)
