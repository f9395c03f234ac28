"""From what is known of the venues and their feeds to metric families. Runs at a scrape."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.metric_families import Family, Values
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.model.control import VenueReport
from tradingbot_runtime.telemetry import metrics
from tradingbot_runtime.venues.link import VenueLink

_Found = dict[Family, dict[tuple[str, ...], int | float | Decimal]]
_SECOND = 1_000_000_000


def venue_readings(
    links: Iterable[VenueLink], reports: Iterable[VenueReport], budgets: Mapping[str, Budget], now_ns: Nanos
) -> dict[Family, Values]:
    """`budgets` by venue; a paper market has one, too, that no venue counts."""
    found: _Found = {family: {} for family in metrics.OF_VENUES}
    for link in links:
        _feeds(found, link)
        _venue(found, link)
    for report in reports:
        found[metrics.VENUE_REACHABLE][report.venue,] = int(report.reachable)
        if report.authenticated is not None:
            found[metrics.VENUE_AUTHENTICATED][report.venue,] = int(report.authenticated)
    for venue, budget in budgets.items():
        found[metrics.BUDGET_LEFT][venue,] = Decimal(budget.available(now_ns)) / budget.burst
    return {**found}


def _feeds(found: _Found, link: VenueLink) -> None:
    for feed in link.feeds.values():
        health, bad = feed.health, feed.health.bad or {}
        found[metrics.FRAMES][health.name, "ok"] = health.frames - sum(bad.values())
        found[metrics.FRAMES] |= {(health.name, reason): count for reason, count in bad.items()}
        found[metrics.RECONNECTS][health.name,] = health.reconnects


def _venue(found: _Found, link: VenueLink) -> None:
    if link.clock_offset_ns is not None:
        found[metrics.CLOCK_OFFSET][link.name,] = link.clock_offset_ns / _SECOND
    if link.gateway is not None:
        found[metrics.VENUE_LOCKED][link.name,] = int(bool(link.gateway.locked))
        found[metrics.VENUE_ERRORS] |= {(link.name, kind): count for kind, count in link.gateway.health.errors.items()}
