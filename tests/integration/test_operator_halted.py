"""Halts against a real API server: a breach, a resume by its name, and the kill switch for many bots."""

from typing import Any

import pytest

from harness.api_client import Object
from harness.bot_world import API, RBAC, VENUE, World, manifest
from harness.log_lines import entries
from harness.operator_process import conditions, eventually
from tradingbot_runtime.logs.schema import NAMESPACE
from tradingbot_runtime.model.control import HaltTrading, Resume
from tradingbot_runtime.model.events import TradingState

pytestmark = pytest.mark.controlplane
STOP: Object = {"apiVersion": API, "kind": "TradingHalt", "metadata": {"name": "stop"}, "spec": {"reason": "audit"}}


def labelled(name: str, **labels: str) -> Object:
    bot = manifest(name)
    return bot | {"metadata": bot["metadata"] | {"labels": labels}}


def halts(world: World, bot: str = "maker") -> dict[str, bool]:
    """Ids in the status, and whether the runtime has confirmed them."""
    found = (world.get("TradingBot", bot) or {}).get("status", {}).get("halts", [])
    return {halt["id"]: halt["confirmed"] for halt in found}


def resume(world: World, ids: str, bot: str = "maker") -> None:
    annotated = {"metadata": {"annotations": {"tradingbot.dev/resume": ids}}}
    world.client.merge(API, "TradingBot", world.namespace, bot, annotated)


def status_of(world: World) -> dict[str, Any]:
    found = world.client.get(API, "TradingHalt", world.namespace, "stop")
    return dict((found or {}).get("status", {}))


def halt_ready(world: World) -> tuple[str, str] | None:
    return conditions(world.client.get(API, "TradingHalt", world.namespace, "stop")).get("Ready")


def orders(world: World, pod: str) -> list[HaltTrading | Resume]:
    return [message for message in world.node.pods[pod].told if isinstance(message, HaltTrading | Resume)]


