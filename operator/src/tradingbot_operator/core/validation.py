"""Checks beyond the schema: what only the other resources can tell. The first that fails is the reason."""

from collections.abc import Callable
from dataclasses import dataclass

from tradingbot_operator.core import names
from tradingbot_operator.core.claims import by_account, claims, instruments
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Bot, Observed
from tradingbot_runtime.config import Mode, TradingBotSpec
from tradingbot_runtime.config.legs import legs


@dataclass(frozen=True, slots=True)
class Refusal:
    reason: Reason
    message: str


Check = Callable[[Bot, TradingBotSpec, Observed], Refusal | None]


def validate(bot: Bot, observed: Observed) -> Refusal | None:
    """Why the spec is not accepted; None when it is."""
    if bot.spec is None:
        return Refusal(Reason.SPEC_INVALID, "; ".join(bot.problems))
    for check in CHECKS:
        if refusal := check(bot, bot.spec, observed):
            return refusal
    return None


def schedules_there(_bot: Bot, _spec: TradingBotSpec, observed: Observed) -> Refusal | None:
    problems = observed.schedule_problems
    return Refusal(Reason.SPEC_INVALID, "; ".join(problems)) if problems else None


def venues_exist(_bot: Bot, spec: TradingBotSpec, observed: Observed) -> Refusal | None:
    missing = sorted(spec.venue_names() - observed.venues.keys())
    if not missing:
        return None
    going = [name for name in missing if name in observed.going_venues]
    gone = [name for name in missing if name not in observed.going_venues]
    said = [f"there is no Venue {', '.join(gone)} in this namespace"] if gone else []
    if going:
        said.append(f"Venue {', '.join(going)} is being deleted: no other bot begins there")
    return Refusal(Reason.REFERENCE_NOT_FOUND, "; ".join(said))


def venues_usable(_bot: Bot, spec: TradingBotSpec, observed: Observed) -> Refusal | None:
    broken = sorted(name for name in spec.venue_names() if observed.venues[name] is None)
    if not broken:
        return None
    return Refusal(Reason.REFERENCE_INVALID, f"Venue {', '.join(broken)} is not valid: see its conditions")


def credentials_there(_bot: Bot, spec: TradingBotSpec, observed: Observed) -> Refusal | None:
    """Only mode Live signs requests; where a bot hedges, it has orders as well."""
    if spec.mode is not Mode.LIVE:
        return None
    hedging = {leg.execution.venue: f"spec.markets[{i}].reference.venue: crossExchange hedges there, and "
               for i, market in reversed(list(enumerate(spec.markets)))
               for leg in legs(spec.strategy, [market]) if leg.is_hedge}  # fmt: skip
    for name in sorted({leg.execution.venue for leg in spec.legs}):
        venue = observed.venues[name]
        reference = venue.credentials_secret_ref if venue else None
        if reference is None:
            why = hedging.get(name, "")
            return Refusal(Reason.CREDENTIALS_MISSING, f"{why}mode Live needs credentialsSecretRef in Venue {name}")
        if reference.name in observed.missing_secrets:
            return Refusal(Reason.CREDENTIALS_MISSING, f"there is no Secret {reference.name} (Venue {name})")
    return None


def markets_free(bot: Bot, spec: TradingBotSpec, observed: Observed) -> Refusal | None:
    """One (account, symbol) belongs to one Live bot: the one that trades it already, else the older one.

    Of two that trade it, by Venues that somebody has made one account since, the older one.
    """
    ours = {name: of for name in instruments(spec) for of in by_account((name,), observed.accounts)}
    held = by_account(claims(observed.child("ConfigMap", names.slots_config_map(bot.name))), observed.accounts)
    age = (bot.metadata.creation_timestamp, bot.metadata.uid)
    for rival in sorted(observed.rivals, key=lambda r: (r.created, r.uid)):
        older = (rival.created, rival.uid) < age
        theirs = rival.holds | (rival.wants - held) if older else rival.holds - held
        if taken := {name: of for name, of in ours.items() if of in theirs}:
            told = sorted(name if name == of else f"{name}, the same as {of}," for name, of in taken.items())
            return Refusal(Reason.MARKET_TAKEN, f"{', '.join(told)} belongs to TradingBot {rival.name}")
    return None


CHECKS: tuple[Check, ...] = (schedules_there, venues_exist, venues_usable, credentials_there, markets_free)
