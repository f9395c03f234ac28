"""One reconciliation, as a pure function: what is seen in, what to do out."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from tradingbot_operator.api.v1alpha1 import ConditionStatus, TradingBotStatus
from tradingbot_operator.core import canary_trial, halted_markets, names, rollback
from tradingbot_operator.core.accounts import DRAIN_FOR_REPLACEMENT, replacement
from tradingbot_operator.core.assignment import waited_for
from tradingbot_operator.core.children import IN_DOUBT, Accepted, Plan, children, lease, storage_claim
from tradingbot_operator.core.claims import planned, still_held
from tradingbot_operator.core.closings import hand_to, handed_over
from tradingbot_operator.core.conditions import ConditionType, Reason
from tradingbot_operator.core.dead_man import dead_man, recheck_s
from tradingbot_operator.core.deleted_leases import halts_of_deleted, leases_due
from tradingbot_operator.core.frozen_template import restart_inputs
from tradingbot_operator.core.gates import closed_gate
from tradingbot_operator.core.halts import Halts, halts
from tradingbot_operator.core.interim import interim
from tradingbot_operator.core.observed import Bot, Installation, Manifest, Observed, owned_by
from tradingbot_operator.core.outcome import (
    Announcement,
    ChildReference,
    ConfigureSlot,
    DrainSlot,
    Finalizer,
    Outcome,
    SlotCommand,
    announcements,
)
from tradingbot_operator.core.ownership import must_be_applied
from tradingbot_operator.core.picture import picture, running_status
from tradingbot_operator.core.record import configured, last_accepted, record
from tradingbot_operator.core.release import release
from tradingbot_operator.core.resumes import answers
from tradingbot_operator.core.rollout import DRAIN_FOR_RESTART, Rollout, cannot_take, rollout
from tradingbot_operator.core.safer import safer
from tradingbot_operator.core.slots import (
    DRAIN_FOR_SCALING,
    Scale,
    Written,
    assign,
    deal_out,
    documents,
    numbered,
    scale,
)
from tradingbot_operator.core.status import Picture, SlotPicture
from tradingbot_operator.core.unaccepted import unaccepted
from tradingbot_operator.core.untraded import only_paper
from tradingbot_operator.core.validation import Refusal, validate
from tradingbot_runtime.config import VenueSpec

CREDENTIALS_RECHECK_S = 10.0  # Secrets are not watched: their content is none of the operator's business
FORMER_RECHECK_S = 1.0
AT_ONCE_S = 0.05
HAND_OVER_RECHECK_S = 1.0  # the count of open orders alone does not wake a bot up


def decide(bot: Bot, observed: Observed, installation: Installation) -> Outcome:
    """The same inputs give the same outcome; an outcome that is carried out gives an empty one."""
    if bot.metadata.deleting:
        return release(bot, observed, installation)
    if observed.former:
        return _after(bot, observed, installation)
    accepted, refusal = _accepted(bot, observed)
    if accepted is None:
        return replace(unaccepted(bot, observed, refusal, installation), requeue_after_s=_recheck(refusal))
    return _Running(bot, observed, installation, _as_asked(bot, accepted, refusal), refusal, accepted).outcome()


def _accepted(bot: Bot, observed: Observed) -> tuple[Accepted | None, Refusal | None]:
    """What is carried out, and why that is not the spec as it is, where it is not."""
    config_map = observed.child("ConfigMap", names.slots_config_map(bot.name))
    refusal = validate(bot, observed)
    if refusal is not None or bot.spec is None:
        return last_accepted(config_map), refusal
    wanted = Accepted(bot.spec, _used_venues(bot, observed))
    if (refusal := rollback.taken_back(bot, wanted)) is None:
        return wanted, None
    return rollback.former(config_map, observed.child("StatefulSet", bot.name)), refusal


def _as_asked(bot: Bot, accepted: Accepted, refusal: Refusal | None) -> Accepted:
    """What runs instead of a spec that is not carried out goes on with less where that spec asks for less."""
    if refusal is None or bot.spec is None:
        return accepted
    less = safer(accepted.spec, bot.spec).model_copy(update={"replicas": bot.spec.replicas})
    return replace(accepted, spec=less)


def _after(bot: Bot, observed: Observed, installation: Installation) -> Outcome:
    """A deleted bot of the same name is not gone yet. Its pod trades or ends by itself; nothing is made until then."""
    alone = decide(bot, replace(observed, former=(), children={}, pods=()), installation)
    return Outcome(status=alone.status, events=alone.events, requeue_after_s=FORMER_RECHECK_S, holds=alone.holds)


def _used_venues(bot: Bot, observed: Observed) -> dict[str, VenueSpec]:
    used = bot.spec.venue_names() if bot.spec else frozenset()
    return {name: venue for name, venue in observed.venues.items() if name in used and venue is not None}


def _recheck(refusal: Refusal | None) -> float | None:
    return CREDENTIALS_RECHECK_S if refusal and refusal.reason is Reason.CREDENTIALS_MISSING else None


@dataclass(frozen=True, slots=True)
class _Running:
    """A bot that has an accepted spec: today's, or the last valid one."""

    bot: Bot
    observed: Observed
    installation: Installation
    accepted: Accepted
    refusal: Refusal | None
    kept: Accepted  # as it was accepted: an edit brings the rest of it back

    def outcome(self) -> Outcome:
        stateful_set = self.observed.child("StatefulSet", self.bot.name)
        config_map = self.observed.child("ConfigMap", names.slots_config_map(self.bot.name))
        written = Written(stateful_set, config_map)
        halted = self._halts(record(config_map).documents).slots
        size = scale(self.accepted.spec, self.observed, written, halted, self.installation)
        plan = self._plan(size, stateful_set)
        rolled = self._rollout(plan, stateful_set)
        plan = replace(plan, partition=rolled.partition)
        account = self.observed.child("ServiceAccount", self.bot.name)
        renewal = replacement(self.observed.pods, account, size.serving)
        dead = dead_man(plan, self.observed)
        shown = replace(picture(plan, size, self.observed, self.refusal, renewal), withdrawals=dead.withdrawals)
        status = dead.in_status(running_status(self.bot, self.observed, plan, shown))
        back = None if self.refusal else rollback.due(plan, self.observed)
        wanted = children(plan)
        whole = Outcome(
            status=status if back is None else status.model_copy(update={"rolled_back": back}),
            finalizer=Finalizer.KEEP if names.FINALIZER in self.bot.metadata.finalizers else Finalizer.ADD,
            control_secret_due=self._control_secret_due(),
            leases=self._leases(plan, size),
            apply=tuple(child for child in wanted if must_be_applied(child, self._existing(child))),
            prune=self._superfluous(wanted),
            withdraw=dead.create,
            withdrawn=dead.remove,
            halts=plan.halts.orders(self.observed.pods),
            commands=self._commands(plan, size, shown, rolled),
            replace=ChildReference("Pod", gone.name, gone.uid) if (gone := renewal.delete or rolled.delete) else None,
            events=(
                *dead.events,
                *self._unreadable(config_map, plan),
                *handed_over(() if self.bot.paused else plan.taken),
                *answers(self.bot, status.answered_resume, plan.halts.in_force, self.observed.pods),
                *announcements(self.bot.status, status),
            ),
            requeue_after_s=_soonest(
                recheck_s(self.observed, dead),
                rollback.recheck_s(plan, self.observed) if back is None else AT_ONCE_S,
                self._requeue_after(
                    status, size, plan, waits_for_drain=rolled.draining or bool(shown.replacement.silent)
                ),
            ),
            # Also what a slot has yet to let go of: until then nobody else may trade it.
            holds=planned(plan),
        )
        return hands_off(whole) if self.bot.paused else whole

    def _halts(self, slots: Collection[int]) -> Halts:
        config_map = self.observed.child("ConfigMap", names.slots_config_map(self.bot.name))
        found = halts_of_deleted(self.bot, self.observed)
        return halts(self.bot, self.observed, configured(config_map), slots, found)

    def _plan(self, size: Scale, stateful_set: Manifest | None) -> Plan:
        config_map = self.observed.child("ConfigMap", names.slots_config_map(self.bot.name))
        known, before = record(config_map), configured(config_map)
        held = self._halts(range(size.replicas))
        halted = halted_markets.halted(self.bot, self.accepted.spec, config_map, held.slots)
        dealt = deal_out(self.accepted.spec, known, size, halted)
        assignment, statements = assign(self.accepted, self.observed, config_map, size, dealt)
        given = documents(self.bot, self.accepted, assignment, size.replicas)
        handed = hand_to(given, before, statements, assignment.releasing)
        held = halted_markets.inherited(held, halted.markets, handed.slots, self.observed.pods)
        given = {slot: held.configured(slot, config) for slot, config in handed.slots.items()}
        slots = numbered(given, known.documents, self.observed.pods)
        storage = storage_claim(self.accepted.spec, stateful_set)
        ending = frozenset(pod.ordinal for pod in self.observed.pods)
        inputs = restart_inputs(self.accepted.spec, self.accepted.venues)
        goes_back = bool(self.refusal and self.refusal.reason is Reason.ROLLED_BACK)
        change = rollback.change(inputs, config_map, stateful_set, goes_back=goes_back)
        releasing = {**assignment.releasing, **({IN_DOUBT: -1} if assignment.doubted else {})}
        plan = Plan(self.bot, self.accepted, slots, releasing, size.replicas, 0, storage,
                    self.installation, halts=held, ending=ending, closed=handed.left, taken=handed.taken,
                    halted=halted, waits=waited_for(dealt, size.dealt, halted),
                    frozen=change.frozen, inputs=inputs, stable=change.stable, goes_back=goes_back, kept=self.kept,
                    only_paper=only_paper(self.bot, self.accepted.spec.mode, config_map, stateful_set))  # fmt: skip
        plan = replace(plan, held=still_held(plan, config_map, self.observed, size.serving))
        plan = replace(plan, canary=canary_trial.kept(plan, self.observed))
        return replace(plan, gate=closed_gate(plan, self.observed))

    def _rollout(self, plan: Plan, stateful_set: Manifest | None) -> Rollout:
        if stateful_set is None:
            return Rollout(0)
        metadata, status = stateful_set["metadata"], stateful_set.get("status", {})
        if metadata.get("annotations", {}).get(names.TEMPLATE_HASH) != names.digest(plan.template()):
            return Rollout(plan.replicas)
        now: int = stateful_set["spec"]["updateStrategy"].get("rollingUpdate", {}).get("partition", 0)
        if plan.gate is not None or status.get("observedGeneration", 0) < metadata.get("generation", 0):
            return Rollout(min(now, plan.replicas))  # or its updateRevision is still the one before
        step = rollout(now, plan.replicas, status.get("updateRevision", ""), self.observed.pods,
                       self.installation.drain_timeout_s)  # fmt: skip
        if step.draining or step.delete is not None:
            return step
        stuck = cannot_take([pod for pod in self.observed.pods if pod.restart_hash == plan.restart_hash], plan.slots)
        return replace(step, drain=stuck, draining=True) if stuck else step

    def _unreadable(self, config_map: Manifest | None, plan: Plan) -> tuple[Announcement, ...]:
        """Nothing is put right for a bot that is to be left alone, so each look would tell of it."""
        if self.bot.paused:
            return ()
        return record(config_map).told(names.slots_config_map(self.bot.name), range(plan.replicas))

    def _existing(self, child: Manifest) -> Manifest | None:
        return self.observed.child(child["kind"], child["metadata"]["name"])

    def _control_secret_due(self) -> bool:
        secret = self.observed.child("Secret", names.control_secret(self.bot.name))
        if secret is None:
            return True
        renew_after: str = (secret["metadata"].get("annotations") or {}).get(names.RENEW_AFTER, "")
        return self.observed.now > renew_after

    def _leases(self, plan: Plan, size: Scale) -> tuple[Manifest, ...]:
        """Those that were never made. One that somebody deleted stops its slot, until that halt is released."""
        made = {slot.ordinal for slot in self.bot.status.slots if slot.lease_uid}
        made -= leases_due(self.bot, self.observed, plan.halts)
        return tuple(lease(self.bot, slot) for slot in plan.slots if slot < size.serving and slot not in made)

    def _superfluous(self, wanted: tuple[Manifest, ...]) -> tuple[ChildReference, ...]:
        keep = {(child["kind"], child["metadata"]["name"]) for child in wanted}
        keep.add(("Secret", names.control_secret(self.bot.name)))
        return tuple(
            ChildReference(kind, name, child["metadata"]["uid"])
            for (kind, name), child in self.observed.children.items()
            if (kind, name) not in keep and owned_by(child, self.bot)
        )

    def _commands(self, plan: Plan, size: Scale, shown: Picture, rolled: Rollout) -> tuple[SlotCommand, ...]:
        drains = [DrainSlot(pod.name, DRAIN_FOR_SCALING) for pod in size.leaving if pod.stream.draining_for_s is None]
        if (pod := shown.replacement.drain) is not None:
            drains.append(DrainSlot(pod.name, DRAIN_FOR_REPLACEMENT))
        if rolled.drain is not None:
            drains.append(DrainSlot(rolled.drain.name, DRAIN_FOR_RESTART))
        return (*drains, *(command for slot in shown.slots if (command := _configure(plan, slot))))

    def _requeue_after(
        self, status: TradingBotStatus, size: Scale, plan: Plan, *, waits_for_drain: bool
    ) -> float | None:
        waits = [] if (wait := _recheck(self.refusal)) is None else [wait]
        if size.leaving or waits_for_drain:
            waits.append(self.installation.drain_timeout_s)
        if plan.releasing or plan.held:
            waits.append(HAND_OVER_RECHECK_S)
        if plan.gate is not None and plan.gate.for_s is not None:
            waits.append(plan.gate.for_s + 1)
        if self._is_yet_to_be_heard():
            waits.append(self.installation.start_grace_s)
        # Asked for again by every look: what was set when the stream broke gave way to anything that was due before.
        waits += [self.installation.lost_grace_s - pod.stream.lost_for_s
                  for pod in self.observed.pods if pod.stream.connected and pod.stream.lost_for_s > 0]  # fmt: skip
        if any(c.type == ConditionType.RECONCILING and c.status is ConditionStatus.TRUE for c in status.conditions):
            waits.append(self.accepted.spec.rollout.progress_deadline_ns / 1e9 - self.observed.reconciling_for_s + 1)
        return min(waits) if waits else None

    def _is_yet_to_be_heard(self) -> bool:
        """Whether somebody of whom a leader that has just begun has heard nothing may be about to be heard."""
        led_s, pods = self.observed.since_start_s, self.observed.pods
        heard = {pod.ordinal for pod in pods if pod.stream.connected}
        unheard = any(slot.ordinal not in heard for slot in self.bot.status.slots)
        begins = led_s < self.installation.start_grace_s
        return (unheard and begins) or any(pod.is_yet_to_be_tried(led_s) for pod in pods)


def _soonest(*moments_s: float | None) -> float | None:
    return min((moment for moment in moments_s if moment is not None), default=None)


def hands_off(outcome: Outcome) -> Outcome:
    """What goes on although a person wants the objects left alone: halts, the dead man's switch, telling what is so."""
    return replace(outcome, control_secret_due=False, leases=(), apply=(), prune=(), commands=(), replace=None)


def _configure(plan: Plan, slot: SlotPicture) -> ConfigureSlot | None:
    """A pod on another template than today's gets what of the new configuration needs no restart."""
    pod = slot.pod
    if pod is None or slot.report is None or pod.terminating:
        return None
    config = slot.config if pod.restart_hash == slot.restart_hash else interim(plan, pod)
    if config is None or (config_hash := config.config_hash()) in (slot.report.config_hash, pod.stream.sent_hash):
        return None
    return ConfigureSlot(pod.name, config.document(), config_hash)
