"""A spec that is refused: what was accepted before goes on, but never with more than the refused one asks for."""

from typing import Any

from harness.bot_model import Cluster, bot, spec
from tradingbot_operator.api.v1alpha1 import Condition
from tradingbot_operator.core.children import Accepted

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
