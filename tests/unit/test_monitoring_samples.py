"""The configurations that people start from: Prometheus and Alertmanager take them, and their labels agree."""

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from harness.prometheus import program

MONITORING = Path(__file__).parents[2] / "manifests/monitoring"
ALERTS = {
    rule["alert"]
    for group in yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def taken(*command: str) -> None:
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def jobs() -> dict[str, dict[str, Any]]:
    configuration = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    return {job["job_name"]: job for job in configuration["scrape_configs"]}


def test_alertmanager_takes_its_sample_as_it_is() -> None:
    taken(program("amtool"), "check-config", str(MONITORING / "alertmanager.yml"))


def test_alertmanager_takes_what_is_commented_out_in_its_sample(tmp_path: Path) -> None:
    """Debian's is older than `bot_token_file`."""
    text = (MONITORING / "alertmanager.yml").read_text()
    sample, lines = re.subn(r"^    # (telegram_configs:|  .*)$", r"    \1", text, flags=re.MULTILINE)
    assert lines == sample.count("\n    telegram_configs:") + 7
    path = tmp_path / "alertmanager.yml"
    path.write_text(re.sub(r"bot_token_file: .*", "bot_token: made-up", sample))
    taken(program("amtool"), "check-config", str(path))


def test_no_secret_is_a_value_in_the_sample() -> None:
    text = (MONITORING / "alertmanager.yml").read_text()
    for word in ("password", "token", "api_url"):
        assert all(f"{word}_file" in line for line in text.splitlines() if re.match(rf"\s*\S*{word}\S*:", line)), word


def test_what_hides_alerts_names_alerts_that_there_are() -> None:
    sample = yaml.safe_load((MONITORING / "alertmanager.yml").read_text())
    asked = [matcher for rule in sample["inhibit_rules"] for side in ("source_matchers", "target_matchers")
             for matcher in rule[side]]  # fmt: skip
    for matcher in asked:
        pattern = re.fullmatch(r'alertname =~? "?([^"]+)"?', matcher)
        assert pattern, matcher
        assert all(any(re.fullmatch(one, alert) for alert in ALERTS) for one in pattern[1].split("|")), matcher


def test_prometheus_takes_its_sample(tmp_path: Path) -> None:
    """Debian's is built without Kubernetes' service discovery: targets stand in for it, and the rest is checked."""
    sample = (MONITORING / "prometheus.yml").read_text()
    sample = sample.replace("kubernetes_sd_configs: [{role: pod}]", "static_configs: [{targets: ['127.0.0.1:8080']}]")
    path = tmp_path / "prometheus.yml"
    path.write_text(sample.replace("/etc/prometheus/rules.yaml", str(MONITORING / "rules.yaml")))
    taken(program("promtool"), "check", "config", str(path))


def test_both_ways_of_scraping_give_the_labels_that_the_alerts_ask_for() -> None:
    monitors = {
        m["metadata"]["name"]: m["spec"] for m in yaml.safe_load_all((MONITORING / "pod-monitors.yaml").read_text())
    }
    assert monitors.keys() == jobs().keys()
    for name, monitor in monitors.items():
        (endpoint,) = monitor["podMetricsEndpoints"]
        labels = {relabeling["targetLabel"]: relabeling for relabeling in endpoint["relabelings"]}
        assert labels.pop("job")["replacement"] == name
        kept = {c["action"]: c["regex"] for c in jobs()[name]["relabel_configs"] if "phase" in c["source_labels"][0]}
        # What the Prometheus Operator does by itself (filterRunning): a pod that waits for its image is a target.
        assert kept == ({"drop": "Failed|Succeeded"} if name == "tradingbot" else {})
        own = {c["target_label"]: c["source_labels"] for c in jobs()[name]["relabel_configs"] if "target_label" in c}
        for label, relabeling in labels.items():
            assert own[label] == relabeling["sourceLabels"]
        assert own.keys() - labels.keys() == {"namespace", "pod"}, "those the Prometheus Operator gives by itself"
        assert jobs()[name].get("honor_labels", False) == endpoint.get("honorLabels", False)
