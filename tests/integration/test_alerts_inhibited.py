"""What the sample of Alertmanager's configuration hides, in a real Alertmanager that runs by it."""

from pathlib import Path

from harness.alertmanager import Alertmanager
from harness.prometheus import ROOT
from harness.simulator import until

SAMPLE = ROOT / "manifests/monitoring/alertmanager.yml"
Labels = dict[str, str]


def of_bot(alert: str, bot: str, **more: str) -> Labels:
    return {"alertname": alert, "namespace": "trading", "bot": bot, "severity": "critical", **more}


def of_slot(alert: str, pod: str, **more: str) -> Labels:
    return of_bot(alert, pod.rpartition("-")[0], pod=pod, instance=f"{pod}:8080", job="tradingbot", **more)


CAUSES = [of_bot("TradingBotHalted", "halted"), of_slot("TradingBotSlotDown", "down-0")]
HIDDEN = [
    of_bot("TradingBotStalled", "halted", type="Stalled"),
    of_bot("TradingBotQuotesMissing", "halted", market="btc"),
    of_bot("TradingBotQuotesOftenMissing", "down", market="btc"),
    of_bot("TradingBotNotReady", "down"),
    of_bot("TradingBotFeedStale", "down", pod="down-0", feed="binance/BTCUSDT"),
]
TOLD = [
    of_bot("TradingBotStalled", "well", type="Stalled"),
    of_bot("TradingBotQuotesMissing", "well", market="btc"),
    of_bot("TradingBotNotReady", "well"),
    of_bot("TradingBotFeedStale", "down", pod="down-1", feed="binance/BTCUSDT"),
    of_slot("TradingBotOrderUnknown", "halted-0", market="btc"),
    of_bot("TradingBotQuotesMissing", "halted", market="btc") | {"namespace": "other"},
]


def test_a_cause_hides_what_follows_from_it_at_its_own_bot_and_nothing_else(tmp_path: Path) -> None:
    with Alertmanager(tmp_path, SAMPLE) as running:
        running.tell([*CAUSES, *HIDDEN, *TOLD])

        def judged() -> bool:
            """Which alert is hidden is found out when its group is to be told."""
            by_state: dict[str, list[Labels]] = {"active": [], "suppressed": [], "unprocessed": []}
            for alert in running.known():
                by_state[alert["status"]["state"]].append(alert["labels"])
            assert not [labels for labels in by_state["suppressed"] if labels not in HIDDEN]
            assert not [labels for labels in by_state["active"] if labels in HIDDEN]
            return not by_state["unprocessed"] and len(by_state["suppressed"]) == len(HIDDEN)

        until(judged, "each alert is told or hidden", 20.0)
