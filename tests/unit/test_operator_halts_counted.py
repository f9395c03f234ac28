"""A TradingHalt counts its bots when something that it counts has changed, and at most once a second."""

from dataclasses import dataclass
from typing import Any

from harness.bot_world import KEYED, KEYS, LIVE, VENUE, manifest
from harness.fake_desk import NAMESPACE, FakeDesk, placed
from tradingbot_operator.halts_counted import COUNTED_AFTER_S, count_anew
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.store import Store


@dataclass(slots=True)
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


HALT = {"apiVersion": VENUE["apiVersion"], "kind": "TradingHalt", "metadata": {"name": "all", "uid": "halt"},
        "spec": {"selector": {}, "reason": "test"}}  # fmt: skip
BOTS = 4


def desk() -> FakeDesk:
    """Several bots that trade."""
    made = FakeDesk()
    for document in (KEYS, KEYED, *(manifest(f"bot-{n}", symbols=(f"{n}USDT",), **LIVE) for n in range(BOTS))):
        made.api.add(placed(document))
    made.settle()
    return made


def live(desk: FakeDesk, for_s: float) -> None:
    """Without a sweep: only what watches, streams and the operator's own writes bring."""
    end_s = desk.time_s + for_s
    while desk.time_s <= end_s:
        while desk.live():
            pass
        desk.time_s += 0.1


def status(desk: FakeDesk) -> dict[str, Any]:
    return dict(desk.api.objects[("TradingHalt", NAMESPACE, "all")].get("status") or {})


def test_it_is_told_of_bots_that_we_have_halted_ourselves_without_waiting_for_a_sweep() -> None:
    """What we write comes back over the watch as no news: that must not be all that it counts by."""
    made = desk()
    made.api.add(placed(HALT))
    live(made, 3 * COUNTED_AFTER_S)

    assert (status(made)["bots"], status(made)["halted"]) == (BOTS, BOTS)


def test_bots_that_are_halted_one_after_the_other_are_counted_together() -> None:
    store, clock = Store(), Clock()
    queue: WorkQueue[tuple[str, str, str]] = WorkQueue(clock, lambda: 0.5)
    key = ("TradingHalt", NAMESPACE, "all")
    store.put("TradingHalt", placed(HALT))
    before = placed(manifest())

    for clock.now_s in (0.0, 0.5, 0.9):
        count_anew(store, queue, before, before | {"status": {"slots": [{"ordinal": round(10 * clock.now_s)}]}})
        assert queue.machine.take(clock.now_s) is None
    count_anew(store, queue, before, before)

    assert queue.machine.take(COUNTED_AFTER_S) == (key, Priority.CHILD)
    queue.done(key)
    assert queue.machine.next_due() is None
