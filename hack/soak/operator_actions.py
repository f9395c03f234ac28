"""What a soak of the operator does to it: edits, kills, cuts and halts, each drawn by its weight."""

import json
import random
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import faketime_image
from operator_world import BOTS, SETTLED_S, SLOTS_MOST, Json, Watch

from harness.kind_cluster import OPERATOR, SYSTEM, World, eventually, in_node, kubectl, leader
from tradingbot_operator.core.names import RESUME, SELECTOR
from tradingbot_runtime.model.control import CONTROL_PORT

CUT_S = 8
STEPS_S = (-3600, -30, -1, 1, 30, 3600)
ANSWERS_S = 120
LONG_S = 10
KUBE = World("kube-system")
# The pod may be gone, or not there yet: then nothing happens to it.
GONE = suppress(AssertionError, KeyError, ValueError, subprocess.CalledProcessError)


def patch(watch: Watch, bot: str, spec: dict[str, object]) -> None:
    watch.demo.kubectl("patch", f"tb/{bot}", "--type=merge", "-p", json.dumps({"spec": spec}))


def any_pod(watch: Watch, draw: random.Random) -> str:
    found = watch.demo.get("pods", "-l", SELECTOR)["items"]
    return str(draw.choice(sorted(pod["metadata"]["name"] for pod in found))) if found else ""


def node_of(pod: Json) -> str:
    return str(pod["spec"]["nodeName"])


def change_the_spread(watch: Watch, draw: random.Random) -> None:
    bot = draw.choice(sorted(BOTS))
    patch(watch, bot, {"strategy": {"marketMaking": {"spreadBps": str(draw.randint(2, 12))}}})


def scale(watch: Watch, draw: random.Random) -> None:
    watch.demo.kubectl("scale", f"tb/{draw.choice(sorted(BOTS))}", f"--replicas={draw.randint(1, SLOTS_MOST)}")


def restart(watch: Watch, draw: random.Random) -> None:
    patch(watch, draw.choice(sorted(BOTS)), {"restartNonce": draw.randint(1, 10**6)})


def write_nonsense(watch: Watch, draw: random.Random) -> None:
    """Refused, by the API server or in the status; the bot goes on."""
    bot = draw.choice(sorted(BOTS))
    watch.demo.kubectl(
        "patch", f"tb/{bot}", "--type=merge", "-p", '{"spec":{"risk":{"maxPosition":"-1"}}}', check=False
    )


def delete_a_pod(watch: Watch, draw: random.Random) -> None:
    if pod := any_pod(watch, draw):
        watch.demo.kubectl("delete", "pod", pod, "--wait=false", check=False)


def kill_a_process(watch: Watch, draw: random.Random) -> None:
    if pod := any_pod(watch, draw):
        with GONE:
            watch.demo.signal_container(pod, "SIGKILL")


def freeze_a_process(watch: Watch, draw: random.Random) -> None:
    if pod := any_pod(watch, draw):
        with GONE:
            watch.demo.signal_container(pod, "SIGSTOP")
            time.sleep(draw.uniform(1, CUT_S))
            watch.demo.signal_container(pod, "SIGCONT")


def take_the_leader_away(_: Watch, __: random.Random) -> None:
    if pod := leader():
        kubectl("-n", SYSTEM.namespace, "delete", "pod", pod, "--force", "--grace-period=0", check=False)


def kill_the_api_server(_: Watch, __: random.Random) -> None:
    (pod,) = KUBE.get("pods", "-l", "component=kube-apiserver")["items"]
    KUBE.signal_container(pod["metadata"]["name"], "SIGKILL")
    eventually(
        lambda: kubectl("get", "--raw", "/readyz", check=False).strip() == "ok", ANSWERS_S, "the API server is back"
    )


def cut_the_streams(watch: Watch, draw: random.Random) -> None:
    """No packet to or from a control port for a while, on the node where the pods are."""
    pod = any_pod(watch, draw)
    if not pod:
        return
    with GONE:
        node = node_of(watch.demo.get("pod", pod))
        rule = ("FORWARD", "-p", "tcp", "--dport", str(CONTROL_PORT), "-j", "DROP")
        in_node(node, "iptables", "-I", *rule)
        try:
            time.sleep(CUT_S)
        finally:
            in_node(node, "iptables", "-D", *rule)


