"""A bot that was ready and is it no more is told about, once; so is that it trades again."""

from dataclasses import replace

from harness.bot_model import Cluster, bot
from tradingbot_operator.core.outcome import Outcome


def told(outcome: Outcome) -> list[tuple[str, bool]]:
    return [(event.reason, event.warning) for event in outcome.events]


def test_a_pod_that_is_gone_is_told_once_and_so_is_its_return() -> None:
    cluster = Cluster(bot())
    assert ("Provisioning", True) not in told(cluster.step()), "a bot that begins is no outage"
    cluster.settle()
    pod = cluster.pods[0]

    cluster.pods[0] = replace(pod, started=False, stream=replace(pod.stream, report=None, connected=False))
    assert told(cluster.step()) == [("Provisioning", True)]
    cluster.pods[0] = replace(cluster.pods[0], started=True)
    assert told(cluster.step()) == [], "what it goes through on its way back is in the conditions"

    cluster.pods[0] = pod
    assert told(cluster.step()) == [("Trading", False)]
