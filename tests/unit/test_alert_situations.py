"""Alerts in situations that take a while, or in which more than one bot, slot or operator has a part."""

from pathlib import Path

import pytest

from harness.promtool import SECONDS, Series, asking, firing, require

BOT = 'namespace="trading", bot="maker"'
SLOT = f'{BOT}, pod="maker-0"'
EACH_MIN = 60 // SECONDS  # samples
NOTHING: dict[str, float] = {}


def leads(namespace: str, values: str) -> Series:
    of = f'name="tradingbot-operator", job="tradingbot-operator", namespace="{namespace}", pod="{namespace}-0"'
    return {f"leader_election_master_status{{{of}}}": values}


def since(alert: str) -> str:
    """Of each alert that is there: how often it began anew within ten minutes."""
    return f'sum by (alertname) (changes(ALERTS_FOR_STATE{{alertname="{alert}"}}[10m]))'


def told_by(operator: str, values: str, condition: str = 'type="Stalled", status="True"') -> Series:
    of = f'{BOT}, job="tradingbot-operator"'
    return {f'tradingbot_info{{{of}, instance="{operator}"}}': values,
            f'tradingbot_condition{{{of}, instance="{operator}", {condition}}}': values}  # fmt: skip


def test_installations_beside_each_other_have_a_leader_each(tmp_path: Path) -> None:
    both = leads("team-a", "1x1000") | leads("team-b", "1x1000")
    one_is_dead = leads("team-a", "1x1000") | leads("team-b", "0x1000")
    one_is_gone = leads("team-a", "1x1000") | leads("team-b", "1x10 stale")
    missing = 'count by (namespace) (ALERTS{alertname="TradingOperatorLeaderMissing", alertstate="firing"})'
    require([
        firing("TradingOperatorTwoLeaders", both, 10, 0),
        firing("TradingOperatorLeaderMissing", both, 10, 0),
        *(asking(series, missing, minutes, {'{namespace="team-b"}': 1})
          for series in (one_is_dead, one_is_gone) for minutes in (10, 60, 200)),
    ], tmp_path)  # fmt: skip


def test_where_none_was_ever_seen_that_is_told_too(tmp_path: Path) -> None:
    require([firing("TradingOperatorLeaderMissing", {}, 2, 1)], tmp_path)


BY_RUNTIME = {f'tradingbot_halts_held{{{SLOT}, reason="RiskBreachMaxLoss"}}': "1x1000",
              f'tradingbot_state{{{SLOT}, state="Halted"}}': "1x1000"}  # fmt: skip
BY_OPERATOR = 'tradingbot_halted{namespace="trading", bot="maker", reason="RiskBreachMaxLoss", instance="op"}'
HALTS: dict[str, Series] = {
    "the operator is away": BY_RUNTIME,
    "it was away for a while": BY_RUNTIME | {BY_OPERATOR: "1x8 _x20 1x1000"},
    "no pod is scraped": {BY_OPERATOR: "1x1000"},
    "the one and then the other": {BY_OPERATOR: "_x15 1x1000", **dict.fromkeys(BY_RUNTIME, "1x15 stale")},
}


@pytest.mark.parametrize("series", HALTS.values(), ids=HALTS)
def test_a_halt_pages_once_whoever_tells_of_it(tmp_path: Path, series: Series) -> None:
    alert = "TradingBotHalted"
    minutes = (1, 5, 6, 7, 8, 9, 10, 14, 15, 16)
    require([*(firing(alert, series, at, 1) for at in minutes),
             asking(series, since(alert), 20, {f'{{alertname="{alert}"}}': 0})], tmp_path)  # fmt: skip


def test_a_change_of_the_leader_neither_resolves_what_holds_nor_begins_it_anew(tmp_path: Path) -> None:
    """One is killed after five minutes; a minute and a half later the other one is scraped."""
    changed = told_by("a", "1x10 stale") | told_by("b", "_x13 1x1000")
    soon = told_by("a", "1x1 stale") | told_by("b", "_x3 1x1000")
    require([
        *(firing("TradingBotStalled", changed, at, 1) for at in (4, 5, 5.5, 6, 6.5, 7, 8)),
        asking(changed, since("TradingBotStalled"), 12, {'{alertname="TradingBotStalled"}': 0}),
        firing("TradingBotStalled", soon, 1, 1),
    ], tmp_path)  # fmt: skip


def test_what_is_mended_is_taken_back_at_once_while_the_operator_is_there(tmp_path: Path) -> None:
    mended = told_by("a", "1x1000") | {
        f'tradingbot_condition{{{BOT}, job="tradingbot-operator", instance="a", type="Stalled", status="True"}}':
        "1x10 stale",
    }  # fmt: skip
    require([firing("TradingBotStalled", mended, 5, 1), firing("TradingBotStalled", mended, 5.5, 0)], tmp_path)


