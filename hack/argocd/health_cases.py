"""Objects for the tests of the scripts: one for each rule, and those that no rule is asked about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from health_rules import RULES, Health, Rule

from tradingbot_operator.api.v1alpha1 import GROUP, VERSION
from tradingbot_operator.core.conditions import ConditionType, Reason
from tradingbot_operator.core.vocabulary import BOT, MEANINGS, TRADING_HALT, VENUE, Words

Object = dict[str, Any]
VOCABULARY: Mapping[str, Mapping[ConditionType, Words]] = {
    "TradingBot": BOT, "Venue": VENUE, "TradingHalt": TRADING_HALT,
}  # fmt: skip
ABNORMAL = frozenset({
    ConditionType.RECONCILING, ConditionType.STALLED, ConditionType.HALTED, ConditionType.FENCED,
    ConditionType.RECONCILIATION_PAUSED, ConditionType.TEMPLATE_DRIFT,
})  # fmt: skip
# No script reads it; an object without one is none that an API server has.
SPECS: Mapping[str, Object] = {
    "TradingBot": {
        "mode": "Paper",
        "strategy": {"marketMaking": {"spreadBps": "8", "sizes": ["0.001"]}},
        "markets": [{"name": "btc", "reference": {"venue": "binance", "symbol": "BTCUSDT"},
                     "execution": {"venue": "binance", "symbol": "BTCUSDT"}}],
    },
    "Venue": {"environment": "Testnet", "type": "Binance"},
    "TradingHalt": {"reason": "a drill"},
}  # fmt: skip
GENERATION = 2
WHEN = "2026-11-30T12:00:00Z"


@dataclass(frozen=True, slots=True)
class Case:
    """An object, and what Argo CD has to say of it."""

    name: str
    manifest: Object
    health: Health
    message: str


def condition(kind: ConditionType, status: str, reason: Reason) -> Object:
    return {"type": str(kind), "status": str(status), "reason": str(reason), "message": MEANINGS[reason],
            "observedGeneration": GENERATION, "lastTransitionTime": WHEN}  # fmt: skip


def well(kind: str) -> dict[ConditionType, Object]:
    """The conditions of one with which all is well."""
    return {name: condition(name, "False", words.false[0]) if name in ABNORMAL else
            condition(name, "True", words.true[0]) for name, words in VOCABULARY[kind].items()}  # fmt: skip


def manifest(kind: str, conditions: Mapping[ConditionType, Object], **metadata: object) -> Object:
    status = {"observedGeneration": GENERATION, "conditions": list(conditions.values())}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind,
            "metadata": {"name": "one", "namespace": "trading", "generation": GENERATION, **metadata},
            "spec": SPECS[kind], "status": status}  # fmt: skip


def expected(rules: Sequence[Rule], conditions: Mapping[ConditionType, Object]) -> tuple[Health, str]:
    for rule in rules:
        found = conditions.get(rule.condition)
        if found is not None and rule.applies(found["status"], found["reason"]):
            return rule.health, f"{found['reason']}: {found['message']}"
    return Health.PROGRESSING, "the operator does not know yet"


def cases(kind: str) -> Iterator[Case]:
    """The first object to which each rule applies, and the three that no rule is asked about."""
    for rule in RULES[kind]:
        conditions = _that_applies(kind, rule)
        reason = conditions[rule.condition]["reason"]
        yield Case(f"{rule.condition}-{rule.status}-{reason}".lower(), manifest(kind, conditions),
                   *expected(RULES[kind], conditions))  # fmt: skip
    good = well(kind)
    yield Case("not-seen-yet", {k: v for k, v in manifest(kind, good).items() if k != "status"}, Health.PROGRESSING,
               "the operator has not looked at it yet")  # fmt: skip
    yield Case("generation-not-seen-yet", manifest(kind, good, generation=GENERATION + 1), Health.PROGRESSING,
               "the operator has not looked at this generation yet")  # fmt: skip
    yield Case("being-deleted", manifest(kind, good, deletionTimestamp=WHEN), Health.PROGRESSING,
               f"is being deleted: {good[ConditionType.READY]['message']}")  # fmt: skip


def _that_applies(kind: str, rule: Rule) -> dict[ConditionType, Object]:
    """No earlier rule applies to it."""
    words = VOCABULARY[kind][rule.condition]
    earlier = [one for one in RULES[kind][: RULES[kind].index(rule)] if one.condition == rule.condition]
    for reason in rule.reasons or words.reasons(rule.status):
        found = condition(rule.condition, rule.status, reason)
        if not any(one.applies(found["status"], found["reason"]) for one in earlier):
            return well(kind) | {rule.condition: found}
    raise ValueError(f"{kind}: nothing is left for {rule}")
