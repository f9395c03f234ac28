"""The bot's status, from the plan and from what the pods report."""

from collections.abc import Mapping

from tradingbot_operator.api.v1alpha1 import (
    ConditionStatus,
    ConfigHash,
    HaltStatus,
    Phase,
    RolledBack,
    SlotStatus,
    TradingBotStatus,
)
from tradingbot_operator.api.v1alpha1.tradingbot import REMOVED
from tradingbot_operator.core import names
from tradingbot_operator.core.accounts import Replacement
from tradingbot_operator.core.children import Plan
from tradingbot_operator.core.conditions import ConditionType, Reason, merge
from tradingbot_operator.core.flat import was_flat
from tradingbot_operator.core.frozen_template import drift
from tradingbot_operator.core.halted import is_about_a_halt
from tradingbot_operator.core.halts import Halts
from tradingbot_operator.core.observed import Bot, Installation, Observed, Pod
from tradingbot_operator.core.pending import pending_change
from tradingbot_operator.core.record import configured
from tradingbot_operator.core.rollback import is_as_tried
from tradingbot_operator.core.slots import Scale, combined_hash, unassigned
from tradingbot_operator.core.status import Picture, SlotPicture, observe, phase
from tradingbot_operator.core.validation import Refusal
from tradingbot_runtime.config import SlotConfig, warnings


def picture(plan: Plan, size: Scale, observed: Observed, refusal: Refusal | None, replacement: Replacement) -> Picture:
    pods, spec = {pod.ordinal: pod for pod in observed.pods}, plan.accepted.spec
    stateful_set = observed.child("StatefulSet", plan.bot.name)
    restart_hash = plan.restart_hash
    slots = tuple(
        SlotPicture(n, config, config.config_hash(), restart_hash, pods.get(n))
        for n, config in plan.slots.items()
        if n < size.serving
    )
    return Picture(
        slots=slots,
        desired_state=spec.desired_state,
        refusal=refusal,
        leaving=tuple(pod.ordinal for pod in size.leaving),
        moving=unassigned(plan.accepted, plan.slots),
        rolled_out=_rolled_out(plan, observed),
        overdue=_overdue(plan, observed),
        was_flat=was_flat(plan.bot.status.conditions),
        replacement=replacement,
        paused=plan.bot.paused,
        unpaused_by=plan.bot.unpaused_by,
        abandoned=plan.bot.abandoned,
        inputs=plan.inputs,
        gate=plan.gate,
        drift=drift(plan.template(), plan.rendered()),
        size=stateful_set["spec"]["replicas"] if stateful_set else None,
        pods_refused=observed.pods_refused,
        patience_s=plan.installation.drain_timeout_s,
        awaited_resumes=plan.halts.awaited(observed.pods),
        refused_resumes=frozenset(plan.halts.answered.refused if plan.halts.answered else ()),
        halts=_halts(plan.halts, size.replicas),
        waits=plan.waits,
        trading_halts=observed.standing,
        warnings=warnings(spec, plan.accepted.venues),
    )


def _halts(held: Halts, replicas: int) -> tuple[HaltStatus, ...]:
    """In force: of a slot that is no more, as long as nobody has resumed it."""
    unreleased = {(halt.slot, halt.id) for halt in held.unreleased}
    return tuple(halt for halt in held.in_force if halt.slot < replicas or (halt.slot, halt.id) in unreleased)


def _rolled_out(plan: Plan, observed: Observed) -> bool:
    stateful_set = observed.child("StatefulSet", plan.bot.name)
    if stateful_set is None or plan.partition:
        return False
    metadata, status = stateful_set["metadata"], stateful_set.get("status", {})
    if status.get("observedGeneration", 0) < metadata.get("generation", 0):
        return False
    return all(pod.revision == status.get("updateRevision") for pod in observed.pods if pod.ordinal < plan.replicas)


def _overdue(plan: Plan, observed: Observed) -> bool:
    """Once it is overdue it stays so until something gets ready or the spec changes."""
    known = any(
        c.type == ConditionType.STALLED and c.reason == Reason.PROGRESS_DEADLINE_EXCEEDED
        and c.status is ConditionStatus.TRUE and c.observed_generation == plan.bot.metadata.generation
        for c in plan.bot.status.conditions
    )  # fmt: skip
    return known or observed.reconciling_for_s > plan.accepted.spec.rollout.progress_deadline_ns / 1e9


