"""From slots and what they report to conditions, and to the phase."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tradingbot_operator.api.v1alpha1 import ConditionStatus, HaltStatus, Phase, Withdrawal
from tradingbot_operator.core import names
from tradingbot_operator.core.accounts import Replacement, stuck
from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, no, yes
from tradingbot_operator.core.configuration_status import config_applied, progressing, rejection, template_drift
from tradingbot_operator.core.credentials import credentials_valid
from tradingbot_operator.core.flat import flat
from tradingbot_operator.core.gates import HELD_UP, Closed
from tradingbot_operator.core.halted import halted
from tradingbot_operator.core.observed import Pod, Trouble
from tradingbot_operator.core.outcome import ABANDONS
from tradingbot_operator.core.readiness import in_trouble, ready
from tradingbot_operator.core.trading import HINDERED, fenced, trading_enabled
from tradingbot_operator.core.trading import slot_names as _names
from tradingbot_operator.core.validation import Refusal
from tradingbot_operator.core.wording import cut
from tradingbot_runtime.config import DesiredState, SlotConfig
from tradingbot_runtime.model.control import SlotReport
from tradingbot_runtime.model.events import TradingState


@dataclass(frozen=True, slots=True)
class SlotPicture:
    """One slot: what it should be, and what is seen of it."""

    ordinal: int
    config: SlotConfig
    config_hash: str
    restart_hash: str
    pod: Pod | None

    @property
    def report(self) -> SlotReport | None:
        """Only what is known now: nothing while the stream is down."""
        return self.last_report if self.pod and self.pod.stream.connected else None

    @property
    def last_report(self) -> SlotReport | None:
        """Of this pod, also from before the stream was lost."""
        return self.pod.stream.report if self.pod else None


@dataclass(frozen=True, slots=True)
class Picture:
    """The bot, for the rules below."""

    slots: tuple[SlotPicture, ...]
    desired_state: DesiredState
    refusal: Refusal | None
    leaving: tuple[int, ...]  # slots that are drained before they go
    moving: Sequence[str]  # markets without a slot
    rolled_out: bool
    overdue: bool
    was_flat: bool  # as the status said before
    warnings: tuple[str, ...] = ()  # of the accepted spec
    halts: tuple[HaltStatus, ...] = ()  # in force, also of slots that are gone
    awaited_resumes: frozenset[tuple[int, str]] = frozenset()  # by slot and halt: not confirmed by its runtime yet
    refused_resumes: frozenset[str] = frozenset()  # halts that the annotation names in vain
    waits: Mapping[int, bool] = field(default_factory=dict)  # halted slots that hold up a scaling: have they markets?
    trading_halts: frozenset[str] = frozenset()  # UIDs of those that are there and select the bot
    replacement: Replacement = field(default_factory=Replacement)  # of pods whose tokens are void
    withdrawals: Mapping[int, Withdrawal] = field(default_factory=dict)  # of the orders of slots that are lost
    paused: bool = False  # the operator applies nothing
    unpaused_by: str = ""  # the value of an annotation that would keep its hands off, and does not
    abandoned: bool = False  # its deletion would wait for nothing
    inputs: str = ""  # names the settings that take effect only at a start
    gate: Closed | None = None  # why the next restart waits although every slot is well
    drift: str = ""  # what this operator would make otherwise in the pods
    unread: tuple[Pod, ...] = ()  # that go on by configurations which this operator cannot read
    size: int | None = None  # slots of the StatefulSet as it is; None: there is none
    pods_refused: Trouble | None = None  # by admission: why a slot has no pod
    patience_s: float = 60.0  # with a runtime that does not answer


T = ConditionType


def spec_accepted(p: Picture) -> Observation:
    annotated = (ABANDONS,) if p.abandoned else ()
    if p.refusal:
        return no(T.SPEC_ACCEPTED, p.refusal.reason, "; ".join((p.refusal.message, *annotated)))
    warned = (f"warning: {line}" for line in (*annotated, *p.warnings))
    return yes(T.SPEC_ACCEPTED, Reason.VALID, "; ".join(("this spec is the one that is carried out", *warned)))


def available(p: Picture) -> Observation:
    if not p.slots and p.refusal:
        return no(T.AVAILABLE, Reason.SLOTS_UNAVAILABLE, "no slot runs: the spec is not accepted")
    if not p.slots:
        return yes(T.AVAILABLE, Reason.MINIMUM_SLOTS_READY, "no slot is asked for: spec.replicas is 0")
    down = [s for s in p.slots if not (s.report and s.report.ready)]
    if down:
        return no(T.AVAILABLE, Reason.SLOTS_UNAVAILABLE, f"not ready: {_names(down)}")
    return yes(T.AVAILABLE, Reason.MINIMUM_SLOTS_READY, "every slot is ready")


def _nothing_to_wait_for(_: Picture, now: Observation) -> Observation | None:
    if now.status is not ConditionStatus.TRUE:
        return None
    return no(T.STALLED, Reason.CONVERGED, "the bot is as its spec asks")


def _refused_for_good(p: Picture, _: Observation) -> Observation | None:
    return yes(T.STALLED, p.refusal.reason, p.refusal.message) if p.refusal else None


def _halted_for_good(_: Picture, now: Observation) -> Observation | None:
    if now.reason is not Reason.HALTED:
        return None
    what = "a halted slot does not trade again by itself: a person has to decide; see Halted and status.halts"
    return yes(T.STALLED, Reason.HALT_REQUIRES_MANUAL_RESET, what)


def _rejected(p: Picture, _: Observation) -> Observation | None:
    what = rejection(p)
    return yes(T.STALLED, Reason.REJECTED_BY_RUNTIME, what) if what else None


def _hopeless(p: Picture, now: Observation) -> Observation | None:
    found = any(s.pod and s.pod.trouble and s.pod.trouble.hopeless for s in in_trouble(p))
    return yes(T.STALLED, now.reason, now.message) if found else None


def _hindered_for_good(_: Picture, now: Observation) -> Observation | None:
    """What hinders a bot that is whole and up to date does not go away by waiting."""
    return yes(T.STALLED, now.reason, now.message) if now.reason in HINDERED else None


def _overdue(p: Picture, now: Observation) -> Observation | None:
    return overdue(now.message) if p.overdue else None


def overdue(what: str) -> Observation:
    return yes(T.STALLED, Reason.PROGRESS_DEADLINE_EXCEEDED, f"not within spec.rollout.progressDeadline: {what}")


STALLED_RULES: tuple[Callable[[Picture, Observation], Observation | None], ...] = (
    _nothing_to_wait_for, _refused_for_good, _halted_for_good, stuck, _rejected, _hopeless, _hindered_for_good,
    _overdue,
)  # fmt: skip


def stalled(p: Picture, ready_now: Observation) -> Observation:
    """No progress without a person."""
    for rule in STALLED_RULES:
        if observation := rule(p, ready_now):
            return observation
    return no(T.STALLED, Reason.PROGRESSING, "what Ready waits for may come by itself")


RECONCILING = {
    Reason.CONFIG_NOT_ACKNOWLEDGED: Reason.CONFIG_RELOADING,
}
MOVING = frozenset({Reason.ROLLOUT_IN_PROGRESS, Reason.CONFIG_NOT_ACKNOWLEDGED, Reason.DRAINING, Reason.SCALING,
                    Reason.SERVICE_ACCOUNT_REPLACED})  # fmt: skip


def reconciling(ready_now: Observation, stalled_now: Observation) -> Observation:
    if ready_now.status is ConditionStatus.TRUE:
        return no(T.RECONCILING, Reason.CONVERGED, stalled_now.message)
    if stalled_now.status is ConditionStatus.TRUE:
        return no(T.RECONCILING, stalled_now.reason, "waits for a person: see Stalled")
    if ready_now.reason in HELD_UP:
        return no(T.RECONCILING, ready_now.reason, ready_now.message)
    return yes(T.RECONCILING, RECONCILING.get(ready_now.reason, ready_now.reason), ready_now.message)


def reconciliation_paused(p: Picture) -> Observation:
    kind = T.RECONCILIATION_PAUSED
    if p.unpaused_by:
        what = f"annotation {names.RECONCILE}: {cut(p.unpaused_by, 60)!r} keeps nothing back; {names.DISABLED} does"
        return no(kind, Reason.ANNOTATION_NOT_UNDERSTOOD, what)
    if not p.paused:
        return no(kind, Reason.NOT_PAUSED, "the operator keeps the bot as its spec asks")
    what = f"annotation {names.RECONCILE}={names.DISABLED}: nothing is applied until it is taken away; halts go on"
    return yes(kind, Reason.ANNOTATION, what)


def observe(p: Picture, pods: Sequence[Pod]) -> tuple[Observation, ...]:
    """All conditions of a bot that is not being deleted."""
    now = ready(p)
    waits = stalled(p, now)
    return (now, reconciling(now, waits), waits, spec_accepted(p), available(p), progressing(p), config_applied(p),
            trading_enabled(p), halted(p), fenced(p), credentials_valid(p), reconciliation_paused(p),
            template_drift(p), flat(pods, len(p.slots), before=p.was_flat))  # fmt: skip


# What a slot says that still does what nobody wants of it any more.
DISOBEYS = {
    DesiredState.PAUSED: frozenset({TradingState.ACTIVE}),
    DesiredState.STOPPED: frozenset({TradingState.ACTIVE, TradingState.REDUCING}),
}


def _obeyed(p: Picture) -> bool:
    """Whether every slot does no more than it should, by its own word, whatever else it waits for."""
    beyond = DISOBEYS.get(p.desired_state, frozenset())
    return not any(slot.report and slot.report.state in beyond for slot in p.slots)


def phase(p: Picture, observations: Sequence[Observation], before: Phase) -> Phase:
    seen = {observation.type: observation for observation in observations}
    if seen[T.READY].reason is Reason.HALTED:
        return Phase.HALTED
    if seen[T.READY].reason in HINDERED:
        return Phase.DEGRADED
    if p.refusal and not p.slots:
        return Phase.INVALID
    if seen[T.AVAILABLE].status is ConditionStatus.TRUE:
        if not p.slots:
            return Phase.STOPPED
        live = {DesiredState.PAUSED: Phase.PAUSED, DesiredState.STOPPED: Phase.STOPPED}
        waits = seen[T.READY].reason in HELD_UP
        settled = seen[T.READY].status is ConditionStatus.TRUE or ((waits or p.refusal is not None) and _obeyed(p))
        return live.get(p.desired_state, Phase.RUNNING) if settled else Phase.PROGRESSING
    was_live = before in {Phase.RUNNING, Phase.PAUSED, Phase.DEGRADED}
    moving = seen[T.READY].reason in MOVING
    waits = seen[T.STALLED].status is ConditionStatus.TRUE
    return Phase.DEGRADED if waits or (was_live and not moving) else Phase.PROGRESSING