def test_a_breach_is_shown_and_its_resume_releases_it(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True", "Trading")

    world.node.breach("maker-0", "maker-0-1")

    message = world.condition("Halted", "True", "RiskBreachMaxLoss")
    assert "tradingbot.dev/resume=maker-0-1" in message
    world.condition("Ready", "False", "Halted")
    eventually(lambda: "maker-0-1" in world.get("ConfigMap", "maker-slots")["data"]["slot-0.json"])  # type: ignore[index]  # it is there
    resume(world, "maker-0-0")
    resume(world, "maker-0-1")
    world.condition("Halted", "False", "NotHalted")
    world.condition("Ready", "True", "Trading")
    assert [(type(o), o.halt_id) for o in orders(world, "maker-0") if isinstance(o, Resume)] == [(Resume, "maker-0-1")]


def test_a_trading_halt_stops_the_bots_that_it_selects_and_those_that_come_later(world: World) -> None:
    world.apply(VENUE, labelled("maker", desk="a"), labelled("other", desk="b"))
    world.condition("Ready", "True", "Trading")
    world.condition("Ready", "True", "Trading", name="other")

    world.apply(STOP | {"spec": {"reason": "audit", "selector": {"matchLabels": {"desk": "a"}}}})
    world.condition("Halted", "True", "GlobalHalt")
    world.apply(labelled("late", desk="a"))
    world.condition("Halted", "True", "GlobalHalt", name="late")

    eventually(lambda: (status_of(world).get("bots"), status_of(world).get("halted")) == (2, 2))
    world.condition("Halted", "False", "NotHalted", name="other")
    held = list(halts(world))
    eventually(lambda: "late-0" in world.node.pods, 20, "it has started")  # the halt is told before that
    assert world.node.pods["late-0"].config.halts, "its first process found the halt in its configuration"

    world.client.delete(API, "TradingHalt", world.namespace, "stop")
    eventually(lambda: "delete tradinghalt" not in world.condition("Halted", "True", "GlobalHalt"))
    resume(world, ",".join(held))
    world.condition("Halted", "False", "NotHalted")
    world.condition("Halted", "True", "GlobalHalt", name="late")
    assert halts(world, "late") != {}


def test_a_resume_that_came_while_the_trading_halt_stood_resumes_nothing_also_for_the_next_leader(world: World) -> None:
    world.apply(VENUE, manifest(), STOP)
    eventually(lambda: list(halts(world).values()) == [True])
    (held,) = halts(world)
    resume(world, held)
    eventually(lambda: "ResumeRefused" in {event["reason"] for event in world.events()})
    eventually(lambda: "resumes nothing, also later" in world.condition("Halted", "True", "GlobalHalt"))

    world.operator.kill()
    world.client.delete(API, "TradingHalt", world.namespace, "stop")
    world.operator.start()
    world.operator.wait_until_leading()

    eventually(lambda: "delete tradinghalt" not in world.condition("Halted", "True", "GlobalHalt"))
    assert list(halts(world)) == [held]
    assert not [order for order in orders(world, "maker-0") if isinstance(order, Resume)]
    world.client.merge(API, "TradingBot", world.namespace, "maker",
                       {"metadata": {"annotations": {"tradingbot.dev/resume": None}}})  # fmt: skip
    eventually(lambda: "answeredResume" not in (world.get("TradingBot") or {})["status"])
    resume(world, held)
    world.condition("Halted", "False", "NotHalted")


def test_a_new_leader_tells_of_a_breach_at_once_and_of_why_a_trading_halt_stands(world: World) -> None:
    """A slot that does not answer it holds neither back."""
    two: dict[str, Any] = {"symbols": ("BTCUSDT", "ADAUSDT"), "replicas": 2}
    world.apply(VENUE, manifest(**two))
    world.condition("Ready", "True", "Trading")
    world.operator.kill()
    world.node.cut("maker-1")
    world.apply(STOP)
    world.operator.start()
    world.operator.wait_until_leading()

    eventually(lambda: len(halts(world)) == 2, 5, "before its start is over")
    found = (world.get("TradingBot") or {})["status"]["halts"]
    assert {(halt["by"], halt["message"]) for halt in found} == {("TradingHalt/stop", "audit")}
    world.node.breach("maker-0", "maker-0-9")
    eventually(lambda: "maker-0-9" in halts(world), 3)
    assert "RiskBreachMaxLoss 120 USDT" in world.condition("Halted", "True")


def test_a_trading_halt_that_selects_nobody_says_so_and_halts_the_bot_that_comes_later(world: World) -> None:
    world.apply(VENUE, labelled("maker", desk="a"))
    world.condition("Ready", "True", "Trading")
    world.apply(STOP | {"spec": {"reason": "audit", "selector": {"matchLabels": {"desk": "A"}}}})
    eventually(lambda: halt_ready(world) == ("False", "NoBotsSelected"))
    assert "of this namespace (1); one that comes later is. spec.selector: desk=A" in str(
        status_of(world)["conditions"]
    )
    world.condition("Halted", "False", "NotHalted")

    world.apply(labelled("late", desk="A"))
    world.condition("Halted", "True", "GlobalHalt", name="late")
    eventually(lambda: halt_ready(world) == ("True", "HaltsHold"))


def test_a_trading_halt_that_says_so_is_over_with_its_deletion(world: World) -> None:
    world.apply(VENUE, manifest(), STOP | {"spec": {"reason": "audit", "onDelete": "Resume"}})
    world.condition("Halted", "True", "GlobalHalt")
    eventually(lambda: status_of(world).get("halted") == 1)

    world.client.delete(API, "TradingHalt", world.namespace, "stop")

    world.condition("Halted", "False", "NotHalted")
    world.condition("Ready", "True", "Trading")


def test_a_restarted_operator_has_forgotten_no_halt(world: World) -> None:
    world.apply(VENUE, manifest(), STOP)
    eventually(lambda: list(halts(world).values()) == [True])
    world.node.breach("maker-0", "maker-0-7")
    eventually(lambda: halts(world).get("maker-0-7"))
    before = halts(world)

    world.operator.kill()
    world.client.delete(API, "TradingHalt", world.namespace, "stop")
    world.operator.start()
    world.operator.wait_until_leading()

    world.condition("Halted", "True")
    eventually(lambda: halts(world) == before)


def test_every_line_of_the_log_names_a_bot_in_the_same_way_and_a_halt_by_its_id(world: World) -> None:
    """All lines of this module, of all loggers: whoever looks for a bot or a halt finds each."""
    world.apply(VENUE, manifest())
    world.condition("Ready", "True", "Trading")
    world.node.breach("maker-0", "maker-0-1")
    world.condition("Halted", "True", "RiskBreachMaxLoss")
    resume(world, "maker-0-1")
    world.condition("Halted", "False", "NotHalted")
    world.node.cut("maker-0")

    def told(event: str) -> list[dict[str, Any]]:
        mine = (line for line in entries(world.operator.log.read_text()) if line.get(NAMESPACE) == world.namespace)
        return [line for line in mine if line["event"] == event]

    for event in ("RiskBreachMaxLoss", "NotHalted"):
        (line,) = eventually(lambda event=event: told(event), 10, f"{event} is told")  # type: ignore[misc]  # bound now
        assert line["halt_id"] == "maker-0-1"
    eventually(lambda: told("ControlStreamFailed"), 10, "another logger speaks of it")
    of_bots = [line for line in entries(world.operator.log.read_text()) if "bot" in line]
    assert {"recorder", "runtime_client"} <= {line["logger"] for line in of_bots}
    for line in of_bots:
        assert "/" not in line["bot"], line
        assert line[NAMESPACE], line
    halted = [line for line in of_bots if line["event"] in {"RiskBreachMaxLoss", "GlobalHalt", "ManualHalt"}]
    assert all(line["halt_id"] for line in halted)


GROUPS = {"secrets": "", "events": "", "pods": "", "leases": "coordination.k8s.io"}


def put_on_call(world: World) -> None:
    """The user `on-call`, in the bots' namespace."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "tradingbot-halter"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "on-call"}
    world.apply({"apiVersion": RBAC, "kind": "RoleBinding", "metadata": {"name": "on-call"}, "roleRef": role,
                 "subjects": [subject]})  # fmt: skip


def test_the_person_on_call_stops_by_leases_and_reads_why_and_resumes_nobody(world: World) -> None:
    world.apply(VENUE, manifest(), STOP)
    world.condition("Halted", "True", "GlobalHalt")
    put_on_call(world)

    def kubectl(*arguments: str) -> str:
        return world.plane.kubectl("-n", world.namespace, "--as", "on-call", *arguments)

    eventually(lambda: "GlobalHalt" in kubectl("describe", "tb", "maker"), 20)
    eventually(lambda: "Warning" in kubectl("describe", "tb", "maker").partition("Events:")[2], what="its Events")
    patched = kubectl("patch", "tbh", "stop", "--type=merge", "-p", '{"spec": {"onDelete": "Resume"}}')
    assert "spec.onDelete: Invalid value" in patched
    assert "cannot be changed: make a second TradingHalt" in patched
    assert 'tradinghalt.tradingbot.dev "stop" deleted' in kubectl("delete", "tbh", "stop")
    assert 'lease.coordination.k8s.io "maker-0" deleted' in kubectl("delete", "lease", "-l", "tradingbot.dev/bot=maker")
    assert "forbidden" in kubectl("annotate", "tb", "maker", f"tradingbot.dev/resume={','.join(halts(world))}")
    world.condition("Halted", "True")


@pytest.mark.parametrize(("verb", "resource", "allowed"), [
    ("create", "tradinghalts", True), ("delete", "tradinghalts", True), ("get", "tradingbots", True),
    ("patch", "tradingbots", False), ("delete", "tradingbots", False), ("create", "tradingbots", False),
    ("patch", "tradinghalts/status", False), ("get", "secrets", False),
    ("list", "leases", True), ("get", "leases", True), ("delete", "leases", True), ("create", "leases", False),
    ("update", "leases", False), ("list", "events", True), ("get", "pods", True), ("list", "pods", True),
    ("get", "pods/log", True), ("delete", "pods", False), ("create", "pods/exec", False),
])  # fmt: skip
def test_the_person_on_call_may_stop_bots_and_change_none(
    world: World,
    verb: str,
    resource: str,
    allowed: bool,  # noqa: FBT001 - a row of the table
) -> None:
    put_on_call(world)
    name, _, part = resource.partition("/")
    attributes = {"namespace": world.namespace, "verb": verb, "resource": name, "subresource": part,
                  "group": GROUPS.get(name, "tradingbot.dev")}  # fmt: skip
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
              "spec": {"user": "on-call", "resourceAttributes": attributes}}  # fmt: skip

    def granted() -> bool:
        answer = world.client.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer.body["status"]["allowed"])

    if allowed:
        eventually(granted)
    assert granted() is allowed


def test_a_deleted_lease_stops_its_slot_until_a_person_resumes(world: World) -> None:
    world.apply(VENUE, manifest())
    world.condition("Ready", "True", "Trading")
    before = (world.get("Lease", "maker-0") or {})["metadata"]["uid"]

    world.client.delete("coordination.k8s.io/v1", "Lease", world.namespace, "maker-0")
    world.node.update("maker-0", state=TradingState.FENCED, reason="LeaseNotHeld", ready=False)
    message = world.condition("Halted", "True", "ManualHalt")
    assert "deletion of Lease/maker-0" in message
    world.node.update("maker-0", message="asked again")  # whatever wakes the operator up
    eventually(lambda: "maker-0" in world.condition("Ready", "False", "Halted"))
    assert world.get("Lease", "maker-0") is None

    resume(world, ",".join(halts(world)))
    eventually(lambda: world.get("Lease", "maker-0") is not None)
    assert (world.get("Lease", "maker-0") or {})["metadata"]["uid"] != before
    eventually(lambda: halts(world) == {})


def test_what_is_shipped_while_every_slot_is_halted_reaches_all_of_them(world: World) -> None:
    two: dict[str, Any] = {"symbols": ("BTCUSDT", "ADAUSDT"), "replicas": 2}  # one each, as the hash has it
    world.apply(VENUE, manifest(**two))
    world.condition("Ready", "True", "Trading")
    world.apply(STOP)
    eventually(lambda: list(halts(world).values()) == [True, True], what="both slots are halted")
    before = {name: runtime.uid for name, runtime in world.node.pods.items()}

    world.apply(manifest(**two, pod={"image": "registry.example/mended:1"}))

    def made_anew() -> bool:
        now = {name: runtime.uid for name, runtime in world.node.pods.items()}
        return now.keys() == before.keys() and set(now.values()).isdisjoint(before.values())

    eventually(made_anew, 60, "both are made anew")
    eventually(lambda: "pendingChange" not in (world.get("TradingBot") or {})["status"], 20, "it is everywhere")
    world.condition("Ready", "False", "Halted")
    assert list(halts(world).values()) == [True, True]


def test_an_autoscaler_lets_no_market_trade_that_a_halt_holds(world: World) -> None:
    """Nobody has resumed what a TradingHalt has laid that is gone: to scale the bot is no resume."""
    world.apply(VENUE, manifest(replicas=2, symbols=("BTCUSDT", "ETHUSDT", "ADAUSDT")))
    world.condition("Ready", "True", "Trading")
    world.apply(STOP)
    eventually(lambda: halt_ready(world) == ("True", "HaltsHold"))
    world.client.delete(API, "TradingHalt", world.namespace, "stop")
    scale = world.client.path(API, "TradingBot", world.namespace, "maker") + "/scale"
    world.client.request("PATCH", scale, {"spec": {"replicas": 3}}, "application/merge-patch+json")

    eventually(lambda: "maker-2" in world.node.pods and waits(world).startswith("slot 0 is halted"), 15,
               lambda: f"the change waits; it is {world.get('TradingBot')}")  # fmt: skip
    assert world.node.pods["maker-2"].config.markets == []
    reports = [world.node.pods[f"maker-{slot}"].report for slot in (0, 1)]
    assert [report.state for report in reports if report] == [TradingState.HALTED] * 2
    resume(world, ",".join(halts(world)))
    world.condition("Ready", "True", "Trading", within_s=30)
    assert [market.name for market in world.node.pods["maker-2"].config.markets] == ["btcusdt", "adausdt"]


def waits(world: World) -> str:
    pending = (world.get("TradingBot") or {})["status"].get("pendingChange") or {}
    return str(pending.get("message", ""))
