"""Settings: defaults of the design, and one line for a mistake."""

from itertools import islice

import pytest

from tradingbot_operator.handlers import EndlessBackoff
from tradingbot_operator.settings import SettingsError, read


def test_the_defaults_are_those_of_the_design() -> None:
    settings = read({})

    election = settings.election
    assert (election.duration_s, election.renew_deadline_s, election.retry_s) == (15, 10, 2)
    assert settings.installation.drain_timeout_s == 60
    assert settings.installation.control_port == 8443
    assert settings.installation.runtime_image.startswith("tradingbot.dev/runtime:")


def test_a_watch_that_waits_to_try_again_is_no_reason_for_a_restart() -> None:
    assert 2 * max(islice(EndlessBackoff(), 200)) < read({}).stuck_after_s


def test_two_processes_of_one_pod_are_two_leaders() -> None:
    assert read({"POD_NAME": "p"}).identity != read({"POD_NAME": "p"}).identity


@pytest.mark.parametrize(("name", "value"), [
    ("WORKERS", "0"), ("WORKERS", "x"), ("CONTROL_PORT", "70000"), ("DRAIN_TIMEOUT_S", "-1"), ("RESYNC_S", "soon"),
    ("WATCH_NAMESPACES", "a,B"), ("WATCH_NAMESPACES", "a b"), ("STUCK_AFTER_S", "0"),
    ("LEASE_DURATION_S", "0"), ("HTTP_PORT", "-1"), ("LEASE_RETRY_S", "nan"),
])  # fmt: skip
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}='{value}': must be"):
        read({name: value})


@pytest.mark.parametrize(
    ("text", "names"), [("", ()), ("a", ("a",)), (" desk-1, desk-2 ,desk-1,", ("desk-1", "desk-2"))]
)
def test_the_namespaces_to_work_in_are_named_with_commas(text: str, names: tuple[str, ...]) -> None:
    assert read({"WATCH_NAMESPACES": text}).namespaces == names


def test_a_lease_that_others_may_take_before_its_leader_has_ended_is_refused() -> None:
    with pytest.raises(SettingsError, match="LEASE_RETRY_S < LEASE_RENEW_DEADLINE_S < LEASE_DURATION_S"):
        read({"LEASE_DURATION_S": "10", "LEASE_RENEW_DEADLINE_S": "10"})
