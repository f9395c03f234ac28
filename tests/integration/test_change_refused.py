"""What is of class Recreate cannot be changed: the API server says so, and what to do instead."""

from http import HTTPStatus

import pytest

from harness.api_client import ApiClient, Object
from harness.bad_manifests import API_VERSION
from harness.control_plane import ControlPlane
from harness.every_field import Document, bot_document, changed, venue_document
from tradingbot_runtime.config import TradingBotSpec, VenueSpec
from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.change_classes import change_classes

pytestmark = pytest.mark.controlplane
RECREATE = {path for model in (TradingBotSpec, VenueSpec) for path, change in change_classes(model)
            if change is ChangeClass.RECREATE}  # fmt: skip
BOTS = {path: new for path, new in changed(TradingBotSpec, bot_document("grid")) if path in RECREATE}
VENUES = {path: new for path, new in changed(VenueSpec, venue_document()) if path in RECREATE}


def of(kind: str, spec: Document) -> Object:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "one"}, "spec": spec}


@pytest.fixture
def client(tradingbot_api: ControlPlane) -> ApiClient:
    return tradingbot_api.client


@pytest.fixture
def a_bot(client: ApiClient, namespace: str) -> Object:
    """Its StatefulSet was made."""
    bot = of("TradingBot", bot_document("grid"))
    client.apply(bot, namespace)
    client.merge(API_VERSION, "TradingBot", namespace, "one", {"status": {"updateRevision": "r-1"}}, "status")
    return bot


@pytest.mark.parametrize("path", BOTS)
@pytest.mark.usefixtures("a_bot")
def test_the_api_server_refuses_another_volume_under_a_bot(client: ApiClient, namespace: str, path: str) -> None:
    answer = client.try_apply(of("TradingBot", BOTS[path]), namespace)

    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f"spec.{path}: " in answer.message
    assert "cannot be changed: the volumes were made with the bot" in answer.message


def test_a_storage_class_can_neither_come_nor_go_under_a_bot(client: ApiClient, namespace: str, a_bot: Object) -> None:
    del a_bot["spec"]["storage"]["storageClassName"]

    answer = client.try_apply(a_bot, namespace)

    assert "spec.storage.storageClassName: " in answer.message


def test_what_is_hot_in_the_same_part_can_be_changed(client: ApiClient, namespace: str, a_bot: Object) -> None:
    a_bot["spec"]["storage"] |= {"inputs": "50Mi", "history": "100Mi"}

    assert client.try_apply(a_bot, namespace).ok


@pytest.mark.parametrize("path", BOTS)
def test_a_bot_that_has_no_stateful_set_yet_may_be_put_right(client: ApiClient, namespace: str, path: str) -> None:
    client.apply(of("TradingBot", bot_document("grid")), namespace)

    assert client.try_apply(of("TradingBot", BOTS[path]), namespace).ok


@pytest.mark.parametrize("path", VENUES)
def test_the_api_server_refuses_another_account_under_a_venue(client: ApiClient, namespace: str, path: str) -> None:
    client.apply(of("Venue", venue_document()), namespace)

    answer = client.try_apply(of("Venue", VENUES[path]), namespace)

    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f"spec.{path}: " in answer.message
    assert "cannot be changed" in answer.message


def test_every_field_of_the_class_was_tried() -> None:
    assert {"storage", *BOTS, *VENUES} == RECREATE
