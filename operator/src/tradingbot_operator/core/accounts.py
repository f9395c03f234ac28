"""Pods whose ServiceAccount was deleted and made anew: the API server refuses their tokens, so they lose their Leases.

A token names its account by uid, and the runtime reports the uid in the token that it uses: no pod is replaced whose
kubelet has brought a new token meanwhile. Only a pod that is older than the account can be meant: what the watch of
accounts has not told yet makes no pod wrong. One pod at a time, drained, is deleted; its StatefulSet makes the next.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, no, yes
from tradingbot_operator.core.observed import Manifest, Pod
from tradingbot_runtime.model.events import TradingState

if TYPE_CHECKING:  # status.py imports this
    from tradingbot_operator.core.status import Picture

DRAIN_FOR_REPLACEMENT = "the pod is replaced: its ServiceAccount was made anew"
DRAINING = "Draining"  # reason of a report after a Drain, whose message is the Drain's reason
REFUSED = "(API server: 401 "  # in the message of a runtime that waits for its Lease
# Without the Lease, or on the way to it: no order is sent, and what was in the market is withdrawn or not yet known.
WITHOUT_LEASE = frozenset({TradingState.FENCED, TradingState.STARTING})


@dataclass(frozen=True, slots=True)
class Replacement:
    """What is to be done about void tokens now; `of` are the pods that have one."""

    of: tuple[Pod, ...] = ()
    silent: tuple[Pod, ...] = ()  # older than the account, and nobody can ask them
    drain: Pod | None = None
    delete: Pod | None = None


def replacement(pods: Sequence[Pod], account: Manifest | None, serving: int) -> Replacement:
    """`account` is the bot's ServiceAccount as stored; None while there is none: it comes first."""
    served = [pod for pod in pods if pod.ordinal < serving and pod.started and not pod.terminating]
    silent = tuple(pod for pod in served if not pod.stream.connected and pod.created < _made(account))
    void = tuple(pod for pod in served if pod.stream.connected and _is_void(pod, account))
    others = [pod for pod in pods if pod.ordinal < serving and pod not in void]
    if not void or _is_on_its_way(pods, serving):
        return Replacement(void, silent)
    chosen = min(void, key=lambda pod: (not _may_go(pod), not _is_drained_for_it(pod), -pod.ordinal))
    if _may_go(chosen):
        return Replacement(void, silent, delete=chosen)
    if _is_drained_for_it(chosen) or not all(pod.stream.ready for pod in others):
        return Replacement(void, silent)  # one that trades still goes when the others do
    return Replacement(void, silent, drain=chosen)


def drained_for(pod: Pod) -> str:
    """The reason of the Drain that the pod has been told, by this operator or by the one before it; empty: none."""
    report = pod.stream.report
    said = report.message if report is not None and report.reason == DRAINING else ""
    return pod.stream.drain_reason or said


def _is_drained_for_it(pod: Pod) -> bool:
    return drained_for(pod) == DRAIN_FOR_REPLACEMENT


def _is_void(pod: Pod, account: Manifest | None) -> bool:
    if _is_drained_for_it(pod):  # and stays drained, also with a new token
        return True
    report = pod.stream.report
    if report is None or account is None:
        return False
    if report.account_uid:  # times have no fractions: also of the same second
        return report.account_uid != account["metadata"]["uid"] and pod.created <= _made(account)
    return REFUSED in report.message and pod.created < _made(account)  # an older runtime does not say whose token it is


def _made(account: Manifest | None) -> str:
    return str(account["metadata"].get("creationTimestamp", "")) if account else ""


def _is_on_its_way(pods: Collection[Pod], serving: int) -> bool:
    """A pod is ending, or is not there again yet."""
    return any(pod.terminating for pod in pods) or len({pod.ordinal for pod in pods if pod.ordinal < serving}) < serving


def _may_go(pod: Pod) -> bool:
    """Nothing of it is in the market, or it cannot do anything about it; SIGTERM cancels in any case."""
    report = pod.stream.report
    if report is not None and report.state in WITHOUT_LEASE:
        return True
    return _is_drained_for_it(pod) and pod.stream.drained


def replaced(p: "Picture") -> Observation | None:
    """For Ready: the same from the first pod to the last one, so that there is one Event."""
    if not p.replacement.of:
        return None
    what = ("the bot's ServiceAccount was deleted and made anew, so the tokens of older pods are void; one after the "
            "other is drained, then replaced")  # fmt: skip
    return no(ConditionType.READY, Reason.SERVICE_ACCOUNT_REPLACED, what)


def stuck(p: "Picture", _: Observation) -> Observation | None:
    """For Stalled: a pod that does not answer is not taken away, for it may have orders in the market."""
    found = [pod for pod in p.replacement.silent if pod.stream.lost_for_s > p.patience_s]
    if not found:
        return None
    what = ("older than the bot's ServiceAccount, so its token is void, and its runtime does not answer: it cannot be "
            f"asked whether orders are open. Look at the venue, then: kubectl delete pod {found[0].name}")  # fmt: skip
    return yes(ConditionType.STALLED, Reason.SERVICE_ACCOUNT_REPLACED, f"{_names(found)}: {what}")


def _names(pods: Sequence[Pod]) -> str:
    return ", ".join(pod.name for pod in pods)
