"""A spec that is refused: what was accepted before goes on, but never with more than the refused one asks for."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from harness.bot_model import KEYED, Cluster, bot, spec
from harness.live_risk import LIVE_RISK
from tradingbot_operator.api.v1alpha1 import Condition
from tradingbot_operator.core.children import Accepted
from tradingbot_operator.core.observed import StopOrder
from tradingbot_runtime.model.control import Halt
from tradingbot_runtime.model.events import TradingState

FOUR = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")


def asked(cluster: Cluster, **changes: Any) -> Cluster:  # noqa: ANN401 - fields of the spec
    """A spec that names a Venue which is not there, and `changes` with it."""
    wanted = spec(FOUR, replicas=changes.pop("replicas", 2), **changes)
    markets = [m.model_copy(update={"reference": m.reference.model_copy(update={"venue": "nowhere"})})
               for m in wanted.markets]  # fmt: skip
    cluster.respecify(wanted.model_copy(update={"markets": markets}))
    cluster.settle()
    return cluster


def settled() -> Cluster:
    cluster = Cluster(bot(spec(FOUR, replicas=2)))
    cluster.settle()
    return cluster


def said(cluster: Cluster, kind: str) -> Condition:
    return next(c for c in cluster.bot.status.conditions if c.type == kind)


def accepted(cluster: Cluster) -> Accepted:
    return Accepted.read(cluster.children[("ConfigMap", "maker-slots")]["data"]["accepted.json"])


def test_a_stop_and_a_tighter_limit_are_carried_out_although_the_rest_is_refused() -> None:
    cluster = asked(settled(), desiredState="Stopped", risk={"maxPosition": "0.5"})

    assert (said(cluster, "SpecAccepted").status, said(cluster, "SpecAccepted").reason) == (
        "False",
        "ReferenceNotFound",
    )
    for slot in range(2):
        config = cluster.config(slot)
        assert (config.desired_state, str(config.risk.max_position)) == ("Stopped", "0.5")
        assert config.markets[0].reference.venue == "venue", "the rest is what was accepted"


def test_what_was_asked_for_meanwhile_is_not_what_was_accepted() -> None:
    """Somebody who takes his stop back has what ran before, and nobody has to remember it."""
    cluster = asked(settled(), desiredState="Stopped", risk={"maxPosition": "0.5"})
    assert accepted(cluster).spec.desired_state == "Running"
    asked(cluster)

    assert cluster.config(0).desired_state == "Running"
    assert cluster.config(0).risk.max_position is None


def test_more_is_not_taken_of_a_spec_that_is_refused() -> None:
    cluster = Cluster(bot(spec(FOUR, replicas=2, desiredState="Paused", risk={"maxPosition": "0.5"})))
    cluster.settle()
    asked(cluster, desiredState="Running", risk={"maxPosition": "5"})

    assert (cluster.config(0).desired_state, str(cluster.config(0).risk.max_position)) == ("Paused", "0.5")


def test_a_bot_is_scaled_while_its_spec_is_refused() -> None:
    cluster = asked(settled(), replicas=0)
    assert cluster.pods == {}

    asked(cluster, replicas=3)
    assert sorted(cluster.pods) == [0, 1, 2]


def unreadable(cluster: Cluster) -> None:
    """As an older operator may have left it: what this version refuses in the spec, it refuses in what it remembers."""
    stored = cluster.children["ConfigMap", "maker-slots"]
    stored["data"] = {key: text.replace('"spreadBps":"', '"spreadBps":"-') for key, text in stored["data"].items()}
    cluster.bot = replace(cluster.bot, spec=None, problems=("spec.strategy.marketMaking.spreadBps: too small",))


@pytest.mark.parametrize("lost", [False, True])
def test_pods_of_which_no_spec_can_be_read_are_halted_all_the_same(lost: bool) -> None:  # noqa: FBT001 - a parameter
    cluster = Cluster(bot(spec(FOUR, replicas=2, mode="Live", risk=LIVE_RISK)), venues={"venue": KEYED})
    cluster.settle()
    unreadable(cluster)
    if lost:
        del cluster.children["ConfigMap", "maker-slots"]
    order = StopOrder("stop", "uid-of-stop", "prices are wrong", flatten=False, until_deleted=False, selected=True)
    cluster.observed = replace(cluster.observed, stop_orders=(order,))
    outcome = cluster.decide()
    cluster.bot = replace(cluster.bot, status=outcome.status)

    assert {order.pod for order in outcome.halts} == {"maker-0", "maker-1"}
    assert (outcome.apply, outcome.prune, outcome.commands) == ((), (), ())
    assert {halt.slot for halt in cluster.bot.status.halts} == {0, 1}
    assert said(cluster, "Halted").status == "True"
    assert "maker-0, maker-1 go on as they were started" in said(cluster, "SpecAccepted").message
    if not lost:
        assert outcome.holds == frozenset(f"venue/{symbol}" for symbol in FOUR), "nobody else may trade them"


def test_that_such_pods_trade_is_told_and_what_they_report_is_heard() -> None:
    cluster = settled()
    unreadable(cluster)
    cluster.step()
    assert (said(cluster, "TradingEnabled").status, said(cluster, "TradingEnabled").reason) == ("True", "Enabled")

    pod = cluster.pods[1]
    assert pod.stream.report
    broken = Halt(id="own-1", reason="RiskBreachMaxLoss", at_ns=1, message="lost 9", policy="CancelAll", by="")
    report = msgspec.structs.replace(pod.stream.report, halts=(broken,), state=TradingState.HALTED)
    cluster.pods[1] = replace(pod, stream=replace(pod.stream, report=report))
    cluster.step()
    assert (said(cluster, "Halted").status, said(cluster, "Halted").reason) == ("True", "RiskBreachMaxLoss")
