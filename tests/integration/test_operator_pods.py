"""Pods that do not get going: the bot says why, and is well again when they are. Kubelet's part is played by hand."""

import pytest

from harness.api_client import Object
from harness.bot_world import VENUE, World, manifest
from harness.operator_process import eventually

pytestmark = pytest.mark.controlplane
REFUSAL = "Venue venue: environment is Testnet, but the venue says that it is Simulated"


def report(world: World, **container: object) -> None:
    found = {"name": "runtime", "ready": False, "restartCount": 0, "image": "runtime:1", "imageID": ""} | container
    status = {"phase": "Running", "podIP": "127.0.0.9", "containerStatuses": [found]}
    world.client.merge("v1", "Pod", world.namespace, "maker-0", {"status": status}, part="status")


def ended(code: int, message: str, at: str) -> Object:
    return {"terminated": {"exitCode": code, "reason": "Error", "message": message, "startedAt": at, "finishedAt": at,
                           "containerID": "x"}}  # fmt: skip


def test_a_runtime_that_refuses_to_start_is_stalled_with_its_words_until_it_starts(world: World) -> None:
    world.node.delay.set()
    world.apply(VENUE, manifest())
    eventually(lambda: world.get("Pod", "maker-0"))
    world.condition("Ready", "False", "Provisioning")

    end = ended(2, f"{REFUSAL}\n", "2026-01-01T00:00:00Z")
    report(world, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=end)

    assert world.condition("Ready", "False", "StartRefused").endswith(REFUSAL)
    world.condition("Stalled", "True", "StartRefused")
    assert [event["message"] for event in world.events() if event["reason"] == "StartRefused"] == [
        f"slot 0: the runtime refuses to start: {REFUSAL}"]  # fmt: skip
    # A moment later the control stream has tried, too: what is counted begins when nothing is left to be said.
    eventually(lambda: "connection refused" in world.condition("Flat", "Unknown", "NotReported"))
    writes = world.operator.writes()
    for count in (4, 5, 6):
        end = ended(2, f"{REFUSAL}\n", f"2026-01-01T00:0{count}:00Z")
        report(world, state={"waiting": {"reason": "CrashLoopBackOff", "message": f"back-off {count}m"}}, lastState=end,
               restartCount=count)  # fmt: skip
    report(world, state={"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}})
    world.condition("Ready", "False", "ImagePullFailed")
    written = {kind: count - writes[kind] for kind, count in world.operator.writes().items() if count > writes[kind]}
    written.pop("Venue", None)  # its status comes a second after the bot's
    assert written == {"TradingBot": 1, "Event": 1}, "nothing was written for a restart"

    world.node.delay.clear()
    world.condition("Ready", "True", "Trading", within_s=20)
    world.condition("Stalled", "False")
