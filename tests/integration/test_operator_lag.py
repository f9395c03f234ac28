"""A watch tells of an object some time after the API server has it: what it has not told yet is not called missing."""

import pytest

from harness.bot_world import API, KEYED, LIVE, VENUE, manifest
from harness.control_plane import ControlPlane
from harness.in_process import Parts, with_parts
from harness.operator_process import conditions
from tradingbot_operator.queue import Priority
from tradingbot_operator.store import slim

pytestmark = pytest.mark.controlplane


def reconciled(plane: ControlPlane, namespace: str) -> dict[str, tuple[str, str]]:
    """The conditions after one reconciliation by an operator whose watches have told of the bot and of no Venue."""

    async def work(parts: Parts) -> None:
        bot = await parts.cluster.get("TradingBot", namespace, "maker")
        assert bot
        parts.store.put("TradingBot", slim("TradingBot", bot))
        await parts.reconciler.reconcile(("TradingBot", namespace, "maker"))

    with_parts(plane, work)
    found = conditions(plane.client.get(API, "TradingBot", namespace, "maker"))
    plane.client.merge(API, "TradingBot", namespace, "maker", {"metadata": {"finalizers": []}})
    return found


def test_a_venue_that_came_with_its_bot_is_found_before_its_watch_tells(
    tradingbot_api: ControlPlane, namespace: str
) -> None:
    for wanted in (manifest(), VENUE):
        tradingbot_api.client.apply(wanted, namespace)

    assert reconciled(tradingbot_api, namespace)["SpecAccepted"] == ("True", "Valid")

    assert tradingbot_api.client.get("apps/v1", "StatefulSet", namespace, "maker")
    assert not [e for e in tradingbot_api.client.list("v1", "Event", namespace) if e["type"] == "Warning"]


def test_the_credentials_of_a_venue_that_no_watch_has_told_of_are_looked_for(
    tradingbot_api: ControlPlane, namespace: str
) -> None:
    for wanted in (manifest(**LIVE), KEYED):
        tradingbot_api.client.apply(wanted, namespace)

    assert reconciled(tradingbot_api, namespace)["SpecAccepted"] == ("False", "CredentialsMissing")


def test_a_venue_that_is_not_there_is_still_said_to_be_missing(tradingbot_api: ControlPlane, namespace: str) -> None:
    tradingbot_api.client.apply(manifest(), namespace)

    assert reconciled(tradingbot_api, namespace)["SpecAccepted"] == ("False", "ReferenceNotFound")


def test_an_edit_that_only_the_answer_to_a_status_holds_is_looked_at(
    tradingbot_api: ControlPlane, namespace: str
) -> None:
    key, client = ("TradingBot", namespace, "maker"), tradingbot_api.client
    waiting: list[int] = []

    async def work(parts: Parts) -> None:
        for edit in (None, "Paused"):
            bot = await parts.cluster.get(*key)
            assert bot
            if edit:
                client.merge(API, "TradingBot", namespace, "maker", {"spec": {"desiredState": edit}})
            parts.store.forget("TradingBot", key[1:])
            parts.store.put("TradingBot", slim("TradingBot", bot | {"status": {}}))  # so that one is due
            await parts.reconciler.reconcile(key)
            waiting.append(parts.reconciler.queue.waiting(Priority.SPEC))

    for wanted in (manifest(), VENUE):
        client.apply(wanted, namespace)
    with_parts(tradingbot_api, work)
    client.merge(API, "TradingBot", namespace, "maker", {"metadata": {"finalizers": []}})

    assert waiting == [0, 1]
