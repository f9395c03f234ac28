"""Prometheus and Alertmanager in the local cluster, scraping its operator and its bots."""

import hashlib
import json
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import kubectl as k
import yaml

NAMESPACE = "tradingbot-monitoring"
SERVICE = "monitoring"
PROMETHEUS, ALERTMANAGER = 9090, 9093
ARCHIVE = k.ROOT / "dist/images/monitoring.tar"
MANIFEST = k.ROOT / "manifests/demo/monitoring.yaml"
RULES = k.ROOT / "manifests/monitoring/rules.yaml"
EVERY_S = 5
Bot = tuple[str, str]  # namespace, name
SILENT: Mapping[str, Any] = {"route": {"receiver": "page"}, "receivers": [{"name": "page"}]}  # shown, and sent nowhere


def load_image(say: Callable[[str], None] | None = None) -> None:
    """Build it, and load it into the cluster. Raises StepFailed."""
    k.script(str(k.ROOT / ".venv/bin/python"), str(k.ROOT / "hack/images/monitoring_image.py"), str(ARCHIVE))
    k.script(k.CLUSTER, "up", str(ARCHIVE), show=say)


def prometheus_configuration(bots: Iterable[Bot]) -> dict[str, Any]:
    """Each bot's headless Service names its pods: the same labels as manifests/monitoring gives."""
    parts = "__meta_dns_srv_record_target"  # POD.BOT.NAMESPACE.svc...
    names = [f"_http._tcp.{name}.{namespace}.svc.cluster.local" for namespace, name in bots]
    labels = [
        {"source_labels": [parts], "regex": r"([^.]+)\.([^.]+)\.([^.]+)\..*", "target_label": label, "replacement": of}
        for label, of in (("pod", "$1"), ("bot", "$2"), ("namespace", "$3"))
    ]
    operator = "operator-metrics.tradingbot-system.svc.cluster.local"
    return {
        "global": {"scrape_interval": f"{EVERY_S}s", "evaluation_interval": f"{EVERY_S}s"},
        "rule_files": ["/etc/prometheus/rules.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ALERTMANAGER}"]}]}]},
        "scrape_configs": [
            {"job_name": "tradingbot", "relabel_configs": labels,
             "dns_sd_configs": [{"names": names, "type": "SRV", "refresh_interval": "5s"}]},
            {"job_name": "tradingbot-operator", "honor_labels": True,
             "relabel_configs": [{"source_labels": ["__address__"], "target_label": "pod"},
                                 {"target_label": "namespace", "replacement": "tradingbot-system"}],
             "dns_sd_configs": [{"names": [operator], "type": "A", "port": 8080, "refresh_interval": "5s"}]},
        ],
    }  # fmt: skip


def install(bots: Iterable[Bot], alertmanager: Mapping[str, Any] = SILENT) -> None:
    """Apply all of it and wait until it is ready. Raises StepFailed."""
    files = {
        "prometheus.yml": yaml.safe_dump(prometheus_configuration(bots)),
        "rules.yaml": RULES.read_text(),
        "alertmanager.yml": yaml.safe_dump(dict(alertmanager)),
    }
    configuration = {"apiVersion": "v1", "kind": "ConfigMap", "data": files,
                     "metadata": {"name": "configuration", "namespace": NAMESPACE}}  # fmt: skip
    k.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(MANIFEST))
    k.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(configuration))
    marked = {"configuration": hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]}
    template = {"spec": {"template": {"metadata": {"annotations": marked}}}}  # another configuration, another pod
    k.kubectl("-n", NAMESPACE, "patch", f"deployment/{SERVICE}", "--type=merge", "-p", json.dumps(template))
    k.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{SERVICE}", "--timeout=120s")


def asked(path: str, parameters: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    """What Prometheus's API answers, through the API server. Raises StepFailed."""
    query = urllib.parse.urlencode(parameters)
    service = f"/api/v1/namespaces/{NAMESPACE}/services/{SERVICE}:{PROMETHEUS}/proxy"
    return json.loads(k.kubectl("get", "--raw", f"{service}/api/v1/{path}?{query}"))["data"]


def bots() -> list[Bot]:
    found = k.get("tradingbots", "--all-namespaces")["items"]
    return [(bot["metadata"]["namespace"], bot["metadata"]["name"]) for bot in found]
