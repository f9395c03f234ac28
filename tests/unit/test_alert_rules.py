"""Every alert fires on what it is for and is silent beside it, by promtool; and what it links to is there."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.prometheus import program
from harness.promql import TARGET, asked, exported

ROOT = Path(__file__).parents[2]
RULES = ROOT / "manifests/monitoring/rules.yaml"
SLOT = 'namespace="trading", bot="maker", pod="maker-0"'
BOT = 'namespace="trading", name="maker"'
MARKET = f'{SLOT}, market="btc"'
SECONDS = 30  # between samples
Series = dict[str, str]  # series -> values, in promtool's notation


@dataclass(frozen=True)
class Case:
    """What an alert fires on, what it does not, and when that is looked at (minutes)."""

    fires: Series
    silent: tuple[Series, ...]
    at_min: int = 10
    count: int = 1


def gauge(name: str, labels: str, value: float) -> Series:
    return {f"{name}{{{labels}}}": f"{value}x1000"}


def condition(kind: str, status: str) -> Series:
    return gauge("tradingbot_condition", f'{BOT}, type="{kind}", status="{status}"', 1)


def used(limit: str, share: float) -> Series:
    return gauge("tradingbot_limit_used_ratio", f'{MARKET}, limit="{limit}"', share)


def quoting(there: float, state: str = "Active") -> Series:
    """Seconds with quotes of thirty, at each sample."""
    uptime = f'{MARKET}, sides="both", within_bps="100"'
    return {
        f"tradingbot_quote_uptime_seconds_total{{{uptime}}}": f"0+{there * SECONDS}x1000",
        f"tradingbot_quote_observed_seconds_total{{{MARKET}}}": f"0+{SECONDS}x1000",
        f'tradingbot_state{{{SLOT}, state="{state}"}}': "1x1000",
    }


def leaders(*values: int) -> Series:
    found: Series = {}
    for number, value in enumerate(values):
        found |= gauge("leader_election_master_status", f'name="tradingbot-operator", pod="op-{number}"', value)
    return found


def volume(free: str) -> Series:
    return {f"tradingbot_journal_volume_free_bytes{{{SLOT}}}": free,
            f"tradingbot_journal_volume_bytes{{{SLOT}}}": "1000x1000"}  # fmt: skip


def generations(desired: int, observed: int) -> Series:
    return (gauge("tradingbot_config_generation", f'{BOT}, kind="desired"', desired)
            | gauge("tradingbot_config_generation", f'{BOT}, kind="observed"', observed))  # fmt: skip


VENUE = f'{SLOT}, venue="binance"'
CASES = {
    "TradingBotHalted": Case(
        gauge("tradingbot_halted", f'{BOT}, reason="ManualHalt"', 2),
        (gauge("tradingbot_halted", f'{BOT}, reason="ManualHalt"', 0), {}), at_min=0),
    "TradingBotSlotFenced": Case(
        gauge("tradingbot_state", f'{SLOT}, state="Fenced"', 1),
        (gauge("tradingbot_state", f'{SLOT}, state="Fenced"', 0) | gauge("tradingbot_lease_valid_seconds", SLOT, 9),)),
    "TradingBotVenueUnreachable": Case(
        gauge("tradingbot_venue_reachable", VENUE, 0),
        (gauge("tradingbot_venue_reachable", VENUE, 1), {f"tradingbot_venue_reachable{{{VENUE}}}": "1 0 1x1000"})),
    "TradingBotVenueLocked": Case(
        gauge("tradingbot_venue_locked", VENUE, 1),
        (gauge("tradingbot_venue_locked", VENUE, 0), {f"tradingbot_venue_locked{{{VENUE}}}": "1x5 0x1000"})),
    "TradingBotFeedStale": Case(
        gauge("tradingbot_feed_age_seconds", f'{SLOT}, feed="f"', 16),
        (gauge("tradingbot_feed_age_seconds", f'{SLOT}, feed="f"', 15),)),
    "TradingBotOrderUnknown": Case(
        gauge("tradingbot_unknown_order_age_seconds", MARKET, 31),
        (gauge("tradingbot_unknown_order_age_seconds", MARKET, 30),)),
    "TradingBotAccountMismatch": Case(
        gauge("tradingbot_account_mismatch_seconds", MARKET, 11),
        (gauge("tradingbot_account_mismatch_seconds", MARKET, 10),)),
    "TradingBotLossNearLimit": Case(
        used("maxDailyLoss", 0.81) | used("maxDrawdown", 0.9), (used("maxDailyLoss", 0.8), used("maxPosition", 1)),
        count=2),
    "TradingBotLimitNearlyUsed": Case(
        used("maxPosition", 0.95), (used("maxPosition", 0.9), used("maxDailyLoss", 0.95))),
    "TradingBotCredentialsRefused": Case(
        gauge("tradingbot_venue_authenticated", VENUE, 0), (gauge("tradingbot_venue_authenticated", VENUE, 1), {})),
    "TradingBotQuotesMissing": Case(
        quoting(0.2), (quoting(0.4), quoting(0.0, "Stopped"), quoting(1.0)), at_min=70),
    "TradingBotQuotesOftenMissing": Case(
        quoting(0.65), (quoting(0.75), quoting(0.0, "Drained")), at_min=400),
    "TradingBotSlotDown": Case(
        gauge("up", f'job="tradingbot", {SLOT}', 0),
        (gauge("up", f'job="tradingbot", {SLOT}', 1), gauge("up", f'job="other", {SLOT}', 0))),
    "TradingBotEventLoopLate": Case(
        gauge("tradingbot_loop_lag_seconds", SLOT, 0.3), (gauge("tradingbot_loop_lag_seconds", SLOT, 0.2),)),
    "TradingBotJournalVolumeFilling": Case(
        volume("140x1000"), (volume("160x1000"), volume("900-0.001x1000")), at_min=60),
    "TradingBotLogLinesDropped": Case(
        {f"tradingbot_log_lines_dropped_total{{{SLOT}}}": "0x5 7x1000"},
        ({f"tradingbot_log_lines_dropped_total{{{SLOT}}}": "7x1000"},)),
    "TradingBotStalled": Case(
        condition("Stalled", "True"), (condition("Stalled", "False"), condition("Ready", "True"))),
    "TradingBotFenced": Case(condition("Fenced", "True"), (condition("Fenced", "False"),)),
    "TradingBotSpecNotAccepted": Case(condition("SpecAccepted", "False"), (condition("SpecAccepted", "True"),)),
    "TradingBotConfigNotAcknowledged": Case(
        condition("ConfigApplied", "False"),
        (condition("ConfigApplied", "True"), condition("ConfigApplied", "Unknown"))),
    "TradingBotWithoutStatus": Case(generations(3, 2), (generations(3, 3),)),
    "TradingVenueCredentialsInvalid": Case(
        gauge("tradingbot_venue_condition", 'namespace="t", venue="v", type="CredentialsValid", status="False"', 1),
        (gauge("tradingbot_venue_condition", 'namespace="t", venue="v", type="CredentialsValid", status="True"', 1),)),
    "TradingVenueCredentialsExpiring": Case(
        gauge("tradingbot_venue_credentials_expiry_timestamp_seconds", 'namespace="t", venue="v"', 14 * 86_400),
        (gauge("tradingbot_venue_credentials_expiry_timestamp_seconds", 'namespace="t", venue="v"', 15 * 86_400),),
        at_min=30),
    "TradingBotCertificateExpiring": Case(
        gauge("tradingbot_control_certificate_expiry_timestamp_seconds", BOT, 14 * 86_400),
        (gauge("tradingbot_control_certificate_expiry_timestamp_seconds", BOT, 16 * 86_400),), at_min=90),
    "TradingOperatorNotReconciling": Case(
        gauge("tradingbot_operator_canary_reconcile_age_seconds", 'pod="op-0"', 91)
        | gauge("tradingbot_operator_sweep_last_success_age_seconds", 'pod="op-1"', 601),
        (gauge("tradingbot_operator_canary_reconcile_age_seconds", 'pod="op-0"', 90)
         | gauge("tradingbot_operator_sweep_last_success_age_seconds", 'pod="op-1"', 600),), count=2),
    "TradingOperatorLeaderMissing": Case({}, (leaders(0, 1), leaders(1))),
    "TradingOperatorTwoLeaders": Case(leaders(1, 1), (leaders(1, 0), leaders(0, 0))),
    "TradingOperatorForbidden": Case(
        {'rest_client_requests_total{code="403", method="GET", kind="Pod"}': "0x5 1x1000"},
        ({'rest_client_requests_total{code="404", method="GET", kind="Pod"}': "0x5 1x1000"},)),
}  # fmt: skip
OTHER_WAYS = {
    "TradingBotSlotFenced": Case(gauge("tradingbot_lease_valid_seconds", SLOT, 0), ()),
    "TradingBotVenueUnreachable": Case(
        gauge("tradingbot_venue_reachable", VENUE, 0) | gauge("tradingbot_venue_reachable", f'{SLOT}, venue="b"', 0),
        (), count=2),
    "TradingBotJournalVolumeFilling": Case(volume("480-1x479"), (volume("480x1000"),), at_min=60),
    "TradingOperatorLeaderMissing": Case(leaders(0, 0), ()),
}  # fmt: skip


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def test_every_alert_has_a_case() -> None:
    assert CASES.keys() == ALERTS.keys()
    assert all(case.fires != silent for case in CASES.values() for silent in case.silent)
    assert all(case.silent for case in CASES.values())


def firing(alert: str, series: Series, at_min: int, count: int) -> dict[str, Any]:
    """One test of promtool's: so many of `alert` fire then."""
    samples = [{"labels": "{}", "value": count}] if count else []
    expr = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})'
    return {
        "interval": f"{SECONDS}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": expr, "eval_time": f"{at_min}m", "exp_samples": samples}],
    }


