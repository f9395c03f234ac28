"""What the API server refuses is in the status, and hides nothing: the real reconciler, against an API in memory."""

from typing import Any

import msgspec
import pytest

from harness.bot_world import KEYED, KEYS, LIVE, manifest
from harness.fake_desk import NAMESPACE, FakeDesk, placed
from harness.spoken import assert_bot_speaks
from tradingbot_operator.api_errors import ApiRefused, ApiUnavailable, BelongsToSomebodyElse, Conflict
from tradingbot_operator.cluster import _refused
from tradingbot_operator.core.conditions import MAX_MESSAGE, Reason
from tradingbot_operator.core.write_refused import Refused
from tradingbot_operator.observation import read_status
from tradingbot_operator.queue import Priority
from tradingbot_operator.statuses import refusal
from tradingbot_runtime.model.control import Halt

BOT = ("TradingBot", NAMESPACE, "maker")


class Answer(Exception):
    """In place of the client's ApiException."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.reason, self.body = status, "Forbidden", body


def desk(*denied: str) -> FakeDesk:
    made = FakeDesk()
    for document in (KEYS, KEYED, manifest(**LIVE)):
        made.api.add(placed(document))
    made.api.denied = frozenset(denied)
    return made


def live(desk: FakeDesk, for_s: float = 60) -> None:
    """Whoever has something to do does it, whatever the API server refuses."""
    until = desk.time_s + for_s
    while desk.time_s < until:
        while desk.live():
            pass
        desk.time_s += 1


def status(desk: FakeDesk) -> dict[str, Any]:
    found = desk.api.objects[BOT].get("status", {})
    assert_bot_speaks(read_status(found))
    return dict(found)


def condition(desk: FakeDesk, kind: str) -> tuple[str, str]:
    found = next(c for c in status(desk)["conditions"] if c["type"] == kind)
    return found["status"], found["reason"]


def said(desk: FakeDesk, kind: str) -> str:
    return next(str(c["message"]) for c in status(desk)["conditions"] if c["type"] == kind)


def told(desk: FakeDesk) -> list[tuple[str, int]]:
    events = [event for event in desk.api.objects.values() if event["kind"] == "Event"]
    return [(event["reason"], event["count"]) for event in events if event["type"] == "Warning"]


def statuses_written(desk: FakeDesk) -> int:
    return desk.api.writes.count("status TradingBot/maker")


def breach(desk: FakeDesk) -> None:
    process = next(iter(desk.running.values()))
    process.volume.latch(Halt(id="maker-0-1", reason="RiskBreachMaxLoss", at_ns=0, message="", value="1", limit="0"))
    desk.changed(process)


@pytest.mark.parametrize("kind", ["StatefulSet", "ConfigMap", "Lease", "ServiceAccount", "Secret", "TradingBot"])
def test_a_new_bot_of_which_something_cannot_be_made_says_so_once(kind: str) -> None:
    here = desk(kind)
    live(here)

    assert condition(here, "Ready") == ("False", "WriteRefused")
    assert condition(here, "Reconciling") == ("True", "WriteRefused")
    assert condition(here, "Stalled") == ("False", "Progressing")
    assert f"{kind}/" in said(here, "Ready")
    assert "is forbidden: a policy" in said(here, "Ready")
    assert status(here).get("slots", []) == [], "none has ever run: whatever is wrong with the spec may be put right"
    assert told(here) == [("WriteRefused", 1)]
    before = status(here), statuses_written(here), here.api.requests
    live(here)
    assert (status(here), statuses_written(here)) == before[:2], "nothing is written while nothing differs"
    assert here.api.requests > before[2], "and it is tried again"
    assert here.running == {}

    here.settle()
    assert condition(here, "Ready") == ("True", "Trading")
    assert status(here)["slots"][0]["leaseUID"]


@pytest.mark.parametrize("kind", ["StatefulSet", "ConfigMap"])
def test_what_is_in_the_way_is_told_also_when_the_deadline_is_over(kind: str) -> None:
    here = desk(kind)
    live(here, 700)

    assert condition(here, "Stalled") == ("True", "ProgressDeadlineExceeded")
    assert said(here, "Stalled") == f"not within spec.rollout.progressDeadline: {said(here, 'Ready')}"
    before = statuses_written(here)
    live(here)
    assert statuses_written(here) == before


@pytest.mark.parametrize("denied", [("StatefulSet", "ConfigMap"), ("Role",)])
def test_a_breach_is_told_although_nothing_else_can_be_written(denied: tuple[str, ...]) -> None:
    here = desk()
    here.settle()
    here.api.denied = frozenset(denied)
    here.api.change(BOT, spec=here.api.objects[BOT]["spec"] | {"replicas": 2})
    breach(here)
    live(here)

    assert condition(here, "Halted") == ("True", "RiskBreachMaxLoss")
    assert condition(here, "Ready") == ("False", "WriteRefused")
    assert condition(here, "Stalled") == ("True", "HaltRequiresManualReset")
    assert (status(here)["phase"], [halt["id"] for halt in status(here)["halts"]]) == ("Halted", ["maker-0-1"])
    assert [slot["state"] for slot in status(here)["slots"]] == ["Halted"], "the second one was never made"
    assert sorted(told(here)) == [("RiskBreachMaxLoss", 1), ("WriteRefused", 1)]
    before = status(here), statuses_written(here)
    live(here, 700)
    assert (status(here), statuses_written(here)) == before, "also beyond the progress deadline"


def test_a_bot_that_trades_on_keeps_its_times_and_is_called_neither_well_nor_halted() -> None:
    here = desk()
    here.settle()
    since = {c["type"]: c["lastTransitionTime"] for c in status(here)["conditions"]}
    before = statuses_written(here)
    here.api.denied = frozenset({"NetworkPolicy"})
    here.api.remove(("NetworkPolicy", NAMESPACE, "maker"))
    live(here, 700)

    assert status(here)["phase"] == "Degraded"
    assert condition(here, "TradingEnabled") == ("True", "Enabled")
    assert condition(here, "Halted") == ("False", "NotHalted")
    changed = {c["type"] for c in status(here)["conditions"] if since[c["type"]] != c["lastTransitionTime"]}
    assert changed == {"Ready", "Reconciling", "Progressing"}, "the last one when spec.rollout.progressDeadline is over"
    assert statuses_written(here) == before + 2


def test_a_breach_is_told_although_the_api_server_fails_the_write_that_comes_before() -> None:
    here = desk()
    here.settle()
    here.api.failing = frozenset({"ConfigMap"})
    breach(here)
    live(here)

    assert condition(here, "Halted") == ("True", "RiskBreachMaxLoss")
    assert condition(here, "Ready") == ("False", "Halted")
    before = statuses_written(here)
    live(here)
    assert statuses_written(here) == before


@pytest.mark.parametrize("how", ["failing", "denied"])
def test_a_resume_that_is_refused_is_recorded_and_told_although_nothing_else_can_be_written(how: str) -> None:
    here = desk()
    stop = {"kind": "TradingHalt", "metadata": {"name": "stop"}, "spec": {"reason": "audit"}}
    here.api.add(placed(stop))
    here.settle()
    (halt,) = status(here)["halts"]
    setattr(here.api, how, frozenset({"NetworkPolicy"}))
    here.api.remove(("NetworkPolicy", NAMESPACE, "maker"))
    here.api.change(BOT, metadata={"annotations": {"tradingbot.dev/resume": halt["id"]}})
    live(here)

    assert status(here)["answeredResume"]["refused"] == [halt["id"]]
    assert ("ResumeRefused", 1) in told(here)
    here.api.remove(("TradingHalt", NAMESPACE, "stop"))
    live(here)
    setattr(here.api, how, frozenset())
    here.settle()
    assert [held["id"] for held in status(here)["halts"]] == [halt["id"]]


def test_what_may_work_at_once_is_no_refusal() -> None:
    assert refusal(ApiUnavailable("500")) is None
    assert refusal(Conflict(409, "somebody was faster")) is None
    words = 'serviceaccounts "maker" is forbidden: unable to create new content in namespace n because it is being '
    assert refusal(ApiRefused(403, "", "ServiceAccount/maker", f"{words}terminated")) is None
    found = refusal(BelongsToSomebodyElse("Lease/maker-0"))
    assert found
    assert found.reason is Reason.NAME_TAKEN
    assert found.message.startswith("Lease/maker-0: there is one of that name already, which is not this bot's.")


def test_the_api_servers_words_are_told_and_not_its_json() -> None:
    words = 'statefulsets.apps "maker" is forbidden: exceeded quota: q'
    body = msgspec.json.encode({"kind": "Status", "message": words, "details": {"name": "maker"}})
    path = "/apis/apps/v1/namespaces/n/statefulsets"
    found = refusal(_refused("post", "StatefulSet", path, Answer(403, body)))  # type: ignore[arg-type]  # as it is read
    assert found == Refused("StatefulSet/maker", words, Reason.WRITE_REFUSED)
    unnamed = _refused("patch", "StatefulSet", f"{path}/maker", Answer(403, b"no"))  # type: ignore[arg-type]  # as above
    assert refusal(unnamed) == Refused("StatefulSet/maker", "Forbidden", Reason.WRITE_REFUSED)


def test_a_webhook_that_nobody_answers_for_is_a_refusal_and_any_other_failure_of_the_server_is_none() -> None:
    body = b'{"message": "Internal error occurred: failed calling webhook \\"x.y\\": connection refused"}'
    path = "/api/v1/namespaces/n/configmaps/maker-slots"
    found = refusal(_refused("patch", "ConfigMap", path, Answer(500, body)))  # type: ignore[arg-type]  # as above
    assert found
    assert found.what == "ConfigMap/maker-slots"
    assert refusal(_refused("patch", "ConfigMap", path, Answer(500, b"etcd"))) is None  # type: ignore[arg-type]  # as above


def test_the_message_is_bounded_and_the_same_for_each_attempt() -> None:
    words = "read tcp 10.0.0.1:{}->10.0.0.2:443: reset\n" + "x" * 2000
    attempts = [Refused("ConfigMap/maker-slots", words.format(port), Reason.WRITE_REFUSED) for port in (40001, 50002)]
    assert attempts[0].message == attempts[1].message
    assert len(attempts[0].message) <= MAX_MESSAGE


def test_the_orders_of_a_lost_slot_are_withdrawn_whatever_else_is_refused() -> None:
    here = desk()
    here.settle()
    here.api.denied = frozenset({"ServiceAccount", "Lease", "ConfigMap"})
    here.api.remove(("ServiceAccount", NAMESPACE, "maker"))
    here.api.add(placed({"kind": "ServiceAccount", "metadata": {"name": "maker"}}))
    for process in tuple(here.running.values()):
        here.connect(process, connected=False)
        here.queue.add(BOT, Priority.CHILD)
    live(here, 200)

    assert condition(here, "Ready") == ("False", "NameTaken")
    assert len(here.of_kind("Job")) == 1


FOREIGN = {"ServiceAccount": "maker", "Secret": "maker-control", "Role": "maker", "RoleBinding": "maker",
           "Service": "maker", "ConfigMap": "maker-slots", "NetworkPolicy": "maker", "StatefulSet": "maker",
           "PodDisruptionBudget": "maker", "Lease": "maker-0"}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_belongs_to_somebody_else_is_never_written_and_no_pod_is_made(kind: str) -> None:
    here = desk()
    metadata = {"name": FOREIGN[kind], "namespace": NAMESPACE, "labels": {"app": "theirs"}}
    spec = {"replicas": 0, "template": {}, "updateStrategy": {"rollingUpdate": {"partition": 0}}}
    here.api.add({"kind": kind, "metadata": metadata, "spec": spec, "data": {"token": "theirs"}})
    live(here)

    assert condition(here, "Ready") == ("False", "NameTaken")
    assert f"{kind}/{FOREIGN[kind]}: there is one of that name already" in said(here, "Ready")
    assert told(here) == [("NameTaken", 1)]
    there = here.api.objects[kind, NAMESPACE, FOREIGN[kind]]
    assert (there["spec"], there["data"], there["metadata"]["labels"]) == (spec, {"token": "theirs"}, {"app": "theirs"})
    assert "ownerReferences" not in there["metadata"]
    assert here.of_kind("Pod") == []
    before = status(here), statuses_written(here)
    live(here)
    assert (status(here), statuses_written(here)) == before

    here.api.remove((kind, NAMESPACE, FOREIGN[kind]))
    here.settle()
    assert condition(here, "Ready") == ("True", "Trading")


def test_a_child_whose_labels_were_taken_away_is_still_the_bots() -> None:
    here = desk()
    here.settle()
    key = ("ServiceAccount", NAMESPACE, "maker")
    here.api.change(key, metadata={"labels": {}})
    here.settle()

    assert condition(here, "Ready") == ("True", "Trading")
    assert here.api.objects[key]["metadata"]["labels"]["tradingbot.dev/bot"] == "maker"
