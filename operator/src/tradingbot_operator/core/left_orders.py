"""What a slot that is lost may have orders in: all that it was given last, or has yet to let go of. Pure.

Not what it is to have: of a market that is on its way to another slot, the orders are its own until it says otherwise.
"""

from collections.abc import Iterable, Mapping

from tradingbot_operator.core import names
from tradingbot_operator.core.assignment import instrument
from tradingbot_operator.core.children import Accepted, Plan
from tradingbot_operator.core.closings import held_by
from tradingbot_operator.core.observed import Observed
from tradingbot_operator.core.record import configured, record
from tradingbot_runtime.config import BotIdentity, Market, SlotConfig, VenueSpec, slot_config
from tradingbot_runtime.config.legs import legs


def left_by(plan: Plan, observed: Observed, slot: int) -> SlotConfig | None:
    """The configuration to withdraw by; None: it has none."""
    config_map = observed.child("ConfigMap", names.slots_config_map(plan.bot.name))
    known = [config for config in (configured(config_map).get(slot), plan.slots.get(slot)) if config is not None]
    held = held_by(slot, None, record(config_map).releasing | dict(plan.releasing))
    held = held.union(*(held_by(slot, config, {}) for config in known))
    specs = [one for one in (plan.accepted, plan.stable.accepted()) if one is not None]
    venues = _venues(specs, known)
    held = frozenset(name for name in held if name.partition("/")[0] in venues)
    if not held:
        return None
    base = known[0] if known else _idle(plan, slot)
    told = [*(market for config in known for market in config.markets), *(m for one in specs for m in one.spec.markets)]
    markets = _markets(base, held, told)
    used = {feed.venue for market in markets for feed in market.feeds}
    return base.model_copy(update={
        "mode": plan.accepted.spec.mode, "markets": markets, "halts": [], "resumed": [], "carried": None,
        "venues": {name: venue for name, venue in venues.items() if name in used},
    })  # fmt: skip


def _venues(specs: Iterable[Accepted], known: Iterable[SlotConfig]) -> dict[str, VenueSpec]:
    """As the slot knows them, where it does."""
    found: dict[str, VenueSpec] = {}
    for of in [*(config.venues for config in known), *(one.venues for one in specs)]:
        found = {**of, **found}
    return found


def _idle(plan: Plan, slot: int) -> SlotConfig:
    bot = plan.bot
    identity = BotIdentity(namespace=bot.namespace, name=bot.name, uid=bot.metadata.uid)
    return slot_config(identity, plan.accepted.spec, plan.accepted.venues, {}, slot)


def _markets(base: SlotConfig, held: frozenset[str], told: Iterable[Market]) -> list[Market]:
    """By the names that people know them by; of one that no spec has any more its instrument is enough."""
    found: dict[str, Market] = {}
    for market in told:
        reached = {instrument(leg) for leg in legs(base.strategy, [market])}
        if market.name not in found and reached & held - _reached(base, found):
            found[market.name] = market
    for number, name in enumerate(sorted(held - _reached(base, found))):
        found[f"former-{number}"] = _of(name, f"former-{number}")
    return list(found.values())


def _reached(base: SlotConfig, found: Mapping[str, Market]) -> set[str]:
    return {instrument(leg) for leg in legs(base.strategy, found.values())}


def _of(name: str, called: str) -> Market:
    venue, _, symbol = name.partition("/")
    side = {"venue": venue, "symbol": symbol}
    return Market.model_validate({"name": called, "reference": side, "execution": side})