def test_an_operator_that_is_away_for_long_says_nothing_any_more(tmp_path: Path) -> None:
    gone = told_by("a", "1x10 stale")
    require([firing("TradingBotStalled", gone, 6, 1), firing("TradingBotStalled", gone, 8, 0)], tmp_path)


def test_a_pod_that_waits_for_its_node_or_image_is_told_of(tmp_path: Path) -> None:
    pending: Series = {
        f'tradingbot_replicas{{{BOT}, kind="desired"}}': "1x1000",
        f'tradingbot_replicas{{{BOT}, kind="ready"}}': "0x1000",
        f'tradingbot_desired_state{{{BOT}, state="Running"}}': "1x1000",
        f'tradingbot_condition{{{BOT}, type="Ready", status="False"}}': "1x1000",
        f'tradingbot_slots{{{BOT}, state="Unknown"}}': "1x1000",
    }
    require([firing("TradingBotNotReady", pending, 4, 0), firing("TradingBotNotReady", pending, 6, 1),
             firing("TradingBotNotReady", pending, 60, 1)], tmp_path)  # fmt: skip


def quotes(pod: str, uptime: str, observed: str) -> Series:
    of = f'{BOT}, pod="{pod}", market="{pod}"'
    return {f'tradingbot_quote_uptime_seconds_total{{{of}, sides="both", within_bps="100"}}': uptime,
            f"tradingbot_quote_observed_seconds_total{{{of}}}": observed}  # fmt: skip


def test_a_slot_that_is_to_be_quiet_hides_no_market_of_another_one(tmp_path: Path) -> None:
    series = quotes("maker-0", "0x1000", f"0+{SECONDS}x1000") | quotes("maker-1", "50x1000", "50x1000") | {
        f'tradingbot_state{{{BOT}, pod="maker-1", state="Drained"}}': "1x1000"}  # fmt: skip
    expr = 'count by (market) (ALERTS{alertname="TradingBotQuotesMissing", alertstate="firing"})'
    require([asking(series, expr, 80, {'{market="maker-0"}': 1})], tmp_path)


def test_after_a_resume_the_time_before_it_is_nobodys_debt(tmp_path: Path) -> None:
    """Stopped for 400 minutes, and there are all quotes from then on; or none at all."""
    stopped = 400 * EACH_MIN
    perfect = quotes("maker-0", f"0x{stopped} 0+{SECONDS}x300", f"0x{stopped} 0+{SECONDS}x300")
    absent = quotes("maker-0", "0x2000", f"0x{stopped} 0+{SECONDS}x300")
    alerts, minutes = ("TradingBotQuotesMissing", "TradingBotQuotesOftenMissing"), (401, 405, 410, 417, 430)
    require([*(firing(alert, perfect, at, 0) for alert in alerts for at in minutes),
             *(firing(alert, absent, 430, 1) for alert in alerts)], tmp_path)  # fmt: skip


def test_nothing_is_foretold_of_a_volume_by_the_first_samples_of_a_pod(tmp_path: Path) -> None:
    fresh = {f"tradingbot_journal_volume_free_bytes{{{SLOT}}}": "480-1x400",
             f"tradingbot_journal_volume_bytes{{{SLOT}}}": "1000x1000"}  # fmt: skip
    require([asking(fresh, 'ALERTS{alertname="TradingBotJournalVolumeFilling"}', at, NOTHING) for at in (1, 10, 60)],
            tmp_path)  # fmt: skip


FORBIDDEN = 'rest_client_requests_total{code="403", method="GET", kind="Pod", namespace="system", pod="a"}'
FIRST_REFUSALS = {"the series begins with it": "_x10 1x1000", "and is counted from 0": "0x10 1x1000"}


@pytest.mark.parametrize("values", FIRST_REFUSALS.values(), ids=FIRST_REFUSALS)
def test_the_first_refusal_is_told_of_and_is_over_after_a_while(tmp_path: Path, values: str) -> None:
    require([firing("TradingOperatorForbidden", {FORBIDDEN: values}, 7, 1),
             firing("TradingOperatorForbidden", {FORBIDDEN: values}, 30, 0)], tmp_path)  # fmt: skip


def test_a_feed_that_a_new_connection_makes_look_young_is_stale_by_what_is_known(tmp_path: Path) -> None:
    def known(source: str, values: str) -> Series:
        return {f'tradingbot_feed_age_seconds{{{SLOT}, market="btc", source="{source}", feed="v/{source}"}}': values}

    series = known("reference", f"0+{SECONDS}x100") | known("venue", "0.2x100")
    require([firing("TradingBotFeedStale", series, 3, 1)], tmp_path)
