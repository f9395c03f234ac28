"""What a slot tells the operator of its venues."""

from collections.abc import Mapping

from tradingbot_runtime.model.control import VenueReport
from tradingbot_runtime.reconcile import Reconciler
from tradingbot_runtime.uncompared import uncompared
from tradingbot_runtime.venues.link import VenueLink


def venue_reports(
    links: Mapping[str, VenueLink], doubts: Mapping[str, str], reconcilers: Mapping[str, Reconciler]
) -> tuple[VenueReport, ...]:
    """`doubts`, by venue: what is not known since its account stream broke."""
    late = uncompared(reconcilers.values())
    return tuple(_report(link, doubts.get(name) or late.get(name, "")) for name, link in sorted(links.items()))


def _report(link: VenueLink, doubt: str) -> VenueReport:
    """A refusal goes first: it is for a person, where the rest may come by itself."""
    closed = next(
        (f"feed {feed.health.name}: {feed.health.lost}" for feed in link.feeds.values() if feed.health.lost), ""
    )
    trouble = link.trouble or doubt or closed
    authenticated = None if link.credentials is None or not link.introduced else True
    return VenueReport(
        venue=link.name,
        reachable=bool(link.refused) or (link.introduced and not trouble),
        authenticated=False if link.refused or link.offer else authenticated,
        message=link.refused or link.offer or trouble,
        key_since_ns=link.key_since_ns,
    )
