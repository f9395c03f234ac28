"""Who uses a Venue: also while it is being deleted, which waits for those that trade there, and for nobody else."""

from tradingbot_operator.core import names
from tradingbot_operator.core.children import Accepted
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.core.record import last_accepted
from tradingbot_operator.store import Name, Store, name_of


def is_going(venue: Manifest) -> bool:
    return "deletionTimestamp" in venue["metadata"]


def venue_names(manifest: Manifest) -> frozenset[str]:
    """Venues that a TradingBot names, also when its spec is not valid as a whole."""
    markets = (manifest.get("spec") or {}).get("markets") or ()
    sides = [market.get(side) or {} for market in markets for side in ("reference", "execution")]
    return frozenset(str(side["venue"]) for side in sides if "venue" in side)


def users(store: Store, venue: Manifest) -> tuple[str, ...]:
    """Bots by name. Of one that is being deleted those alone that were accepted with it: no other one will be."""
    where, name = name_of(venue)
    bots = [name_of(bot) for bot in store.all("TradingBot", where) if name in venue_names(bot)]
    return tuple(sorted(bot[1] for bot in bots if not is_going(venue) or _trades_at(store, bot, name)))


def _trades_at(store: Store, bot: Name, venue: str) -> bool:
    """By its ConfigMap, or by what it was told yes to and is about to write."""
    accepted, claims = accepted_of(store, bot), store.claims.get(bot, frozenset())
    if accepted is None:
        return bool(claims)
    return venue in accepted.venues or any(claim.startswith(f"{venue}/") for claim in claims)


def accepted_of(store: Store, bot: Name) -> Accepted | None:
    return last_accepted(store.get("ConfigMap", (bot[0], names.slots_config_map(bot[1]))))
