"""`make soak-operator`: half an hour of random edits, kills, cuts and halts against the operator on the local cluster.

    PYTHONPATH=tests:hack/demo python hack/soak/operator_soak.py [--minutes 30] [--away 10] [--seed N]

Two bots with three markets trade at a simulator, at first for ten minutes without an operator. All the time one market
has orders of one slot only; no halt is lost; no order id is given twice, and no process places an order after its
successor has; in the end every bot is Ready with the position that the exchange says (unless a slot had to be given
up, which halts), the operator's store is what a LIST says, and after the deletion the venue is empty. Exit code 1 when
any of it is not so.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter

import faketime_image
from operator_actions import ACTIONS, release, send_the_operator_away
from operator_world import BOTS, Watch, soaked

from harness.exposition import sum_of
from harness.kind_cluster import CLUSTER, SYSTEM, eventually, install_operator, kubectl, leader
from tradingbot_operator.core.names import SELECTOR

PAUSE_S = (1.0, 8.0)
MANAGED = {"StatefulSet": "statefulsets", "ConfigMap": "configmaps", "Pod": "pods", "Service": "services"}
SWEPT_S = 420  # the operator lists everything every five minutes
GONE_S = 120


def run(watch: Watch, minutes: float, draw: random.Random) -> Counter[str]:
    done: Counter[str] = Counter()
    end, began = time.monotonic() + 60 * minutes, time.monotonic()
    while time.monotonic() < end and not watch.wrong:
        action = draw.choices(ACTIONS, [each.weight for each in ACTIONS])[0]
        print(f"{time.monotonic() - began:6.0f} s  {action.do.__name__.replace('_', ' ')}", flush=True)
        action.do(watch, draw)
        done[action.do.__name__] += 1
        watch.halts()
        if sum(done.values()) % 10 == 0:
            watch.orders()
        time.sleep(draw.uniform(*PAUSE_S))
    return done


def metrics() -> str:
    return kubectl(
        "get", "--raw", f"/api/v1/namespaces/{SYSTEM.namespace}/pods/{leader()}:8080/proxy/metrics", check=False
    )


def store_differs() -> list[str]:
    """After a sweep: objects that the leader has in its store, against what the API server lists."""

    def differences() -> list[str]:
        text, found = metrics(), []
        for kind, plural in MANAGED.items():
            listed = json.loads(kubectl("get", plural, "-A", "-l", SELECTOR, "-o", "json"))["items"]
            stored = sum_of(text, "tradingbot_operator_cache_objects", kind=kind)
            if stored != len(listed):
                found.append(f"{kind}: {stored:.0f} in the store, {len(listed)} listed")
        return found

    try:
        eventually(lambda: not differences(), SWEPT_S, "the store is what a LIST says")
    except AssertionError:
        return differences()
    return []


def in_the_end(watch: Watch) -> list[str]:
    """What is wrong once nothing happens any more."""
    for bot in BOTS:
        watch.demo.kubectl("scale", f"tb/{bot}", f"--replicas={len(BOTS[bot])}")

    def release_all() -> None:
        """Also what only now shows: a clock is compared now and then, and a slot that was away comes back halted."""
        for bot in BOTS:
            release(watch, bot)

    print(f"everybody is Ready after {watch.settled(release_all):.0f} s", flush=True)
    watch.orders()
    print(f"{len(watch.losses)} halts with JournalLost", *sorted(watch.losses), sep="\n  ", flush=True)
    differ = "" if watch.losses else watch.positions_differ()
    wrong = [*watch.wrong, *store_differs(), *filter(None, [differ])]
    watch.demo.kubectl("delete", "tb", "--all", "--wait=false")
    eventually(lambda: not watch.demo.kubectl("get", "tb", "-o", "name"), GONE_S, "the bots are gone")
    left = watch.demo.venue()["openOrders"]
    return [*wrong, *(f"order {order['clientOrderId']} is left at the venue" for order in left)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="for how long (default: 30)")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of what is drawn (default: another each time)"
    )
    parser.add_argument("--away", type=float, default=10, help="minutes without an operator before them (default: 10)")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    faketime_image.build()
    subprocess.run([CLUSTER, "load", faketime_image.ARCHIVE], check=True)
    install_operator()
    with soaked() as demo:
        watch = Watch(demo)
        print(f"both bots are Ready after {watch.settled():.0f} s", flush=True)
        with watch.watching():
            print(f"the operator goes away for {options.away:g} minutes", flush=True)
            send_the_operator_away(watch, 60 * options.away)
            done = run(watch, options.minutes, random.Random(options.seed))  # noqa: S311 - no secret is drawn
            wrong = in_the_end(watch) if not watch.wrong else watch.wrong
    for name, times in sorted(done.items()):
        print(f"{times:4}  {name.replace('_', ' ')}")
    print(f"{watch.looks} looks at the venue; {len(wrong)} things wrong", flush=True)
    for each in wrong:
        print(f"WRONG: {each}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
