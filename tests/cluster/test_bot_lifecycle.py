"""A TradingBot on a real cluster, from apply to delete, and through what may happen to it in between."""

import time
from collections import Counter
from collections.abc import Callable

import pytest

from harness.kind_cluster import World, eventually, kubectl

pytestmark = pytest.mark.cluster
Measure = Callable[..., None]
LEASE_S, RENEW_S = 120, 30


def assert_no_duplicate_and_no_orphan(demo: World, pod: str) -> None:
    """No client id was used twice, and every order that is open at the venue is one that the runtime knows."""
    ids = Counter(order["clientOrderId"] for order in demo.every_order())
    assert [name for name, count in ids.items() if count > 1] == []

    def at_venue() -> set[str]:
        return {order["clientOrderId"] for order in demo.venue()["openOrders"]}

    def all_known() -> bool:
        before = at_venue()
        known = {o["id"] for m in demo.slot(pod)["markets"].values() for o in m["orders"]}
        return before & at_venue() <= known  # the others came or went while we asked

    eventually(all_known, 20, "every open order is known to the runtime")


def test_apply_quote_and_delete(demo: World, measure: Measure) -> None:
    started = time.monotonic()
    demo.apply_bot()
    eventually(lambda: demo.venue()["openOrders"], 30, "the first resting order")
    measure("apply -> first resting quote at the venue", time.monotonic() - started, 10)
    demo.wait_ready()
    ready = demo.condition("Ready")
    assert (ready["status"], ready["reason"], ready["observedGeneration"]) == ("True", "Trading", 1)
    memory_kb = next(
        int(line.split()[1])
        for line in demo.kubectl(
            "exec", "demo-0", "--", "/usr/local/bin/python3", "-c", "print(open('/proc/1/status').read())"
        ).splitlines()
        if line.startswith("VmRSS")
    )
    measure("resident memory of the runtime", memory_kb / 1024, 90, "MB")

    deleted = time.monotonic()
    demo.kubectl("delete", "tb/demo", "--wait=false")
    eventually(lambda: not demo.venue()["openOrders"], 30, "no order at the venue")
    measure("kubectl delete tb -> no order left at the venue", time.monotonic() - deleted, 5)
    eventually(lambda: not demo.kubectl("get", "tb", "-o", "name"), 30, "the resource is gone")
    assert demo.venue()["openOrders"] == []


def test_apply_to_ready(demo: World, measure: Measure) -> None:
    started = time.monotonic()
    demo.apply_bot()
    demo.wait_ready()
    measure("apply -> Ready=True", time.monotonic() - started, 8)
    assert {c["type"] for c in demo.get("tb/demo")["status"]["conditions"]} >= {
        "Ready", "Reconciling", "Stalled", "SpecAccepted", "Available", "TradingEnabled", "Flat"
    }  # fmt: skip
    assert all(c["observedGeneration"] == 1 for c in demo.get("tb/demo")["status"]["conditions"])


def test_a_killed_container_quotes_again_without_duplicate_or_orphan(demo: World, measure: Measure) -> None:
    demo.apply_bot()
    demo.wait_ready()
    eventually(lambda: demo.quoting("demo-0"), 15, "quoting")
    uid = demo.get("pod", "demo-0")["metadata"]["uid"]

    started = time.monotonic()
    demo.signal_container("demo-0", "SIGKILL")
    eventually(lambda: demo.quoting("demo-0", epoch=2), 30, "quoting again")
    measure("container killed with SIGKILL -> quoting again", time.monotonic() - started, 15)

    assert demo.get("pod", "demo-0")["metadata"]["uid"] == uid
    assert_no_duplicate_and_no_orphan(demo, "demo-0")


def test_a_new_pod_waits_for_the_old_ones_lease(demo: World, measure: Measure) -> None:
    demo.apply_bot()
    demo.wait_ready()
    eventually(lambda: demo.quoting("demo-0"), 15, "quoting")
    lease = demo.get("lease", "demo-0")
    uid = demo.get("pod", "demo-0")["metadata"]["uid"]
    assert lease["spec"]["holderIdentity"] == uid

    # The old process must not be able to hand the Lease over: it is stopped first, then its pod is taken away.
    demo.signal_container("demo-0", "SIGSTOP")
    started = time.monotonic()
    demo.kubectl("delete", "pod/demo-0", "--force", "--grace-period=0")
    eventually(lambda: demo.slot("demo-0").get("state"), 90, "the new pod answers")
    assert demo.get("pod", "demo-0")["metadata"]["uid"] != uid
    assert demo.get("lease", "demo-0")["spec"]["holderIdentity"] == uid
    assert "Lease" in demo.slot("demo-0")["message"]
    while demo.slot("demo-0").get("state") == "Starting" and time.monotonic() - started < LEASE_S - 25:
        assert not demo.quoting("demo-0")
        time.sleep(0.2)
    eventually(lambda: demo.quoting("demo-0"), LEASE_S, "quoting again")
    waited = time.monotonic() - started
    assert waited > LEASE_S - 35, "it must not quote before the old Lease ran out (renewed at most 30 s before)"
    measure("pod force-deleted (new UID) -> quoting after the Lease ran out", waited, LEASE_S + 15)
    assert_no_duplicate_and_no_orphan(demo, "demo-0")


