"""TradingHalts say how many of their bots are halted: which changes of a bot concern them, and when they count anew."""

from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.observation import concerned
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.store import Store, name_of

COUNTED_AFTER_S = 1.0  # a thousand bots that are halted are not counted a thousand times
_COUNTED = (("metadata", "labels"), ("status", "halts"), ("status", "slots"))


def count_anew(store: Store, queue: WorkQueue[tuple[str, str, str]], before: Manifest, after: Manifest) -> None:
    """`before` and `after`: one TradingBot."""
    if all((before.get(part) or {}).get(key) == (after.get(part) or {}).get(key) for part, key in _COUNTED):
        return
    for halt in store.all("TradingHalt", name_of(after)[0]):
        if any(concerned(halt, [before, after])):
            queue.add_after(("TradingHalt", *name_of(halt)), COUNTED_AFTER_S, Priority.CHILD)
