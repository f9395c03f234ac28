"""A new pod template reaches one slot after the other, from the highest ordinal down."""

from collections.abc import Sequence

from tradingbot_operator.core.observed import Pod


def next_partition(replicas: int, partition: int, update_revision: str, pods: Sequence[Pod]) -> int:
    """The partition to write now, where slots with an ordinal >= partition get the update revision.

    It comes down by one when every slot at or above it runs the update revision and is ready, so that a broken
    template stops at the first slot that it reaches. A pod below it that an eviction recreates keeps the old one.
    """
    partition = min(partition, replicas)
    if partition == 0:
        return 0
    updated = {pod.ordinal for pod in pods if pod.revision == update_revision and not pod.terminating and _ready(pod)}
    return partition - 1 if updated.issuperset(range(partition, replicas)) else partition


def _ready(pod: Pod) -> bool:
    """As the runtime says; kubelet's probe comes up to a second later."""
    report = pod.stream.report
    return pod.stream.connected and report is not None and report.ready
