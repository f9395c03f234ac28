"""Why a StatefulSet has no pods, from Events as its controller writes them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from harness.bot_model import Cluster, bot, spec
from harness.fake_api import FakeApi, Fault
from tradingbot_operator.api.v1alpha1 import ConditionStatus
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Manifest, Trouble
from tradingbot_operator.core.pods_refused import pods_refused
from tradingbot_operator.queue import WorkQueue
from tradingbot_operator.refused_pods import LONGEST_S, LOOK_S, RefusedPods
from tradingbot_operator.store import Store

BEGAN = datetime(2026, 1, 2, tzinfo=UTC)
QUOTA = 'pods "maker-0" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3'
FAILED = "create Pod maker-0 in StatefulSet maker failed error: "
CLAIM = "create Claim journal-maker-0 for Pod maker-0 in StatefulSet maker failed error: "
POLICY = 'pods "maker-0" is forbidden: a policy'


@pytest.mark.parametrize(("message", "found"), [
    (FAILED + QUOTA, Trouble(Reason.QUOTA_EXCEEDED, 'the pod cannot be made: pods "maker-0" is forbidden: exceeded '
                             "quota: q, requested: pods=1, limited: pods=3")),
    (CLAIM + "exceeded quota: q", Trouble(Reason.QUOTA_EXCEEDED, "the pod cannot be made: exceeded quota: q")),
    (FAILED + POLICY, Trouble(Reason.PODS_REFUSED, f"the pod cannot be made: {POLICY}")),
])  # fmt: skip
def test_the_api_servers_words_are_told(message: str, found: Trouble) -> None:
    assert pods_refused(message) == found


def test_how_much_is_used_by_others_makes_no_other_message() -> None:
    assert pods_refused(FAILED + QUOTA) == pods_refused(FAILED + QUOTA.replace("used: pods=3", "used: pods=4"))


def test_a_long_message_is_bounded() -> None:
    assert len(pods_refused(FAILED + "x" * 5000).message) < 700


def test_a_bot_says_which_slot_has_no_pod_and_why() -> None:
    cluster = Cluster(bot(spec(("AAAUSDT", "BBBUSDT"), replicas=2)))
    cluster.settle()
    del cluster.pods[1]
    cluster.observed = replace(cluster.observed, pods_refused=pods_refused(FAILED + POLICY))
    conditions = {c.type: c for c in cluster.decide().status.conditions}

    assert (conditions["Ready"].status, conditions["Ready"].reason) == (ConditionStatus.FALSE, "PodsRefused")
    assert conditions["Ready"].message == f"slot 1: the pod cannot be made: {POLICY}"
    assert (conditions["Reconciling"].status, conditions["Reconciling"].reason) == (ConditionStatus.TRUE, "PodsRefused")


@dataclass
class Desk:
    """Looks every `LOOK_S`."""

    api: FakeApi = field(default_factory=FakeApi)
    store: Store = field(default_factory=Store)
    time_s: float = 0.0
    number: int = 0

    def __post_init__(self) -> None:
        self.queue = WorkQueue[tuple[str, str, str]](lambda: self.time_s, lambda: 0.5)
        self.refused = RefusedPods(self.api, self.store, self.queue, self.now)  # type: ignore[arg-type]  # in the place of a Cluster

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.time_s)

    def has(self, pods: int) -> None:
        self.number += 1
        metadata = {"name": "maker", "namespace": "n", "uid": "set", "resourceVersion": str(self.number),
                    "labels": names.labels("maker")}  # fmt: skip
        self.store.put("StatefulSet", {"kind": "StatefulSet", "metadata": metadata, "spec": {"replicas": 1},
                                       "status": {"replicas": pods}})  # fmt: skip

    def event(self, message: str, age_s: float = 0.0, uid: str = "set") -> None:
        self.number += 1
        at = (self.now() - timedelta(seconds=age_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
        metadata, regarding = {"namespace": "n", "name": f"e{self.number}"}, {"uid": uid}
        event: Manifest = {"kind": "Event", "metadata": metadata, "involvedObject": regarding,
                           "message": FAILED + message, "lastTimestamp": at}  # fmt: skip
        self.api.add(event)

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.time_s += LOOK_S
            asyncio.run(self.refused.look())

    def woken(self) -> list[object]:
        found: list[object] = []
        while (taken := self.queue.machine.take(self.time_s)) is not None:
            found.append(taken[0])
            self.queue.done(taken[0])
        return found


def wants_a_pod(event: Callable[[Desk], None] = lambda _: None) -> Desk:
    desk = Desk()
    desk.look()
    desk.has(0)
    event(desk)
    return desk


def test_a_set_that_lacks_a_pod_for_a_moment_is_not_asked_about() -> None:
    desk = wants_a_pod()
    desk.look()
    assert desk.api.requests == 0
    desk.has(1)
    desk.look(10)
    assert desk.api.requests == 0


def test_the_bot_is_told_why_once_and_forgets_it_with_the_pod() -> None:
    desk = wants_a_pod(lambda desk: desk.event(POLICY))
    desk.look(2)
    assert desk.refused.of("set") == pods_refused(FAILED + POLICY)
    assert desk.woken() == [("TradingBot", "n", "maker")]
    desk.look(30)
    assert desk.woken() == [], "nothing new"
    desk.has(1)
    desk.look()
    assert desk.refused.of("set") is None


def test_what_was_said_before_the_pod_went_explains_nothing() -> None:
    desk = wants_a_pod(lambda desk: desk.event(QUOTA, age_s=60))
    desk.look(3)
    assert desk.refused.of("set") is None


def test_an_operator_that_has_just_started_takes_what_was_said_before() -> None:
    desk = Desk()
    desk.has(0)
    desk.event(QUOTA, age_s=900)
    desk.look(2)
    assert desk.refused.of("set") == pods_refused(FAILED + QUOTA)


def test_of_what_was_said_of_several_slots_it_is_always_the_same_and_never_what_has_been_mended() -> None:
    desk = Desk()
    desk.has(0)
    desk.event("a quota that has been raised", age_s=600)
    desk.event("b slot 1", age_s=1)
    desk.event("c slot 0")
    desk.look(2)
    found = desk.refused.of("set")
    assert found
    assert found.message.endswith("b slot 1")


def test_a_failure_that_lasts_is_asked_about_more_and_more_rarely() -> None:
    desk = wants_a_pod(lambda desk: desk.event(POLICY))
    desk.look(300)
    assert desk.api.requests < 300 * LOOK_S / LONGEST_S + 8
    assert desk.refused.of("set")


def test_events_of_others_and_an_api_server_that_fails_change_nothing() -> None:
    desk = wants_a_pod(lambda desk: desk.event(POLICY, uid="other"))
    desk.look(3)
    assert desk.refused.of("set") is None

    desk.event(POLICY)
    desk.api.faults = {desk.api.requests + 1: Fault.REFUSED}
    desk.look(2)
    assert desk.refused.of("set") is None
    desk.look(5)
    assert desk.refused.of("set") is not None, "it is asked again"
