"""A node is lost with a bot's process and journal on it: its orders are withdrawn from another node, and it comes back.

Alone: it takes the one node away on which everybody's pods are.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from harness.kind_cluster import CLUSTER, OPERATOR, SYSTEM, World, eventually, in_node, kubectl

pytestmark = pytest.mark.cluster
Measure = Callable[..., None]
DEPLOYMENT = f"deployment/{OPERATOR}"
ROLE = "node-role.kubernetes.io/control-plane"
LEASE_S = 120
# Else the market of two minutes fills what nobody withdraws.
FAR = {"spreadBps": "95", "sizes": ["0.001"], "hysteresis": {"ticks": 1000}}
LOOKED_AT_S, JOB_S = 7, 20  # every five seconds, from two after the stream broke; a pod that starts, asks and ends


def docker(*arguments: str) -> None:
    subprocess.run([CLUSTER, "docker", *arguments], check=True, capture_output=True, timeout=60)


def nodes() -> dict[str, bool]:
    """By name: whether it is the control plane."""
    found = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    return {node["metadata"]["name"]: ROLE in node["metadata"]["labels"] for node in found}


def copy_images(source: str, target: str) -> None:
    """Images are loaded onto workers alone."""
    ctr = ("ctr", "--namespace", "k8s.io", "images")
    listed = in_node(source, *ctr, "list", "--quiet")
    ours = [name for name in listed.split() if name.startswith("tradingbot.dev/")]
    assert len(ours) >= 2, listed
    exported = subprocess.run([CLUSTER, "docker", "exec", source, *ctr, "export", "-", *ours], check=True,
                              capture_output=True, timeout=120).stdout  # fmt: skip
    subprocess.run([CLUSTER, "docker", "exec", "-i", target, *ctr, "import", "-"], input=exported, check=True,
                   capture_output=True, timeout=120)  # fmt: skip


def pin(where: World, deployment: str, node: str) -> None:
    selector = {"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": node}}}}}
    where.kubectl("patch", deployment, "--type=merge", "-p", json.dumps(selector))
    where.kubectl("rollout", "status", deployment, "--timeout=120s")


def unpin(where: World, deployment: str) -> None:
    selector = {"spec": {"template": {"spec": {"nodeSelector": None}}}}
    where.kubectl("patch", deployment, "--type=merge", "-p", json.dumps(selector))


@pytest.fixture
def doomed(demo: World) -> Iterator[str]:
    """The worker, on which only the bot is; operators and exchange are on the control plane. It is given back."""
    (safe,) = [name for name, is_control_plane in nodes().items() if is_control_plane]
    (worker,) = [name for name, is_control_plane in nodes().items() if not is_control_plane]
    copy_images(worker, safe)
    kubectl("taint", "node", safe, f"{ROLE}:NoSchedule-", check=False)
    try:
        pin(SYSTEM, DEPLOYMENT, safe)
        pin(demo, "deployment/simulator", safe)
        kubectl("cordon", safe)  # the bot goes to the other one
        yield worker
    finally:
        with suppress(subprocess.CalledProcessError):  # it is not paused any more
            docker("unpause", worker)
        kubectl("uncordon", safe, check=False)
        unpin(SYSTEM, DEPLOYMENT)
        kubectl("wait", "node", worker, "--for=condition=Ready", "--timeout=120s")
        kubectl("taint", "node", safe, f"{ROLE}:NoSchedule", "--overwrite")
        kubectl("-n", SYSTEM.namespace, "delete", "pods", "--all", "--wait=false")
        kubectl("-n", SYSTEM.namespace, "rollout", "status", DEPLOYMENT, "--timeout=120s")


def withdrawal(demo: World) -> dict[str, str]:
    (slot,) = demo.get("tb/demo")["status"]["slots"]
    return dict(slot.get("withdrawal") or {})


def test_a_slot_whose_node_is_gone_has_its_orders_withdrawn_and_quotes_when_the_node_is_back(
    demo: World, doomed: str, measure: Measure
) -> None:
    demo.apply_bot(strategy={"marketMaking": FAR})
    demo.wait_ready()
    eventually(lambda: demo.quoting("demo-0"), 15, "quoting")
    pod = demo.get("pod", "demo-0")
    assert pod["spec"]["nodeName"] == doomed
    (safe,) = [name for name in nodes() if name != doomed]
    kubectl("uncordon", safe)

    docker("pause", doomed)
    lost = time.monotonic()
    assert demo.venue()["openOrders"], "nobody has withdrawn them"
    eventually(lambda: not demo.venue()["openOrders"], LEASE_S + 60, "no order of it is at the venue")
    measure("node lost -> its slot's orders withdrawn by a Job", time.monotonic() - lost, LEASE_S + LOOKED_AT_S + JOB_S)
    assert time.monotonic() - lost > LEASE_S, "a slot that may live keeps its orders"
    eventually(lambda: withdrawal(demo)["state"] == "Succeeded", 30, "the status says so")
    job = withdrawal(demo)["job"]
    assert "no order of ours at venue" in demo.kubectl("logs", f"job/{job}")

    docker("unpause", doomed)
    eventually(lambda: demo.quoting("demo-0"), 120, "it quotes again")
    eventually(lambda: not withdrawal(demo), 30, "and needs no Job")
    assert demo.kubectl("get", "job", job, "--ignore-not-found", "-o", "name") == ""
    ids = [order["clientOrderId"] for order in demo.every_order()]
    assert len(ids) == len(set(ids))
