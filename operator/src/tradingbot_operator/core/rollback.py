"""Back to what ran before a change of class Restart, when a slot with that change does not get ready in time. Pure.

What ran before is kept while a change is on its way, and while one is taken back: the accepted spec in the ConfigMap,
the pods' template on the StatefulSet. It goes back as a whole, spread and limits as well: they belong together. What is
asked for today passes through it where it is no part of the change: how many slots, and less trading.
"""

from dataclasses import dataclass, replace

from tradingbot_operator.api.v1alpha1 import RolledBack
from tradingbot_operator.core import names
from tradingbot_operator.core.canary_analysis import worse
from tradingbot_operator.core.canary_trial import under_way
from tradingbot_operator.core.children import Accepted, Plan, Stable
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.frozen_template import FrozenTemplate, frozen_template, restart_inputs, template_of
from tradingbot_operator.core.observed import Bot, Manifest, Observed, Pod
from tradingbot_operator.core.record import last_accepted
from tradingbot_operator.core.rollout import lacks
from tradingbot_operator.core.safer import POLICIES
from tradingbot_operator.core.validation import Refusal
from tradingbot_runtime.config import DesiredState, OnFailure, Risk, TradingBotSpec
from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.change_classes import settings
from tradingbot_runtime.model.control import BY_HAND
from tradingbot_runtime.model.events import TradingState

MESSAGE_MOST = 512
FURTHER = ("; what ran before runs again, with today's replicas, and today's desiredState and limits where they allow "
           "less. Any other edit of the spec is tried anew")  # fmt: skip
# No process of these proves anything against its template.
NOT_ITS_FAULT = frozenset({TradingState.HALTED, TradingState.FENCED})


@dataclass(frozen=True, slots=True)
class Change:
    """`frozen` is the template to go by where its inputs are what is asked for; `stable` is what is to be kept."""

    frozen: FrozenTemplate | None
    stable: Stable


def change(inputs: str, config_map: Manifest | None, stateful_set: Manifest | None, *, goes_back: bool) -> Change:
    """`inputs` names what is asked for."""
    frozen, known = frozen_template(stateful_set), stored(config_map, stateful_set)
    if frozen is None:
        return Change(frozen, known)
    if goes_back:
        return _back(inputs, frozen, config_map, known)
    if inputs == frozen.inputs:
        return Change(frozen, Stable() if inputs == known.inputs else known)  # an edit has taken back what was tried
    if is_whole(stateful_set):
        return Change(frozen, _before(frozen, config_map, known))
    return Change(known.template, Stable()) if inputs == known.inputs else Change(frozen, known)


def _back(inputs: str, frozen: FrozenTemplate, config_map: Manifest | None, known: Stable) -> Change:
    """Kept as it was: what is accepted meanwhile may trade less, and a later edit may ask for more again."""
    kept = known if inputs == known.inputs else _before(frozen, config_map, known)
    return Change(kept.template, kept) if inputs == kept.inputs else Change(frozen, known)


def _before(frozen: FrozenTemplate, config_map: Manifest | None, known: Stable) -> Stable:
    """With the spec that this template was made for: what is kept where that is it, or the accepted one.

    It is the kept one where a change was taken back, or where this has been written already. None of the two where
    somebody has edited what the StatefulSet remembers.
    """
    accepted = Stable(((config_map or {}).get("data") or {}).get(names.ACCEPTED, ""), frozen)
    for stable in (replace(known, template=frozen), accepted):
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
    if known is None or not is_as_tried(bot, known):
        return None
    if known.inputs != restart_inputs(accepted.spec, accepted.venues):
        return None  # a Venue has changed since
    return Refusal(Reason.ROLLED_BACK, known.message)


def is_as_tried(bot: Bot, known: RolledBack) -> bool:
    """Whether nobody has edited what was tried since; a spec that nobody can use says nothing of it."""
    if not known.settings:  # written by an operator that knew no more than this
        return known.generation == bot.metadata.generation
    return bot.spec is None or known.settings == tried(bot.spec)


def tried(spec: TradingBotSpec) -> str:
    """Names what a change is tried with: all of the spec but what passes through while it is taken back.

    A scaling, by whomever, is no second try; nor is a stop or a tighter limit, which is the opposite of one. Nor is a
    limit that is raised: what has lost money is not run again because somebody touches a limit.
    """
    policies = {name: getattr(spec.risk, name) for name in POLICIES}
    passing = {"replicas": 0, "desired_state": DesiredState.RUNNING, "risk": Risk().model_copy(update=policies)}
    return names.digest(settings(spec.model_copy(update=passing), ChangeClass.IGNORE))


def former(config_map: Manifest | None, stateful_set: Manifest | None) -> Accepted | None:
    """What ran before a change that was taken back. It is kept until it is what is accepted."""
    return stored(config_map, stateful_set).accepted() or last_accepted(config_map)


def due(plan: Plan, observed: Observed) -> RolledBack | None:
    """For a change that no slot gets ready with, or that the first one breaks a limit with."""
    if not _can_go_back(plan):
        return None
    others = [pod for pod in observed.pods if pod.inputs != plan.inputs]
    if others and all(lacks(pod) for pod in others):
        return None  # the others are no better off
    why = _broken_limit(plan, observed) or _worse(plan, observed) or _late(plan, observed)
    if not why:
        return None
    message = f"taken back: {why}"[: MESSAGE_MOST - len(FURTHER)] + FURTHER
    return RolledBack(generation=plan.bot.metadata.generation, inputs=plan.inputs, at=observed.now, message=message,
                      settings=tried(plan.accepted.spec))  # fmt: skip


def _late(plan: Plan, observed: Observed) -> str:
    """A slot that has had its time."""
    late = next((pod for pod in _unready(plan, observed) if pod.age_s > _deadline_s(plan)), None)
    what = f"was not ready {_deadline_s(plan):g} s after it was restarted with it"
    return f"slot {late.ordinal} {what}{_why(late)}" if late else ""


def _broken_limit(plan: Plan, observed: Observed) -> str:
    """Of the slot that tries a change first: a limit of its own, since it started with it."""
    first = under_way(plan)
    if first is None or all(pod.uid != first.pod for pod in observed.pods):
        return ""
    own = (halt for halt in plan.halts.in_force if halt.slot == first.slot and halt.id not in (first.held or ()))
    broken = (halt for halt in own if halt.reason not in BY_HAND)
    return next((f"slot {halt.slot}, the first to run it, has halted: {halt.reason}" for halt in broken), "")


def _worse(plan: Plan, observed: Observed) -> str:
    """Of the same slot: what its quoting is worse in than the others'."""
    first, found = under_way(plan), worse(plan, observed.pods)
    return f"slot {first.slot}, the first to run it: its {found}" if first and found else ""


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
