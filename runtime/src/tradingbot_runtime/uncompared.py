"""What could not be compared with the venues for too long, in words."""

from collections.abc import Iterable
from datetime import UTC, datetime

from tradingbot_runtime.core.paces import Pace
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.reconcile import Reconciler

SECOND = 1_000_000_000


def uncompared(reconcilers: Iterable[Reconciler]) -> dict[str, str]:
    """By venue, where it is so: the question that has failed for longest, since when, and what the venue answers."""
    late = [(found, each.market) for each in reconcilers if (found := each.uncompared) is not None]
    late.sort(key=lambda one: one[0].failing_ns, reverse=True)  # the last one stays: an account is one for all markets
    return {market.instrument.venue: _words(pace, market.name) for pace, market in late}


def _words(pace: Pace, market: str) -> str:
    return f"{pace.what} of market {market} are not known since {_time(pace.known_ns)}: {pace.why}"


def _time(now_ns: Nanos) -> str:
    return f"{datetime.fromtimestamp(now_ns // SECOND, UTC):%H:%M:%S} UTC"
