"""A bot that is created again under its name: what is left of the former one is waited for, never taken for its own."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from harness.bot_model import Cluster, bot
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Manifest, Stream
from tradingbot_operator.observation import Asked, Observer
from tradingbot_operator.store import Store


def observer(*children: Manifest) -> Observer:
    store = Store()
    for child in children:
        store.put(child["kind"], child)
    return Observer(store, lambda _: Stream(), lambda: datetime(2026, 1, 2, tzinfo=UTC), lambda: 100.0)


def child(kind: str, name: str, owner: str, **more: Any) -> Manifest:  # noqa: ANN401 - parts of a manifest
    metadata = {
        "name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": "1",
        "labels": names.labels("maker"), "ownerReferences": [{"uid": owner}],
    }  # fmt: skip
    return {"kind": kind, "metadata": metadata | more}


def test_a_former_pod_and_stateful_set_are_seen_as_such() -> None:
    new = bot(uid="new", namespace="default")
    pod = child("Pod", "maker-0", "set", annotations={names.BOT_UID: "old"})

    seen = observer(pod, child("StatefulSet", "maker", "old")).observe(new, Asked())

    assert seen.former == ("pod maker-0", "StatefulSet maker")
    assert (seen.pods, dict(seen.children)) == ((), {})


def test_a_former_secret_is_not_taken_for_the_new_ones() -> None:
    new = bot(uid="new", namespace="default")

    seen = observer(child("Secret", "maker-control", "old")).observe(new, Asked())

    assert seen.child("Secret", "maker-control") is None


def test_its_own_pod_and_set_are_no_former_ones() -> None:
    new = bot(uid="new", namespace="default")
    pod = child("Pod", "maker-0", "set", annotations={names.BOT_UID: "new"})

    seen = observer(pod, child("StatefulSet", "maker", "new")).observe(new, Asked())

    assert seen.former == ()
    assert [p.name for p in seen.pods] == ["maker-0"]


def test_nothing_is_made_and_ready_is_not_said_while_the_former_one_is_there() -> None:
    cluster = Cluster(bot())
    cluster.settle()
    cluster.observed = replace(cluster.observed, former=("pod maker-0",))

    outcome = cluster.decide()

    assert (outcome.apply, outcome.leases, outcome.commands, outcome.prune) == ((), (), (), ())
    assert outcome.requeue_after_s is not None
    ready = next(c for c in outcome.status.conditions if c.type == "Ready")
    assert ready.status == "False"