def running_status(bot: Bot, observed: Observed, plan: Plan, shown: Picture) -> TradingBotStatus:
    if _just_started(bot, observed, plan.installation):
        return _with_halts(bot, observed, plan, shown)
    observations = observe(shown, observed.pods)
    stateful_set = observed.child("StatefulSet", bot.name) or {}
    revisions = stateful_set.get("status", {})
    pods, restart_hash = [pod for pod in observed.pods if not pod.terminating], plan.restart_hash
    return TradingBotStatus(
        observed_generation=bot.metadata.generation,
        phase=phase(shown, observations, bot.status.phase),
        conditions=merge(bot.status.conditions, observations, bot.metadata.generation, observed.now),
        strategy=plan.accepted.spec.strategy.name,
        replicas=len(pods),
        ready_replicas=sum(1 for slot in shown.slots if slot.report and slot.report.ready),
        updated_replicas=sum(1 for pod in pods if pod.restart_hash == restart_hash),
        selector=names.selector(bot.name),
        config_hash=_config_hash(bot, shown.slots),
        pending_change=pending_change(shown),
        rolled_back=_rolled_back(bot),
        current_revision=revisions.get("currentRevision", ""),
        update_revision=revisions.get("updateRevision", ""),
        slots=_slots(bot, observed, plan),
        halts=plan.halts.in_force,
        answered_resume=plan.halts.answered,
        operator_version=plan.installation.operator_version,
    )


def _with_halts(bot: Bot, observed: Observed, plan: Plan, shown: Picture) -> TradingBotStatus:
    """What nobody has been heard of yet stays as it was told. Of halts one voice is enough, and nothing is older."""
    observations = tuple(o for o in observe(shown, observed.pods) if shown.halts and is_about_a_halt(o))
    fresh = merge(bot.status.conditions, observations, bot.metadata.generation, observed.now)
    conditions = {c.type: c for c in (*bot.status.conditions, *fresh)}
    halted = any(o.type is ConditionType.READY for o in observations)
    return bot.status.model_copy(update={
        "halts": plan.halts.in_force,
        "answered_resume": plan.halts.answered,
        "conditions": tuple(condition for _, condition in sorted(conditions.items())),
        "phase": Phase.HALTED if halted else bot.status.phase,
    })  # fmt: skip


def _rolled_back(bot: Bot) -> RolledBack | None:
    """An edit is tried anew."""
    known = bot.status.rolled_back
    return known if known and is_as_tried(bot, known) else None


def _just_started(bot: Bot, observed: Observed, installation: Installation) -> bool:
    """A new leader knows nothing of the pods yet; what the one before it wrote is better than `Unknown`.

    Of a pod that kubelet does not get going there is nothing to be heard, and its trouble is told at once.
    """
    if bot.status.observed_generation != bot.metadata.generation:
        return False
    led_s = observed.since_start_s
    unheard = [pod for pod in observed.pods if pod.started and pod.stream.report is None and not pod.trouble]
    return any(led_s < installation.start_grace_s or pod.is_yet_to_be_tried(led_s) for pod in unheard)


def _config_hash(bot: Bot, slots: tuple[SlotPicture, ...]) -> ConfigHash:
    desired = combined_hash({slot.ordinal: slot.config_hash for slot in slots})
    reported = {slot.ordinal: slot.report.config_hash for slot in slots if slot.report}
    applied = combined_hash(reported) if len(reported) == len(slots) else bot.status.config_hash.applied
    return ConfigHash(desired=desired, applied=applied)


def _slots(bot: Bot, observed: Observed, plan: Plan) -> tuple[SlotStatus, ...]:
    before = {slot.ordinal: slot for slot in bot.status.slots}
    pods = {pod.ordinal: pod for pod in observed.pods}
    kept, given = {n for n, slot in before.items() if slot.lease_uid}, _given(observed, plan)
    return tuple(_slot(old, given.get(old.ordinal), pods.get(old.ordinal))
                 for old in (before.get(n, SlotStatus(ordinal=n)) for n in sorted(kept | given.keys())))  # fmt: skip


def _given(observed: Observed, plan: Plan) -> Mapping[int, SlotConfig]:
    """What the slots have: what they are about to get, or where nothing is applied, what they got last."""
    config_map = observed.child("ConfigMap", names.slots_config_map(plan.bot.name))
    if not plan.bot.paused or config_map is None:
        return plan.slots
    return {n: config.model_copy(update={"markets": []}) for n, config in plan.slots.items()} | configured(config_map)


def _slot(old: SlotStatus, config: SlotConfig | None, pod: Pod | None) -> SlotStatus:
    ordinal = old.ordinal
    if config is None:
        return SlotStatus(ordinal=ordinal, pod=pod.name if pod else "", state=REMOVED, lease_uid=old.lease_uid,
                          bot_number=old.bot_number)  # fmt: skip
    report = pod.stream.report if pod and pod.stream.connected else None
    return SlotStatus(
        ordinal=ordinal,
        pod=pod.name if pod else "",
        markets=tuple(market.name for market in config.markets),
        state=report.state if report else "",
        reason=report.reason if report else "",
        config_hash=report.config_hash if report else old.config_hash,  # that it ever ran matters at deletion
        lease_uid=old.lease_uid,
        bot_number=(report.bot_number if report else "") or old.bot_number,
    )


def with_leases(status: TradingBotStatus, uids: Mapping[int, str]) -> TradingBotStatus:
    """`status` with the Leases that were just created, so that they are never created again."""
    slots = tuple(slot.model_copy(update={"lease_uid": uids[slot.ordinal]}) if slot.ordinal in uids else slot
                  for slot in status.slots)  # fmt: skip
    return status.model_copy(update={"slots": slots})
