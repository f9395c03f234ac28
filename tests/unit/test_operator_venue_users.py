"""For whom a Venue that is being deleted waits: bots that trade there, and nobody who was never let in."""

from harness.bot_world import KEYED, KEYS, LIVE, manifest
from harness.fake_desk import NAMESPACE, FakeDesk, placed

VENUE = ("Venue", NAMESPACE, "venue")
CONFIG = ("ConfigMap", NAMESPACE, "maker-slots")


def desk(*, keys: bool) -> FakeDesk:
    """Without the keys a bot in mode Live is never accepted."""
    made = FakeDesk()
    for document in (*([KEYS] if keys else []), KEYED, manifest(**LIVE)):
        made.api.add(placed(document))
    made.settle()
    made.api.change(VENUE, metadata={"deletionTimestamp": "2026-01-02T00:00:00Z"})
    return made


def message(desk: FakeDesk) -> str:
    conditions = desk.api.objects["TradingBot", NAMESPACE, "maker"]["status"]["conditions"]
    return next(str(c["message"]) for c in conditions if c["type"] == "SpecAccepted")


def test_a_bot_that_was_never_accepted_holds_no_venue() -> None:
    here = desk(keys=False)
    assert message(here) == "there is no Secret keys (Venue venue)"

    while here.live():
        pass
    assert VENUE not in here.api.objects
    assert message(here) == "there is no Venue venue in this namespace"


def test_a_bot_that_trades_there_holds_it() -> None:
    here = desk(keys=True)
    here.settle()

    assert here.api.objects[VENUE]["status"]["usedBy"] == ["maker"]
    assert message(here).startswith("this spec is the one that is carried out")


def test_a_bot_that_was_told_yes_a_moment_ago_holds_it_before_its_first_write() -> None:
    here = FakeDesk()
    for document in (KEYS, KEYED, manifest(**LIVE)):
        here.api.add(placed(document))
    here.api.denied = frozenset({"ConfigMap"})
    for _ in range(200):
        here.live()
        here.time_s += 1
    assert CONFIG not in here.api.objects
    here.api.change(VENUE, metadata={"deletionTimestamp": "2026-01-02T00:00:00Z"})
    here.store.claims["n", "maker"] = frozenset({"venue/BTCUSDT"})
    here.hear(0)
    here.queue.forget(("TradingBot", NAMESPACE, "maker"))  # it is between its decision and its write
    here.work()

    assert VENUE in here.api.objects


def test_who_comes_while_it_is_going_is_told_so() -> None:
    here = desk(keys=True)
    here.api.add(placed(manifest("late", symbols=("ETHUSDT",), **LIVE)))
    here.settle()

    conditions = here.api.objects["TradingBot", NAMESPACE, "late"]["status"]["conditions"]
    said = next((c["reason"], c["message"]) for c in conditions if c["type"] == "SpecAccepted")
    assert said == ("ReferenceNotFound", "Venue venue is being deleted: no other bot begins there")
    assert here.api.objects[VENUE]["status"]["usedBy"] == ["maker"]
