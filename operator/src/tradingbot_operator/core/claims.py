"""Which instruments are a bot's own. One (account, symbol) belongs to one bot, and only mode Live reaches the account.

Paper orders never leave the process: a Paper bot takes no market from anybody, and is refused none. What a bot had in
mode Live stays its own after a change to Paper until its slots, in Paper, have nothing of that life left at the venue.
"""

import json
from collections.abc import Iterable, Mapping

from tradingbot_operator.core import names
from tradingbot_operator.core.assignment import instrument
from tradingbot_operator.core.children import IN_DOUBT, Plan
from tradingbot_operator.core.observed import Bot, Manifest, Observed, Pod
from tradingbot_operator.core.record import named, record
from tradingbot_runtime.config import Mode, TradingBotSpec

SAME_ACCOUNT = ("type", "environment", "endpoints", "credentialsSecretRef")


def instruments(spec: TradingBotSpec) -> frozenset[str]:
    """That orders of this spec reach, hedges among them."""
    return frozenset(instrument(leg) for leg in spec.legs) if spec.mode is Mode.LIVE else frozenset()


def wants(manifest: Manifest) -> frozenset[str]:
    """Only what orders would reach: mode Paper, which is meant where none is written, wants nothing of anybody."""
    if "deletionTimestamp" in manifest["metadata"] or (manifest.get("spec") or {}).get("mode") != Mode.LIVE:
        return frozenset()
    spec = manifest.get("spec") or {}
    reached = ("execution", "reference") if (spec.get("strategy") or {}).get("crossExchange") else ("execution",)
    sides = (market.get(side) or {} for market in spec.get("markets") or () for side in reached)
    return frozenset(f"{side.get('venue')}/{side.get('symbol')}" for side in sides)


def accounts(venues: Iterable[Manifest]) -> dict[str, str]:
    """Venue -> the first one, by name, of those that are the same account by what is written: address and Secret.

    Whether two Secrets hold one key, or one account has two keys, only its venue knows.
    """
    first: dict[str, str] = {}
    named = sorted((venue["metadata"]["name"], venue.get("spec") or {}) for venue in venues)
    keys = {name: json.dumps([spec.get(part) for part in SAME_ACCOUNT], sort_keys=True) for name, spec in named
            if spec.get("credentialsSecretRef")}  # fmt: skip
    return {name: first.setdefault(key, name) for name, key in keys.items()}


def by_account(instruments: Iterable[str], of: Mapping[str, str]) -> frozenset[str]:
    """Instruments by `accounts` instead of Venues."""
    parts = (name.partition("/") for name in instruments)
    return frozenset(f"{of.get(venue, venue)}/{symbol}" for venue, _, symbol in parts)


def claims(config_map: Manifest | None) -> frozenset[str]:
    """A bot's own instruments, by its ConfigMap: of its accepted spec, and what it has yet to let go of.

    Where a part of it cannot be read: all that the others name, for it may be any of them.
    """
    known = record(config_map)
    if is_doubtful(config_map):
        return named(config_map)
    if known.accepted is None:
        return known.held
    releasing = known.releasing if known.accepted.spec.mode is Mode.LIVE else ()
    return instruments(known.accepted.spec) | frozenset(releasing) | known.held


def is_doubtful(config_map: Manifest | None) -> bool:
    """Whether it does not say what is the bot's."""
    known = record(config_map)
    return bool({names.HELD, names.ACCEPTED}.intersection(known.unread)) or not known.is_whole(known.documents)


def reaches_an_account(bot: Bot, config_map: Manifest | None) -> bool:
    """Whether its slots may have orders at a venue; in mode Paper: until it has let go of what it had when Live."""
    return bot.spec is None or bot.spec.mode is Mode.LIVE or bool(claims(config_map))


def planned(plan: Plan) -> frozenset[str]:
    """The same, by what is about to be written."""
    releasing = plan.releasing.keys() - {IN_DOUBT} if plan.accepted.spec.mode is Mode.LIVE else ()
    return instruments(plan.accepted.spec) | frozenset(releasing) | plan.held


def still_held(plan: Plan, config_map: Manifest | None, observed: Observed, serving: int) -> frozenset[str]:
    """What a bot in mode Paper has not let go of since it was Live; nothing more once every slot says so.

    In any mode: what it may have by a ConfigMap that cannot be read as a whole, as long as that is so.
    """
    before = claims(config_map) | (observed.claimed if is_doubtful(config_map) else frozenset())
    if plan.accepted.spec.mode is Mode.LIVE:  # held by the spec itself, or being released
        return before if IN_DOUBT in plan.releasing else frozenset()
    if not before:
        return before
    done = {pod.ordinal for pod in observed.pods if _left_nothing(pod, plan)}
    waiting = {*range(serving), *(pod.ordinal for pod in observed.pods)} - done
    return before if waiting else frozenset()


def _left_nothing(pod: Pod, plan: Plan) -> bool:
    """Whether its process runs in mode Paper, by today's configuration, and knows of no order of a Live one."""
    report, config = pod.stream.report, plan.slots.get(pod.ordinal)
    if report is None or config is None or not pod.stream.connected or pod.terminating:
        return False
    if pod.restart_hash != plan.restart_hash or report.config_hash != config.config_hash():
        return False
    return not any(market.live_orders_left for market in report.markets)
