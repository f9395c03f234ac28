"""What a watch event wakes up, and how urgently."""

from dataclasses import dataclass, field

import kopf

from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.handlers import WATCHED, Intake, configure
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_operator.resync import CHILDREN, RESOURCES
from tradingbot_operator.store import Store, slim

BOT: Key = ("TradingBot", "n", "maker")
VENUE: Key = ("Venue", "n", "venue")


def bot(version: int = 1, generation: int = 1, **metadata: str) -> Manifest:
    side = {"venue": "venue", "symbol": "BTCUSDT"}
    return {"kind": "TradingBot", "spec": {"markets": [{"name": "btc", "reference": side, "execution": side}]},
            "metadata": {"namespace": "n", "name": "maker", "uid": "u", "resourceVersion": str(version),
                         "generation": generation, **metadata}}  # fmt: skip


def child(kind: str, version: int = 1) -> Manifest:
    labels = {"tradingbot.dev/bot": "maker"}
    return {"kind": kind, "metadata": {"namespace": "n", "name": "maker-0", "uid": "p", "labels": labels,
                                       "resourceVersion": str(version)}}  # fmt: skip


@dataclass(slots=True)
class Desk:
    store: Store = field(default_factory=Store)
    queue: WorkQueue[Key] = field(default_factory=lambda: WorkQueue(lambda: 0.0, lambda: 0.5))
    kicked: list[str] = field(default_factory=list)

    def take(self, kind: str, event: str | None, manifest: Manifest) -> dict[Key, Priority]:
        """The keys that the event woke up."""
        Intake(self.store, self.queue, self.kicked.append, lambda *_: None).take(kind, event, manifest)
        woken: dict[Key, Priority] = {}
        while taken := self.queue.machine.take(0.0):
            woken[taken[0]] = taken[1]
            self.queue.done(taken[0])
        return woken


def test_a_new_bot_and_a_new_generation_are_specs_and_a_status_is_not() -> None:
    desk = Desk()

    assert desk.take("TradingBot", None, bot()) == {BOT: Priority.SPEC, VENUE: Priority.SPEC}
    assert desk.take("TradingBot", "MODIFIED", bot(2)) == {BOT: Priority.CHILD}
    assert desk.take("TradingBot", "MODIFIED", bot(3, generation=2))[BOT] is Priority.SPEC


def test_an_edit_wakes_a_venue_only_where_the_bot_names_another_one() -> None:
    desk = Desk()
    desk.take("TradingBot", None, bot())
    moved = bot(3, generation=3)
    moved["spec"]["markets"][0]["execution"] = {"venue": "another", "symbol": "BTCUSDT"}

    assert desk.take("TradingBot", "MODIFIED", bot(2, generation=2)) == {BOT: Priority.SPEC}
    woken = {BOT: Priority.SPEC, VENUE: Priority.SPEC, ("Venue", "n", "another"): Priority.SPEC}
    assert desk.take("TradingBot", "MODIFIED", moved) == woken


def test_our_own_write_coming_back_wakes_nobody() -> None:
    desk = Desk()
    desk.store.put("TradingBot", bot(5))

    assert desk.take("TradingBot", "MODIFIED", bot(5)) == {}
    assert desk.take("TradingBot", "MODIFIED", bot(4)) == {}


def test_a_deletion_goes_before_everything() -> None:
    desk = Desk()
    desk.take("TradingBot", None, bot())

    assert desk.take("TradingBot", "MODIFIED", bot(2, deletionTimestamp="2026-01-01T00:00:00Z"))[BOT] is Priority.HALT


def test_a_venue_wakes_the_bots_that_name_it() -> None:
    desk = Desk()
    desk.take("TradingBot", None, bot())
    venue = {"kind": "Venue", "metadata": {"namespace": "n", "name": "venue", "uid": "v", "resourceVersion": "1"}}

    assert desk.take("Venue", "ADDED", venue) == {VENUE: Priority.SPEC, BOT: Priority.SPEC}
    assert desk.take("Venue", "DELETED", venue).keys() == {VENUE, BOT}


def test_a_pod_wakes_its_bot_and_its_stream() -> None:
    desk = Desk()

    assert desk.take("Pod", "ADDED", child("Pod")) == {BOT: Priority.CHILD}
    assert desk.kicked == ["p"]


def test_a_child_whose_label_was_taken_wakes_the_bot_that_had_it() -> None:
    desk = Desk()
    desk.take("Role", "ADDED", child("Role"))
    stray = child("Role", 2)
    stray["metadata"]["labels"] = {"tradingbot.dev/bot": "another"}

    assert BOT in desk.take("Role", "MODIFIED", stray)
    assert desk.store.children(("n", "maker")) == {}
    assert list(desk.store.children(("n", "another"))) == [("Role", "maker-0")]


def test_every_kind_that_is_listed_is_watched_and_children_are_picked_out_by_the_api_server() -> None:
    settings = kopf.OperatorSettings()
    configure(settings)

    selectors = {kind: list(settings.watching.label_selectors.collect(kopf.Resource(*resource)))
                 for kind, resource in WATCHED}  # fmt: skip

    assert selectors == {kind: [] for kind in RESOURCES} | {kind: [names.SELECTOR] for kind in CHILDREN}


def test_no_secret_is_kept_in_memory() -> None:
    metadata = {"name": "s", "namespace": "n"}
    secret = {"kind": "Secret", "metadata": metadata | {"managedFields": []}, "data": {"token": "x"}}

    assert slim("Secret", secret) == {"kind": "Secret", "metadata": metadata}