def step_a_clock(watch: Watch, draw: random.Random) -> None:
    """Of one pod, forwards or backwards, and right again; a step beyond `maxClockDrift` halts."""
    pod = any_pod(watch, draw)
    if pod and set_clock(watch, pod, draw.choice(STEPS_S)):
        time.sleep(draw.uniform(CUT_S, 2 * CUT_S))
        eventually(lambda: set_clock(watch, pod, 0), ANSWERS_S, f"the clock of {pod} is right again")


def set_clock(watch: Watch, pod: str, off_s: int) -> bool:
    """Whether there was a pod to do it to."""
    with GONE:
        watch.demo.write_in_container(pod, faketime_image.FILE, f"{off_s:+d}")
        return True
    return False


def send_the_operator_away(watch: Watch, away_s: float) -> None:
    """All of its pods. The bots trade on, the same processes, and place orders to the end."""

    def replicas(count: int) -> None:
        kubectl("-n", SYSTEM.namespace, "scale", f"deployment/{OPERATOR}", f"--replicas={count}")

    before, there = watch.epochs(), int(SYSTEM.get("deployment", OPERATOR)["spec"]["replicas"])
    replicas(0)
    try:
        end = time.monotonic() + away_s
        while time.monotonic() < end:
            eventually(partial(watch.has_placed_more_than, watch.placed()), ANSWERS_S, "orders are placed")
            time.sleep(LONG_S)
        if before != (after := watch.epochs()):
            watch.wrong.append(f"without an operator the processes went from {before} to {after}")
    finally:
        replicas(there)


def halt_everybody(watch: Watch, draw: random.Random) -> None:
    name = f"stop-{draw.randint(1, 10**6)}"
    halt = {"apiVersion": "tradingbot.dev/v1alpha1", "kind": "TradingHalt", "metadata": {"name": name},
            "spec": {"reason": "soak", "onDelete": "Keep"}}  # fmt: skip
    watch.demo.kubectl("apply", "-f", "-", stdin=json.dumps(halt))
    eventually(lambda: all(watch.status(bot).get("halts") for bot in BOTS), ANSWERS_S, "every bot is halted")
    watch.halts()
    watch.demo.kubectl("delete", "tradinghalt", name)


def delete_a_lease(watch: Watch, draw: random.Random) -> None:
    bot = draw.choice(sorted(BOTS))
    watch.demo.kubectl("delete", "lease", f"{bot}-0", "--ignore-not-found")


def resume(watch: Watch, draw: random.Random) -> None:
    """All that is known of one bot; what comes meanwhile stays."""
    release(watch, draw.choice(sorted(BOTS)))


def release(watch: Watch, bot: str) -> None:
    """A slot that is scaled away has its halt on its volume, and is released when it comes back."""
    watch.halts()
    released = watch.released[bot]  # of this bot: one TradingHalt's ids are the same for two bots
    if ids := watch.held[bot] - released:
        released |= ids
        watch.demo.kubectl("annotate", f"tb/{bot}", f"{RESUME}={','.join(sorted(released))}", "--overwrite")
        eventually(lambda: not ids & watch.halted(bot), SETTLED_S, f"{bot} is resumed")


class Action(NamedTuple):
    do: Callable[[Watch, random.Random], None]
    weight: int


ACTIONS = (
    Action(change_the_spread, 6), Action(scale, 4), Action(restart, 2), Action(write_nonsense, 1),
    Action(delete_a_pod, 3), Action(kill_a_process, 4), Action(freeze_a_process, 2), Action(take_the_leader_away, 2),
    Action(kill_the_api_server, 1), Action(cut_the_streams, 2), Action(step_a_clock, 2),
    Action(halt_everybody, 2), Action(delete_a_lease, 1),
    Action(resume, 5),
)  # fmt: skip
