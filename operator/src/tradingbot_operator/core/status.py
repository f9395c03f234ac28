"""From slots and what they report to conditions: ordered rules, the first that speaks wins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tradingbot_operator.api.v1alpha1 import ConditionStatus, HaltStatus, Phase
from tradingbot_operator.core import names
from tradingbot_operator.core.accounts import Replacement, replaced, stuck
from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, no, yes
from tradingbot_operator.core.configuration_status import config_applied, progressing, rejection, rolling
from tradingbot_operator.core.credentials import credentials_valid
from tradingbot_operator.core.flat import flat
from tradingbot_operator.core.halted import halted
from tradingbot_operator.core.observed import Pod
from tradingbot_operator.core.trading import HINDERED, fenced, hindered, trading_enabled
from tradingbot_operator.core.trading import slot_names as _names
from tradingbot_operator.core.validation import Refusal
from tradingbot_runtime.config import DesiredState, SlotConfig
from tradingbot_runtime.model.control import SlotReport
from tradingbot_runtime.model.events import TradingState

ENDS = "Terminating"  # reason of a report


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
        return self.pod.stream.report if self.pod and self.pod.stream.connected else None


@dataclass(frozen=True, slots=True)
class Picture:
    """The bot, for the rules below."""

    slots: tuple[SlotPicture, ...]
    desired_state: DesiredState
    refusal: Refusal | None
    leaving: bool
    moving: Sequence[str]  # markets without a slot
    rolled_out: bool
    overdue: bool
    was_flat: bool  # as the status said before
    warnings: tuple[str, ...] = ()  # of the accepted spec
    halts: tuple[HaltStatus, ...] = ()  # in force in these slots
    replacement: Replacement = field(default_factory=Replacement)  # of pods whose tokens are void
    paused: bool = False  # the operator applies nothing
    patience_s: float = 60.0  # with a runtime that does not answer


Rule = Callable[[Picture], Observation | None]
T = ConditionType


def _refused(p: Picture) -> Observation | None:
    return no(T.READY, p.refusal.reason, p.refusal.message) if p.refusal else None


def _halted(p: Picture) -> Observation | None:
    found = halted(p)
    return no(T.READY, Reason.HALTED, found.message) if found.status is ConditionStatus.TRUE else None


def _in_trouble(p: Picture) -> Sequence[SlotPicture]:
    """Slots whose runtime does not get through its start; one that trades again has left its last end behind.

    One that says that it ends, again, is no better: the conditions would change with every restart of kubelet's.
    """
    return [s for s in p.slots if s.pod and s.pod.trouble
            and (s.report is None or s.report.state is TradingState.STARTING or s.report.reason == ENDS)]  # fmt: skip


def _troubled(p: Picture) -> Observation | None:
    """The trouble that only a person ends goes first."""
    found = sorted(_in_trouble(p), key=lambda s: not (s.pod and s.pod.trouble and s.pod.trouble.hopeless))
    first = found[0].pod.trouble if found and found[0].pod else None
    if first is None:
        return None
    alike = [s for s in found if s.pod and s.pod.trouble == first]
    return no(T.READY, first.reason, f"{_names(alike)}: {first.message}")


def _provisioning(p: Picture) -> Observation | None:
    absent = [s for s in p.slots if s.pod is None]
    if absent:
        where = "the pod is not there yet; Events of the StatefulSet say what is in its way"
        return no(T.READY, Reason.PROVISIONING, f"{_names(absent)}: {where}")
    starting = [s for s in p.slots if s.pod and not s.pod.started]
    if not starting:
        return None
    where = "the pod has not started yet; Events of the pod say what is in its way"
    return no(T.READY, Reason.PROVISIONING, f"{_names(starting)}: {where}")


def _unreachable(p: Picture) -> Observation | None:
    silent = [s for s in p.slots if s.report is None]
    if not silent:
        return None
    what = "the pod runs, but its runtime does not answer the operator; it may go on trading within its limits"
    why = next((f": {s.pod.stream.trouble}" for s in silent if s.pod and s.pod.stream.trouble), "")
    return no(T.READY, Reason.RUNTIME_UNREACHABLE, f"{_names(silent)}: {what}{why}")


def _fenced(p: Picture) -> Observation | None:
    fenced = [s for s in p.slots if s.report and s.report.state is TradingState.FENCED]
    return no(T.READY, Reason.LEASE_NOT_HELD, f"{_names(fenced)}: {_reported(fenced[0])}") if fenced else None


def _rolling(p: Picture) -> Observation | None:
    what = rolling(p)
    return no(T.READY, Reason.ROLLOUT_IN_PROGRESS, what) if what else None


def _unacknowledged(p: Picture) -> Observation | None:
    behind = [s for s in p.slots if s.report and s.report.config_hash != s.config_hash]
    if not behind:
        return None
    answers = [s.pod.stream.answer for s in behind if s.pod and s.pod.stream.answer]
    said = "".join(f"; the answer to the new one: {a.outcome} {a.message}".rstrip() for a in answers[:1])
    return no(T.READY, Reason.CONFIG_NOT_ACKNOWLEDGED, f"{_names(behind)}: still on an older configuration{said}")


def _not_ready(p: Picture) -> Observation | None:
    waiting = [s for s in p.slots if s.report and not s.report.ready]
    return no(T.READY, Reason.PODS_NOT_READY, f"{_names(waiting)}: {_reported(waiting[0])}") if waiting else None


def _handing_over(p: Picture) -> Observation | None:
    if p.leaving:
        return no(T.READY, Reason.DRAINING, "slots are being drained before they are removed")
    if p.slots and p.moving:
        return no(T.READY, Reason.SCALING, f"on the way to another slot: {', '.join(p.moving)}")
    return None


def _hindered(p: Picture) -> Observation | None:
    found = hindered(p.slots)
    return no(T.READY, *found) if found else None


READY_RULES: tuple[Rule, ...] = (
    _refused, _halted, replaced, _troubled, _provisioning, _unreachable, _fenced, _rolling, _unacknowledged, _not_ready,
    _handing_over, _hindered,
)  # fmt: skip
LIVE = {
    DesiredState.RUNNING: (Reason.TRADING, "every slot with a market trades"),
    DesiredState.PAUSED: (Reason.PAUSED_AS_REQUESTED, "only orders that reduce the position"),
    DesiredState.STOPPED: (Reason.STOPPED_AS_REQUESTED, "no orders, as the spec asks"),
}


def ready(p: Picture) -> Observation:
    for rule in READY_RULES:
        if observation := rule(p):
            return observation
    if not p.slots:
        return yes(T.READY, Reason.STOPPED_AS_REQUESTED, "no slot runs: spec.replicas is 0")
    reason, message = LIVE[p.desired_state]
    idle = [s for s in p.slots if not s.config.markets]
    return yes(T.READY, reason, f"{message}; no market for {_names(idle)}" if idle else message)


def _reported(slot: SlotPicture) -> str:
    report = slot.report
    return f"{report.reason}: {report.message}".strip(": ") if report else ""


def spec_accepted(p: Picture) -> Observation:
    if p.refusal:
        return no(T.SPEC_ACCEPTED, p.refusal.reason, p.refusal.message)
    warned = (f"warning: {line}" for line in p.warnings)
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
    found = any(s.pod and s.pod.trouble and s.pod.trouble.hopeless for s in _in_trouble(p))
    return yes(T.STALLED, now.reason, now.message) if found else None


def _hindered_for_good(_: Picture, now: Observation) -> Observation | None:
    """What hinders a bot that is whole and up to date does not go away by waiting."""
    return yes(T.STALLED, now.reason, now.message) if now.reason in HINDERED else None


def _overdue(p: Picture, now: Observation) -> Observation | None:
    if not p.overdue:
        return None
    what = f"not within spec.rollout.progressDeadline: {now.message}"
    return yes(T.STALLED, Reason.PROGRESS_DEADLINE_EXCEEDED, what)


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
    return yes(T.RECONCILING, RECONCILING.get(ready_now.reason, ready_now.reason), ready_now.message)


def reconciliation_paused(p: Picture) -> Observation:
    kind = T.RECONCILIATION_PAUSED
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
            flat(pods, len(p.slots), before=p.was_flat))  # fmt: skip


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
        settled = seen[T.READY].status is ConditionStatus.TRUE or p.refusal is not None
        return live.get(p.desired_state, Phase.RUNNING) if settled else Phase.PROGRESSING
    was_live = before in {Phase.RUNNING, Phase.PAUSED, Phase.DEGRADED}
    moving = seen[T.READY].reason in MOVING
    waits = seen[T.STALLED].status is ConditionStatus.TRUE
    return Phase.DEGRADED if waits or (was_live and not moving) else Phase.PROGRESSING
