"""The leading operator is killed on a real cluster: the other replica goes on, and no bot notices.

Alone: whoever measured beside it would wait for the next leader, too.
"""

import time
from collections.abc import Callable

import pytest

from harness.kind_cluster import OPERATOR, SYSTEM, World, eventually, kubectl, leader

pytestmark = pytest.mark.cluster


def test_a_killed_leader_is_followed_by_the_other_replica(
    demo: World, measure: Callable[[str, float, float], None]
) -> None:
    demo.apply_bot()
    demo.wait_ready()
    eventually(lambda: demo.quoting("demo-0"), 15, "quoting")
    before, killed = demo.get("pod", "demo-0"), leader()
    assert SYSTEM.get("deployment", OPERATOR)["status"]["readyReplicas"] == 2

    # It must not be able to give its Lease back.
    SYSTEM.signal_container(killed, "SIGSTOP")
    started = time.monotonic()
    kubectl("-n", SYSTEM.namespace, "delete", "pod", killed, "--force", "--grace-period=0")
    demo.kubectl("patch", "tb/demo", "--type=merge", "-p", '{"spec":{"strategy":{"marketMaking":{"spreadBps":"7"}}}}')
    eventually(lambda: demo.get("tb/demo")["status"]["observedGeneration"] == 2, 60, "the next leader reconciles")
    measure("operator's leader killed -> the next one has reconciled", time.monotonic() - started, 25)

    assert leader() not in ("", killed)
    after = demo.get("pod", "demo-0")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    (was,), (is_now,) = (pod["status"]["containerStatuses"] for pod in (before, after))
    assert (is_now["containerID"], is_now["restartCount"]) == (was["containerID"], was["restartCount"])
    assert demo.quoting("demo-0", epoch=1)
