"""Every alert fires on what it is for and is silent beside it, by promtool; and what it links to is there."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.prometheus import ROOT
from harness.promql import TARGET, asked, exported
from harness.promtool import RULES, SECONDS, Series, asking, firing, gauge, judged, require

SLOT = 'namespace="trading", bot="maker", pod="maker-0"'
BOT = 'namespace="trading", bot="maker"'
MARKET = f'{SLOT}, market="btc"'


@dataclass(frozen=True)
class Case:
    """What an alert fires on, what it does not, and when that is looked at (minutes)."""

    fires: Series
    silent: tuple[Series, ...]
    at_min: int = 10
    count: int = 1


def condition(kind: str, status: str) -> Series:
    return gauge("tradingbot_condition", f'{BOT}, type="{kind}", status="{status}"', 1)


def used(limit: str, share: float) -> Series:
    return gauge("tradingbot_limit_used_ratio", f'{MARKET}, limit="{limit}"', share)


def quoting(there: float, *, expected: bool = True) -> Series:
    """For such a share of the time in which quotes are expected."""
    uptime = f'{MARKET}, sides="both", within_bps="100"'
    step = SECONDS if expected else 0
    return {
        f"tradingbot_quote_uptime_seconds_total{{{uptime}}}": f"0+{there * step}x1000",
        f"tradingbot_quote_observed_seconds_total{{{MARKET}}}": f"0+{step}x1000",
    }


def slots(desired: int, ready: int, state: str = "Running") -> Series:
    return (gauge("tradingbot_replicas", f'{BOT}, kind="desired"', desired)
            | gauge("tradingbot_replicas", f'{BOT}, kind="ready"', ready)
            | gauge("tradingbot_desired_state", f'{BOT}, state="{state}"', 1))  # fmt: skip


def age(of: str, seconds: float) -> Series:
    return gauge("tradingbot_feed_age_seconds", f'{SLOT}, feed="f", market="btc", source="{of}"', seconds)


def leaders(*values: int) -> Series:
    found: Series = {}
    for number, value in enumerate(values):
        of = f'namespace="system", name="tradingbot-operator", pod="op-{number}"'
        found |= gauge("leader_election_master_status", of, value)
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
        age("reference", 16), (age("reference", 15), age("venue", 3))),
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
        used("maxOrdersPerMinute", 0.95), (used("maxOrdersPerMinute", 0.9), used("maxPosition", 1))),
    "TradingBotCredentialsRefused": Case(
        gauge("tradingbot_venue_authenticated", VENUE, 0), (gauge("tradingbot_venue_authenticated", VENUE, 1), {})),
    "TradingBotQuotesMissing": Case(
        quoting(0.2), (quoting(0.4), quoting(0.0, expected=False), quoting(1.0)), at_min=70),
    "TradingBotQuotesOftenMissing": Case(
        quoting(0.65), (quoting(0.75), quoting(0.0, expected=False)), at_min=400),
    "TradingBotSlotDown": Case(
        gauge("up", f'job="tradingbot", {SLOT}', 0),
        (gauge("up", f'job="tradingbot", {SLOT}', 1), gauge("up", f'job="other", {SLOT}', 0))),
    "TradingBotNotReady": Case(
        slots(1, 0),
        (slots(2, 2), slots(0, 0), slots(1, 0, "Stopped"), slots(1, 0, "Paused"),
         slots(1, 0) | gauge("tradingbot_halted", f'{BOT}, reason="ManualHalt"', 1),
         slots(2, 1) | gauge("tradingbot_slots", f'{BOT}, state="VenueLocked"', 1),
         slots(1, 0) | {f'tradingbot_replicas{{{BOT}, kind="ready"}}': "0x9 1x1000"})),
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
        gauge("tradingbot_operator_canary_reconcile_age_seconds", 'namespace="a", pod="op-0"', 91)
        | gauge("tradingbot_operator_sweep_last_success_age_seconds", 'namespace="b", pod="op-1"', 601),
        (gauge("tradingbot_operator_canary_reconcile_age_seconds", 'pod="op-0"', 90)
         | gauge("tradingbot_operator_sweep_last_success_age_seconds", 'pod="op-1"', 600),), count=2),
    "TradingOperatorLeaderMissing": Case({}, (leaders(0, 1), leaders(1))),
    "TradingOperatorTwoLeaders": Case(leaders(1, 1), (leaders(1, 0), leaders(0, 0))),
    "TradingOperatorForbidden": Case(
        {'rest_client_requests_total{code="403", method="GET", kind="Pod"}': "0x5 1x1000"},
        ({'rest_client_requests_total{code="404", method="GET", kind="Pod"}': "0x5 1x1000"},
         {'rest_client_requests_total{code="403", method="GET", kind="Pod"}': "7x1000"}), at_min=11),
}  # fmt: skip
OTHER_WAYS = {
    "TradingBotSlotFenced": Case(gauge("tradingbot_lease_valid_seconds", SLOT, 0), ()),
    "TradingBotVenueUnreachable": Case(
        gauge("tradingbot_venue_reachable", VENUE, 0) | gauge("tradingbot_venue_reachable", f'{SLOT}, venue="b"', 0),
        (), count=2),
    "TradingBotHalted": Case(
        gauge("tradingbot_halts_held", f'{SLOT}, reason="RiskBreachMaxLoss"', 1)
        | gauge("tradingbot_state", f'{SLOT}, state="Halted"', 1)
        | gauge("tradingbot_halted", f'{BOT}, reason="RiskBreachMaxLoss"', 1) | gauge("tradingbot_info", BOT, 1),
        (gauge("tradingbot_state", f'{SLOT}, state="Halted"', 0),)),
    "TradingBotNotReady": Case(
        slots(3, 1) | gauge("tradingbot_slots", f'{BOT}, state="VenueLocked"', 1),
        (slots(3, 1) | gauge("tradingbot_slots", f'{BOT}, state="VenueLocked"', 2),)),
    "TradingBotJournalVolumeFilling": Case(
        volume("480-1x479"), (volume("480x1000"), volume("_x230 480-1x249")), at_min=130),
    "TradingOperatorLeaderMissing": Case(leaders(0, 0), ()),
    "TradingOperatorForbidden": Case(
        {'rest_client_requests_total{code="403", method="GET", kind="Pod"}': "_x5 1x1000"}, (), at_min=6),
}  # fmt: skip


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def test_every_alert_has_a_case() -> None:
    assert CASES.keys() == ALERTS.keys()
    assert all(case.fires != silent for case in CASES.values() for silent in case.silent)
    assert all(case.silent for case in CASES.values())


FIRES = [firing(alert, case.fires, case.at_min, case.count) for alert, case in (*CASES.items(), *OTHER_WAYS.items())]
SILENT = [
    firing(alert, series, case.at_min, 0)
    for alert, case in (*CASES.items(), *OTHER_WAYS.items())
    for series in case.silent
]


def test_each_fires_on_what_it_is_for_and_is_silent_beside_it(tmp_path: Path) -> None:
    require([*FIRES, *SILENT], tmp_path)


def test_without_its_rule_none_of_them_would_pass(tmp_path: Path) -> None:
    none = tmp_path / "none.yaml"
    none.write_text("groups: []")
    ended = judged(FIRES, tmp_path, none)
    assert ended.returncode != 0
    assert (ended.stdout + ended.stderr).count("alertstate=") == len(FIRES), "some check cannot fail"


def test_what_hides_alerts_and_is_hidden_has_every_label_that_must_be_equal(tmp_path: Path) -> None:
    """Alertmanager takes a label that both lack as equal: one halted bot would silence all others of its namespace."""
    sample = yaml.safe_load((ROOT / "manifests/monitoring/alertmanager.yml").read_text())
    tests = []
    for rule in sample["inhibit_rules"]:
        assert {"namespace", "bot"} <= set(rule["equal"])
        patterns = [matcher.partition(" ")[2].strip('=~ "') for side in ("source_matchers", "target_matchers")
                    for matcher in rule[side]]  # fmt: skip
        for alert in (name for name in ALERTS if any(re.fullmatch(pattern, name) for pattern in patterns)):
            having = ", ".join(f'{label}!=""' for label in rule["equal"])
            case, of = CASES[alert], f'alertname="{alert}", alertstate="firing", {having}'
            tests.append(asking(case.fires, f"count(ALERTS{{{of}}})", case.at_min, {"{}": case.count}))
    assert len(tests) > len(sample["inhibit_rules"])
    require(tests, tmp_path)


def test_what_a_person_reads(tmp_path: Path) -> None:
    """The words of two: labels and numbers stand where they belong."""
    halts = CASES["TradingBotHalted"].fires | gauge("tradingbot_halts_held", f'{SLOT}, reason="MaxLoss"', 1)
    halted = ALERTS["TradingBotHalted"]["annotations"] | {"summary": "trading/maker is halted: ManualHalt, MaxLoss"}
    near = ALERTS["TradingBotLossNearLimit"]["annotations"] | {
        "summary": "trading/maker-0, market btc has used 81% of maxDailyLoss"
    }
    labels = dict(re.findall(r'(\w+)="([^"]*)"', f'{MARKET}, limit="maxDailyLoss"'))
    tests = [
        {"interval": "30s",
         "input_series": [{"series": name, "values": values}
                          for name, values in (halts | used("maxDailyLoss", 0.81)).items()],
         "alert_rule_test": [
             {"eval_time": "5m", "alertname": "TradingBotHalted", "exp_alerts": [
                 {"exp_labels": {"severity": "critical", "namespace": "trading", "bot": "maker"},
                  "exp_annotations": halted}]},
             {"eval_time": "5m", "alertname": "TradingBotLossNearLimit", "exp_alerts": [
                 {"exp_labels": {"severity": "warning", **labels}, "exp_annotations": near}]}]}]  # fmt: skip

    require(tests, tmp_path)


def test_rules_ask_only_for_what_is_exported() -> None:
    """A metric that is renamed must not leave a rule behind that can never fire."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    labels = exported() | {name: TARGET | {"market", "type"} for name in recorded}
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
