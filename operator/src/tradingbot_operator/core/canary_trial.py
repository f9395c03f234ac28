"""The slot that tries a change before the others: which one it is, and whether it has had its time. Pure.

It is kept on the ConfigMap: another leader goes on with the same trial, and neither a slot that a scaling adds nor one
that is mended with the change is taken for the one that tries it.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from tradingbot_operator.core import names
from tradingbot_operator.core.heard import is_countable
from tradingbot_runtime.model.control import QuotingReport
from tradingbot_runtime.model.events import TradingState

if TYPE_CHECKING:  # they import what imports this
    from tradingbot_operator.core.children import Plan
    from tradingbot_operator.core.observed import Observed, Pod


class Trial(msgspec.Struct, frozen=True):
    """Of the change that `inputs` names."""

    inputs: str
    before: dict[str, QuotingReport]  # what the slots without it had summed up when it was first tried
    slot: int = -1
    pod: str = ""  # uid
    halted: bool = False
    from_s: float = 0.0  # age of the pod at which its time began: a slot that is halted proves nothing
    passed: bool = False
    held: tuple[str, ...] | None = None  # halts of the slot that are older than the pod; None: nobody has looked yet


def kept(plan: "Plan", observed: "Observed") -> str:
    """For the ConfigMap; empty while no slot tries a change before others."""
    found = _trial(plan, observed)
    return json.dumps(msgspec.to_builtins(found), sort_keys=True) if found is not None else ""


def under_way(plan: "Plan") -> Trial | None:
    """None also when it is over."""
    known = _read(plan.canary)
    return None if known is None or known.passed else known


def sums(pods: "Iterable[Pod]") -> dict[str, QuotingReport]:
    """By slot and market, what each process has summed up."""
    markets = ((pod.ordinal, market) for pod in pods if pod.stream.report for market in pod.stream.report.markets)
    return {f"{slot}/{market.market}": market.quoting for slot, market in markets if market.quoting is not None}


def _trial(plan: "Plan", observed: "Observed") -> Trial | None:
    """The one that is kept goes on as long as its slot has the change; a slot that has lost it proves nothing more."""
    if plan.accepted.spec.rollout.canary is None or plan.goes_back:
        return None
    pods = [pod for pod in observed.pods if pod.ordinal < plan.replicas]
    behind = [pod for pod in pods if pod.inputs != plan.inputs]
    known = _stored(plan, observed)
    if not behind:
        return known if len(pods) < plan.replicas else None  # what is missing may come back without the change
    if known is not None and known.passed:
        return known
    tries = {pod.ordinal: pod for pod in pods if pod.inputs == plan.inputs}
    if known is not None and known.slot in tries:
        return _looked_at(known, tries[known.slot], plan)
    above = [pod for pod in tries.values() if pod.ordinal > max(other.ordinal for other in behind)]
    first = _oldest(pod for pod in above if (config := plan.slots.get(pod.ordinal)) and config.markets)
    return _looked_at(Trial(plan.inputs, sums(behind), first.ordinal), first, plan) if first is not None else None


def _oldest(pods: "Iterable[Pod]") -> "Pod | None":
    """Of those that trade something: a slot without a market proves nothing either."""
    return max(pods, key=lambda pod: (pod.age_s, pod.ordinal), default=None)


def _looked_at(known: Trial, pod: "Pod", plan: "Plan") -> Trial:
    """Its time runs from the start of its pod, or from the last resume."""
    if known.pod != pod.uid:
        known = replace(known, pod=pod.uid, from_s=0.0, held=None)
    if known.held is None:
        known = replace(known, held=_older_than(pod, plan))
    if _is_halted(pod, plan):
        return replace(known, halted=True)
    if known.halted:
        return replace(known, halted=False, from_s=pod.age_s)
    return replace(known, passed=pod.age_s - known.from_s >= duration_s(plan))


def _older_than(pod: "Pod", plan: "Plan") -> tuple[str, ...]:
    """By what was known before the pod was heard: its node's clock, by which it tells when it halted, may be wrong."""
    told = {halt.id for halt in pod.stream.report.halts} if pod.stream.report else set()
    new = told - {halt.id for halt in plan.bot.status.halts}
    return tuple(sorted(halt.id for halt in plan.halts.in_force if halt.slot == pod.ordinal and halt.id not in new))


def _is_halted(pod: "Pod", plan: "Plan") -> bool:
    """By whomever, and whenever that was."""
    report = pod.stream.report
    told = report is not None and report.state is TradingState.HALTED
    return told or any(halt.slot == pod.ordinal for halt in plan.halts.in_force)


def duration_s(plan: "Plan") -> float:
    canary = plan.accepted.spec.rollout.canary
    return canary.duration_ns / 1e9 if canary is not None else 0.0


def _stored(plan: "Plan", observed: "Observed") -> Trial | None:
    config_map = observed.child("ConfigMap", names.slots_config_map(plan.bot.name))
    annotations = (config_map or {}).get("metadata", {}).get("annotations") or {}
    known = _read(annotations.get(names.CANARY, ""))
    return known if known is not None and known.inputs == plan.inputs else None


def _read(document: str) -> Trial | None:
    try:
        found = msgspec.json.decode(document, type=Trial) if document else None
    except (msgspec.MsgspecError, RecursionError):
        return None  # somebody has edited it: the trial begins now
    return found if found is not None and all(map(is_countable, found.before.values())) else None