def test_a_changed_spread_is_taken_while_running(demo: World) -> None:
    demo.apply_bot()
    demo.wait_ready()
    before = demo.get("pod", "demo-0")
    applied = demo.get("tb/demo")["status"]["configHash"]["applied"]

    demo.kubectl("patch", "tb/demo", "--type=merge", "-p", '{"spec":{"strategy":{"marketMaking":{"spreadBps":"7"}}}}')

    def acknowledged() -> bool:
        status = demo.get("tb/demo")["status"]
        hashes = status["configHash"]
        return bool(status["observedGeneration"] == 2 and hashes["applied"] == hashes["desired"] != applied)

    eventually(acknowledged, 10, "the new spread is acknowledged")
    after = demo.get("pod", "demo-0")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_deleted_pod_cancels_hands_over_and_comes_back(demo: World, measure: Measure) -> None:
    demo.apply_bot()
    demo.wait_ready()
    eventually(lambda: demo.quoting("demo-0"), 15, "quoting")

    started = time.monotonic()
    demo.kubectl("delete", "pod/demo-0")
    assert demo.venue()["openOrders"] == []
    eventually(lambda: demo.quoting("demo-0", epoch=2), 30, "quoting again")
    measure("pod deleted (SIGTERM) -> handed over and quoting again", time.monotonic() - started, 30)


def test_an_invalid_spec_is_refused_and_the_old_one_goes_on(demo: World) -> None:
    demo.apply_bot()
    demo.wait_ready()
    demo.kubectl("patch", "tb/demo", "--type=merge", "-p",
                 '{"spec":{"markets":[{"name":"btc","reference":{"venue":"nowhere","symbol":"BTCUSDT"},'
                 '"execution":{"venue":"simulator","symbol":"BTCUSDT"}}]}}')  # fmt: skip
    eventually(lambda: demo.condition("SpecAccepted").get("status") == "False", 10, "SpecAccepted=False")
    assert "nowhere" in demo.condition("SpecAccepted")["message"]
    assert demo.quoting("demo-0")


def test_a_recreated_bot_takes_its_volume_and_trades_again(demo: World) -> None:
    demo.apply_bot()
    demo.wait_ready()
    eventually(lambda: demo.quoting("demo-0"), 15, "quoting")
    old = demo.get("pod", "demo-0")["metadata"]["uid"]
    demo.kubectl("delete", "tb/demo", "--timeout=60s")
    demo.apply_bot()
    demo.wait_ready()
    assert demo.get("pod", "demo-0")["metadata"]["uid"] != old, "Ready was said of the old bot's pod"
    eventually(lambda: demo.quoting("demo-0", epoch=2), 30, "quoting again, with the old journal")
    assert_no_duplicate_and_no_orphan(demo, "demo-0")


def test_a_second_slot_without_a_market_idles_and_says_so(demo: World) -> None:
    demo.apply_bot()
    demo.wait_ready()
    demo.kubectl("scale", "tb/demo", "--replicas=2")
    eventually(lambda: demo.slot("demo-1").get("reason") == "Idle" or demo.slot("demo-0").get("reason") == "Idle",
               60, "one of the slots idles")  # fmt: skip
    eventually(lambda: demo.condition("Ready").get("status") == "True", 30, "Ready")
    quoting = [pod for pod in ("demo-0", "demo-1") if demo.quoting(pod)]
    eventually(lambda: len([p for p in ("demo-0", "demo-1") if demo.quoting(p)]) == 1, 15, "exactly one slot quotes")
    assert len(quoting) <= 1


def test_scaled_to_zero_and_back_the_lease_was_handed_over(demo: World) -> None:
    demo.apply_bot()
    demo.wait_ready()
    eventually(lambda: demo.quoting("demo-0"), 15, "quoting")
    demo.kubectl("scale", "tb/demo", "--replicas=0")
    eventually(lambda: not demo.get("pods", "-l", "tradingbot.dev/bot=demo")["items"], 45, "the pod is gone")
    assert demo.venue()["openOrders"] == []
    assert not demo.get("lease", "demo-0")["spec"].get("holderIdentity"), "the pod may release its Lease to the end"
    demo.kubectl("scale", "tb/demo", "--replicas=1")
    eventually(lambda: demo.quoting("demo-0"), 45, "quoting again, without waiting for the Lease to run out")


def test_deleted_leases_stop_a_bot_without_the_operator_until_a_person_resumes(demo: World, measure: Measure) -> None:
    demo.apply_bot()
    demo.wait_ready()
    eventually(lambda: demo.quoting("demo-0"), 15, "quoting")
    started = time.monotonic()
    demo.kubectl("delete", "lease", "-l", "tradingbot.dev/bot=demo")
    eventually(lambda: not demo.venue()["openOrders"], RENEW_S + 15, "no order is left at the venue")
    measure("kubectl delete lease -> no order left at the venue", time.monotonic() - started, RENEW_S + 5)
    eventually(lambda: demo.condition("Halted").get("reason") == "ManualHalt", 30, "Halted=True")
    assert demo.get("leases")["items"] == []

    (halt,) = demo.get("tb/demo")["status"]["halts"]
    demo.kubectl("annotate", "tb/demo", f"tradingbot.dev/resume={halt['id']}")
    eventually(lambda: demo.quoting("demo-0"), 60, "quoting again")
    eventually(lambda: demo.condition("Halted")["status"] == "False", 10, "the status says so, a moment later")
    assert_no_duplicate_and_no_orphan(demo, "demo-0")


def test_the_operators_log_holds_no_forbidden_and_no_secret(demo: World) -> None:
    import base64  # noqa: PLC0415 - this test alone needs it

    demo.apply_bot()
    demo.wait_ready()
    keys = demo.get("secret", "demo-keys")["data"].values()
    token = demo.get("secret", "demo-control")["data"]["token"]
    logs = kubectl("-n", "tradingbot-system", "logs", "-l", "app.kubernetes.io/name=tradingbot-operator", "--tail=-1")
    everything = logs + demo.kubectl("logs", "demo-0") + demo.kubectl("get", "tb,venue,cm,events,sts", "-o", "yaml")
    assert "Forbidden" not in logs
    for secret in (*keys, token):
        assert base64.b64decode(secret).decode() not in everything
