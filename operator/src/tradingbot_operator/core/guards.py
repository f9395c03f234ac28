"""What protects a bot's pods from others: evictions come one at a time, connections from whom they are meant for."""

from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Bot, Installation, Manifest

OPERATOR_LABELS = {"app.kubernetes.io/name": names.FIELD_MANAGER}  # of its pods, as the manifests have them
NAMESPACE_NAME = "kubernetes.io/metadata.name"  # a label that every namespace has


def disruption_budget(bot: Bot) -> Manifest:
    """A drain of nodes takes one slot after the other, each with the time to withdraw its orders.

    A pod that does not run well holds no drain up: it has nothing to lose by it.
    """
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": names.labels(bot.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow"}  # fmt: skip
    return _object("policy/v1", "PodDisruptionBudget", bot.name, spec)


def network_policy(bot: Bot, installation: Installation) -> Manifest:
    """In: the control stream from the operator alone, metrics and probes from pods of the cluster. Out: everything."""
    operator = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: installation.namespace}},
                "podSelector": {"matchLabels": OPERATOR_LABELS}}  # fmt: skip
    spec = {
        "podSelector": {"matchLabels": names.labels(bot.name)},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [operator], "ports": [_port(installation.control_port)]},
            {"from": [{"namespaceSelector": {}}], "ports": [_port(installation.http_port)]},
        ],
    }
    return _object("networking.k8s.io/v1", "NetworkPolicy", bot.name, spec)


def _port(number: int) -> Manifest:
    return {"protocol": "TCP", "port": number}


def _object(api_version: str, kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}
