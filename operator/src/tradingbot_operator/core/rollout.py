"""A new pod template reaches one slot after the other, from the highest ordinal down, each drained before.

A pod that ends by SIGTERM cancels what it has in the market, and has seconds for it. Drained, it has done so before,
and with all the time that a venue takes to answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tradingbot_operator.core.accounts import WITHOUT_LEASE, drained_for
from tradingbot_operator.core.observed import Pod
from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.model.control import RESTART_REQUIRED, SlotReport
from tradingbot_runtime.model.events import TradingState

DRAIN_FOR_RESTART = "the pod is restarted with its new template"


@dataclass(frozen=True, slots=True)
class Rollout:
    """Slots with an ordinal >= `partition` get the update revision. `delete`: a pod that was drained for nothing."""

    partition: int
    drain: Pod | None = None
    delete: Pod | None = None
    draining: bool = False


def rollout(partition: int, replicas: int, update_revision: str, pods: Sequence[Pod], patience_s: float) -> Rollout:
    """The next step, where `partition` is today's and a pod may take `patience_s` to withdraw its orders."""
    wanted = next_partition(replicas, partition, update_revision, pods)
    partition = min(partition, replicas)
    following = next((pod for pod in pods if pod.ordinal == wanted < partition), None)
    if following is None or following.revision == update_revision or _may_end(following, patience_s):
        return Rollout(wanted, delete=_drained_for_nothing(pods, update_revision, patience_s))
    is_told = drained_for(following) == DRAIN_FOR_RESTART and following.stream.draining_for_s is not None
    return Rollout(partition, drain=None if is_told else following, draining=True)


def next_partition(replicas: int, partition: int, update_revision: str, pods: Sequence[Pod]) -> int:
    """The partition to write next, whoever has to be drained for it.

    It comes down by one when every slot at or above it runs the update revision and is up, so that a broken template
    stops at the first slot that it reaches. A pod below it that an eviction recreates keeps the old one.
    """
    partition = min(partition, replicas)
    if partition == 0:
        return 0
    updated = {
        pod.ordinal for pod in pods if pod.revision == update_revision and not pod.terminating and not lacks(pod)
    }
    return partition - 1 if updated.issuperset(range(partition, replicas)) else partition


def lacks(pod: Pod) -> str:
    """What a slot lacks so that the next one may follow it, in words; empty: nothing.

    One that is halted is never ready, and need not be: what is to be mended is often what it was halted for. It is up
    where it has proved as much as one that trades.
    """
    report = pod.stream.report
    if pod.stream.ready:
        return ""
    if report is None or not pod.stream.connected:
        return f"does not answer: {pod.stream.trouble}".removesuffix(": ")
    if report.state is not TradingState.HALTED:
        return f"is not ready ({report.reason}: {report.message})".replace(": )", ")")
    unproved = _unproved(pod, report)
    return f"is halted, and {unproved}" if unproved else ""


def _unproved(pod: Pod, report: SlotReport) -> str:
    """Of one that is halted. Its state says nothing of its start: kubelet's probe does (`servers` of the runtime)."""
    if not pod.ready:
        return "has not compared its orders with its venues yet"
    if away := [venue.venue for venue in report.venues if not venue.reachable]:
        return f"cannot be sure of its orders: venue {', '.join(away)} is away"
    left = [market.market for market in report.markets
            if market.open_orders or market.unknown_orders or market.live_orders_left]  # fmt: skip
    return f"orders in {', '.join(left)} are not proved closed" if left else ""


def _may_end(pod: Pod, patience_s: float) -> bool:
    """Nothing of it is in the market, or nobody can tell it to withdraw that, or it had its time."""
    stream = pod.stream
    if pod.terminating or not pod.started or not stream.connected or stream.report is None:
        return True
    if stream.report.state in WITHOUT_LEASE:
        return True
    return stream.draining_for_s is not None and (stream.drained or stream.draining_for_s > patience_s)


def _drained_for_nothing(pods: Sequence[Pod], update_revision: str, patience_s: float) -> Pod | None:
    """Its template is right, or right again because another was taken back: it stays drained until it is made anew."""
    return next((pod for pod in pods if pod.revision == update_revision and not pod.terminating
                 and drained_for(pod) == DRAIN_FOR_RESTART and _may_end(pod, patience_s)), None)  # fmt: skip


def cannot_take(pods: Sequence[Pod], slots: Mapping[int, SlotConfig]) -> Pod | None:
    """One whose process says that it cannot take its configuration while it runs.

    Its template is that of the configuration all the same: it started with another one, that came and went again before
    any pod was made for it.
    """
    refusing = (pod for pod in reversed(pods) if not pod.terminating and pod.stream.draining_for_s is None
                and pod.stream.connected and _wants_restart(pod, slots.get(pod.ordinal)))  # fmt: skip
    return next(refusing, None)


def _wants_restart(pod: Pod, config: SlotConfig | None) -> bool:
    answer, report = pod.stream.answer, pod.stream.report
    if answer is None or answer.outcome != RESTART_REQUIRED or report is None or config is None:
        return False
    return answer.config_hash == config.config_hash() != report.config_hash
