"""The store: the newest version wins, and a sweep finds what the watches lost."""

import json

import pytest

from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.store import Store, slim


def pod(name: str = "maker-0", version: str = "5", uid: str = "u") -> Manifest:
    return {"metadata": {"namespace": "n", "name": name, "uid": uid, "resourceVersion": version,
                         "labels": {"tradingbot.dev/bot": "maker"}}}  # fmt: skip


def test_a_late_event_does_not_undo_our_own_write() -> None:
    store = Store()
    store.put("Pod", pod(version="10"))

    assert not store.put("Pod", pod(version="9"))
    assert store.get("Pod", ("n", "maker-0")) == pod(version="10")


def test_a_recreated_object_replaces_its_namesake_and_its_deletion_comes_too_late() -> None:
    store = Store()
    store.put("Pod", pod(version="10", uid="old"))

    assert store.put("Pod", pod(version="12", uid="new"))
    assert not store.remove("Pod", pod(version="11", uid="old"))
    assert store.get("Pod", ("n", "maker-0")) == pod(version="12", uid="new")


def test_a_watch_that_lags_behind_a_sweep_does_not_bring_a_predecessor_back() -> None:
    store = Store()
    store.put("Pod", pod(version="12", uid="new"))

    assert not store.put("Pod", pod(version="10", uid="old"))
    assert store.get("Pod", ("n", "maker-0")) == pod(version="12", uid="new")


def test_children_are_found_by_their_bot_and_forgotten_with_them() -> None:
    store = Store()
    store.put("Pod", pod())

    assert list(store.children(("n", "maker"))) == [("Pod", "maker-0")]
    store.remove("Pod", pod())
    assert store.children(("n", "maker")) == {}


def test_a_sweep_drops_ghosts_and_learns_what_was_missed() -> None:
    store = Store()
    store.put("Pod", pod("ghost"))
    store.put("Pod", pod("known"))

    with store.sweep("Pod") as sweep:
        sweep.see(pod("known"))
        sweep.see(pod("missed"))

    assert [g["metadata"]["name"] for g in sweep.ghosts] == ["ghost"]
    assert [m["metadata"]["name"] for m in sweep.missed] == ["missed"]
    assert store.names("Pod") == (("n", "known"), ("n", "missed"))


def test_what_the_watch_says_during_a_list_is_newer_than_the_list() -> None:
    store = Store()
    store.put("Pod", pod("deleted"))

    with store.sweep("Pod") as sweep:
        store.put("Pod", pod("created", version="9"))
        store.remove("Pod", pod("deleted"))
        sweep.see(pod("deleted"))

    assert store.names("Pod") == (("n", "created"),)
    assert not sweep.ghosts


def test_a_list_that_breaks_off_drops_nothing() -> None:
    store = Store()
    store.put("Pod", pod())

    with pytest.raises(TimeoutError), store.sweep("Pod"):
        raise TimeoutError

    assert store.get("Pod", ("n", "maker-0"))


def test_words_that_many_objects_say_are_kept_once() -> None:
    told = '{"metadata": {"name": "maker", "labels": {"label": "x"}}}'
    first, second = (slim("Role", json.loads(told)) for _ in range(2))

    assert first == second
    assert first["metadata"]["name"] is second["metadata"]["name"]
    assert next(iter(first["metadata"]["labels"])) is next(iter(second["metadata"]["labels"]))