def judged(tests: list[dict[str, Any]], folder: Path, rules: Path = RULES) -> subprocess.CompletedProcess[str]:
    path = folder / "tests.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": f"{SECONDS}s", "tests": tests}))
    command = (program("promtool"), "test", "rules", str(path))
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


FIRES = [firing(alert, case.fires, case.at_min, case.count) for alert, case in (*CASES.items(), *OTHER_WAYS.items())]
SILENT = [
    firing(alert, series, case.at_min, 0)
    for alert, case in (*CASES.items(), *OTHER_WAYS.items())
    for series in case.silent
]


def test_each_fires_on_what_it_is_for_and_is_silent_beside_it(tmp_path: Path) -> None:
    ended = judged([*FIRES, *SILENT], tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_without_its_rule_none_of_them_would_pass(tmp_path: Path) -> None:
    none = tmp_path / "none.yaml"
    none.write_text("groups: []")
    ended = judged(FIRES, tmp_path, none)
    assert ended.returncode != 0
    assert (ended.stdout + ended.stderr).count("alertstate=") == len(FIRES), "some check cannot fail"


def test_what_a_person_reads(tmp_path: Path) -> None:
    """The words of two: labels and numbers stand where they belong."""
    halted = ALERTS["TradingBotHalted"]["annotations"] | {"summary": "trading/maker is halted: ManualHalt"}
    near = ALERTS["TradingBotLossNearLimit"]["annotations"] | {
        "summary": "trading/maker-0, market btc has used 81% of maxDailyLoss"
    }
    labels = dict(re.findall(r'(\w+)="([^"]*)"', f'{MARKET}, limit="maxDailyLoss"'))
    tests = [
        {"interval": "30s",
         "input_series": [{"series": name, "values": values}
                          for name, values in (CASES["TradingBotHalted"].fires | used("maxDailyLoss", 0.81)).items()],
         "alert_rule_test": [
             {"eval_time": "5m", "alertname": "TradingBotHalted", "exp_alerts": [
                 {"exp_labels": {"severity": "critical", "namespace": "trading", "name": "maker",
                                 "reason": "ManualHalt"}, "exp_annotations": halted}]},
             {"eval_time": "5m", "alertname": "TradingBotLossNearLimit", "exp_alerts": [
                 {"exp_labels": {"severity": "warning", **labels}, "exp_annotations": near}]}]}]  # fmt: skip

    ended = judged(tests, tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_rules_ask_only_for_what_is_exported() -> None:
    """A metric that is renamed must not leave a rule behind that can never fire."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    labels = exported() | {name: TARGET | {"market"} for name in recorded}
    for rule in rules():
        for name, by in asked(rule["expr"]):
            assert name in labels, f"{rule.get('alert') or rule['record']}: {name}"
            assert by <= labels[name], f"{rule.get('alert') or rule['record']}: {name} has no {by - labels[name]}"


def test_every_link_leads_to_its_alert_and_every_document_is_there() -> None:
    text = (ROOT / "docs/reference/alerts.md").read_text()
    anchors = {line[4:].lower() for line in text.splitlines() if line.startswith("### ")}
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook_url"].partition("#")[2] in anchors, name
    for path in re.findall(r"\]\(([^)#]+)", text):
        assert (ROOT / "docs/reference" / path).exists(), path
