"""What protects a bot's pods from others: evictions come one at a time, connections from whom they are meant for."""

from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Bot, Installation, Manifest

OPERATOR_LABELS = {"app.kubernetes.io/name": names.FIELD_MANAGER}  # of its pods, as the manifests have them
NAMESPACE_NAME = "kubernetes.io/metadata.name"  # a label that every namespace has


def disruption_budget(bot: Bot) -> Manifest:
    """Spec. A drain of nodes takes one slot after the other, each with the time to withdraw its orders.

    A pod that does not run well holds no drain up: it has nothing to lose by it.
    """
    return {"maxUnavailable": 1, "selector": {"matchLabels": names.labels(bot.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow"}  # fmt: skip


def network_policy(bot: Bot, installation: Installation) -> Manifest:
    """Spec. In: the control stream from the operator, metrics and probes from pods of the cluster. Out: everything."""
    operator = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: installation.namespace}},
                "podSelector": {"matchLabels": OPERATOR_LABELS}}  # fmt: skip
    return {
        "podSelector": {"matchLabels": names.labels(bot.name)},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [operator], "ports": [_port(installation.control_port)]},
            {"from": [{"namespaceSelector": {}}], "ports": [_port(installation.http_port)]},
        ],
    }


def _port(number: int) -> Manifest:
    return {"protocol": "TCP", "port": number}
