"""Back to what ran before a change of class Restart, when a slot with that change does not get ready in time. Pure.

What ran before is kept while a change is on its way: the accepted spec in the ConfigMap, the pods' template on the
StatefulSet. It goes back as a whole, spread and limits as well: they belong together.
"""

from dataclasses import dataclass, replace

from tradingbot_operator.api.v1alpha1 import RolledBack
from tradingbot_operator.core import names
from tradingbot_operator.core.canary_analysis import worse
from tradingbot_operator.core.children import Accepted, Plan, Stable
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.frozen_template import FrozenTemplate, frozen_template, restart_inputs, template_of
from tradingbot_operator.core.observed import Bot, Manifest, Observed, Pod
from tradingbot_operator.core.validation import Refusal
from tradingbot_runtime.config import OnFailure
from tradingbot_runtime.model.control import BY_HAND
from tradingbot_runtime.model.events import TradingState

MESSAGE_MOST = 512
# No process of these proves anything against its template.
NOT_ITS_FAULT = frozenset({TradingState.HALTED, TradingState.FENCED})


@dataclass(frozen=True, slots=True)
class Change:
    """`frozen` is the template to go by where its inputs are what is asked for; `stable` is what is to be kept."""

    frozen: FrozenTemplate | None
    stable: Stable


def change(inputs: str, config_map: Manifest | None, stateful_set: Manifest | None) -> Change:
    """`inputs` names what is asked for."""
    frozen, known = frozen_template(stateful_set), stored(config_map, stateful_set)
    if frozen is None or inputs == frozen.inputs:
        return Change(frozen, known)
    if is_whole(stateful_set):
        return Change(frozen, _before(frozen, config_map, known))
    return Change(known.template, Stable()) if inputs == known.inputs else Change(frozen, known)


def _before(frozen: FrozenTemplate, config_map: Manifest | None, known: Stable) -> Stable:
    """With the spec that this template was made for: the accepted one, or what is kept where that was written already.

    None of the two where somebody has edited what the StatefulSet remembers.
    """
    accepted = Stable(((config_map or {}).get("data") or {}).get(names.ACCEPTED, ""), frozen)
    for stable in (accepted, replace(known, template=frozen)):
        spec = stable.accepted()
        if spec is not None and restart_inputs(spec.spec, spec.venues) == frozen.inputs:
            return stable
    return known


def stored(config_map: Manifest | None, stateful_set: Manifest | None) -> Stable:
    annotations = ((stateful_set or {}).get("metadata") or {}).get("annotations") or {}
    document = ((config_map or {}).get("data") or {}).get(names.STABLE, "")
    return Stable(document, template_of(annotations.get(names.STABLE_TEMPLATE, "")))


def is_whole(stateful_set: Manifest | None) -> bool:
    """Every pod has the current template, and kubelet finds it ready."""
    if stateful_set is None:
        return False
    metadata, spec, status = stateful_set["metadata"], stateful_set["spec"], stateful_set.get("status") or {}
    return bool(
        status.get("observedGeneration", 0) >= metadata.get("generation", 0)
        and status.get("updateRevision")
        and status.get("currentRevision") == status["updateRevision"]
        and status.get("readyReplicas", 0) == spec["replicas"] > 0
    )


def taken_back(bot: Bot, accepted: Accepted) -> Refusal | None:
    """Why this spec does not run, where it was tried and taken back."""
    known = bot.status.rolled_back
    if known is None or known.generation != bot.metadata.generation:
        return None
    if known.inputs != restart_inputs(accepted.spec, accepted.venues):
        return None  # a Venue has changed since
    return Refusal(Reason.ROLLED_BACK, known.message)


def due(plan: Plan, observed: Observed) -> RolledBack | None:
    """For a change that no slot gets ready with, or that the first one breaks a limit with."""
    if not _can_go_back(plan):
        return None
    others = [pod for pod in observed.pods if pod.inputs != plan.inputs]
    if others and not any(pod.stream.ready for pod in others):
        return None  # the others are no better off
    why = _broken_limit(plan, observed) or _worse(plan, observed) or _late(plan, observed)
    if not why:
        return None
    message = f"taken back: {why}; what ran before runs again. An edit of the spec is tried anew"
    return RolledBack(generation=plan.bot.metadata.generation, inputs=plan.inputs, at=observed.now,
                      message=message[:MESSAGE_MOST])  # fmt: skip


def _late(plan: Plan, observed: Observed) -> str:
    """A slot that has had its time."""
    late = next((pod for pod in _unready(plan, observed) if pod.age_s > _deadline_s(plan)), None)
    what = f"was not ready {_deadline_s(plan):g} s after it was restarted with it"
    return f"slot {late.ordinal} {what}{_why(late)}" if late else ""


def _broken_limit(plan: Plan, observed: Observed) -> str:
    """Of the slot that tries a change first: a limit of its own, since it started with it."""
    if plan.gate is None or plan.gate.reason is not Reason.CANARY_RUNNING:
        return ""
    started = {pod.ordinal: pod.created for pod in observed.pods if pod.inputs == plan.inputs}
    broken = (halt for halt in plan.halts.in_force
              if halt.reason not in BY_HAND and halt.slot in started and halt.at >= started[halt.slot])  # fmt: skip
    return next((f"slot {halt.slot}, the first to run it, has halted: {halt.reason}" for halt in broken), "")


def _worse(plan: Plan, observed: Observed) -> str:
    """Of the same slot: what its quoting is worse in than the others'."""
    first = next((pod.ordinal for pod in observed.pods if pod.inputs == plan.inputs), None)
    found = worse(plan, observed.pods)
    return f"slot {first}, the first to run it: its {found}" if found else ""


def recheck_s(plan: Plan, observed: Observed) -> float | None:
    """When a slot will have had its time."""
    if not _can_go_back(plan):
        return None
    left_s = [_deadline_s(plan) - pod.age_s + 1 for pod in _unready(plan, observed)]
    return max(min(left_s), 1.0) if left_s else None


def _can_go_back(plan: Plan) -> bool:
    stable = plan.stable
    return bool(plan.accepted.spec.rollout.on_failure is OnFailure.ROLL_BACK and stable.document
                and stable.inputs not in ("", plan.inputs))  # fmt: skip


def _deadline_s(plan: Plan) -> float:
    return plan.accepted.spec.rollout.progress_deadline_ns / 1e9


def _unready(plan: Plan, observed: Observed) -> list[Pod]:
    """Pods with the change that do not get ready, for whatever reason that may be its."""
    return [
        pod for pod in observed.pods
        if pod.inputs == plan.inputs and not pod.terminating and not pod.stream.ready
        and (pod.stream.report is None or pod.stream.report.state not in NOT_ITS_FAULT)
    ]  # fmt: skip


def _why(pod: Pod) -> str:
    if pod.trouble is not None:
        return f" ({pod.trouble.reason}: {pod.trouble.message})"
    report = pod.stream.report
    return f" ({report.reason}: {report.message})" if report is not None and report.message else ""
