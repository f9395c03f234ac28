"""What goes while a leader begins to watch. Through a proxy, so that a test can choose the moment."""

from pathlib import Path

import pytest

from harness.api_proxy import ApiProxy
from harness.control_plane import ControlPlane
from harness.operator_process import OperatorProcess, install, kubeconfig_of_account
from tradingbot_operator.core import names

pytestmark = pytest.mark.controlplane
LIST_OF_ACCOUNTS = ("/api/v1/serviceaccounts", False)


def test_what_goes_between_the_first_list_and_the_watch_is_not_waited_for(
    tradingbot_api: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    """No watch tells of it, and the next sweep is an hour away."""
    install(tradingbot_api)
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "maker", "labels": names.labels("maker")},
    }
    tradingbot_api.client.apply(account, namespace)
    folder = tmp_path / "proxy"
    folder.mkdir()
    proxy = ApiProxy(kubeconfig_of_account(tradingbot_api, tmp_path), folder)
    asked = []

    def goes_before_the_second_list(path: str, watch: bool) -> None:  # noqa: FBT001 - as the proxy calls it
        asked.append((path, watch))
        if (path, watch) == LIST_OF_ACCOUNTS and asked.count(LIST_OF_ACCOUNTS) == 2:
            tradingbot_api.client.delete("v1", "ServiceAccount", namespace, "maker")

    proxy.before = goes_before_the_second_list
    with proxy.through() as kubeconfig:
        operator = OperatorProcess(kubeconfig, tmp_path / "operator.log", {"RESYNC_S": "3600"}, namespace)
        operator.start()
        operator.wait_until_leading()
        assert operator.stop() == 0

    assert asked.count(LIST_OF_ACCOUNTS) >= 3, "one of the start, one of the watch, one of what the watch has not told"
