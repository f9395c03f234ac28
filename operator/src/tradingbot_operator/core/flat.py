"""Whether orders are open: only the runtimes can say so, and only as long as they do."""

from collections.abc import Iterable, Sequence

from tradingbot_operator.api.v1alpha1 import Condition, ConditionStatus
from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, no, unknown, yes
from tradingbot_operator.core.observed import QUIET, Pod

T = ConditionType


def was_flat(conditions: Iterable[Condition]) -> bool:
    return any(c.type == T.FLAT and c.status is ConditionStatus.TRUE for c in conditions)


def flat(pods: Sequence[Pod], slots: int, *, before: bool) -> Observation:
    """Over all pods, those that leave included. A slot that may quote any moment is not flat between two quotes.

    `before` is what the status said: it holds for pods that were removed since.
    """
    if not pods and not slots:
        return _flat_without_pods(before=before)
    silent = [pod.unheard for pod in pods if not (pod.stream.report and pod.stream.connected)]
    if silent or len(pods) < slots:
        who = ", ".join(silent) or "a slot without a pod"
        return unknown(T.FLAT, Reason.NOT_REPORTED, f"no answer from {who}: orders may be open")
    quoting = [pod.name for pod in pods
               if pod.stream.report and pod.stream.report.state not in QUIET and pod.stream.report.markets]  # fmt: skip
    if quoting:
        return no(T.FLAT, Reason.OPEN_ORDERS, f"orders of {', '.join(quoting)} are open, or may be at any moment")
    if left := [pod.name for pod in pods if pod.stream.open_orders]:
        return no(T.FLAT, Reason.OPEN_ORDERS, f"orders of {', '.join(left)} are open; a position alone would not count")
    return yes(T.FLAT, Reason.NO_OPEN_ORDERS, "no order is open, as every slot confirmed; positions do not count")


def _flat_without_pods(*, before: bool) -> Observation:
    if before:
        return yes(T.FLAT, Reason.NO_OPEN_ORDERS, "no pod is left; the last ones had confirmed that no order is open")
    return unknown(T.FLAT, Reason.NOT_REPORTED, "there is no pod that could say whether orders are open")
