"""Why a pod does not get going, from statuses as kubelet and the scheduler write them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tradingbot_operator.core.conditions import MAX_MESSAGE, Reason
from tradingbot_operator.core.observed import Manifest, Stream, Trouble
from tradingbot_operator.pod_reading import read_pod
from tradingbot_operator.pod_trouble import MAX_WORDS, last_words, trouble

NOW = datetime(2026, 1, 2, 0, 5, 0, tzinfo=UTC)
ENVIRONMENT = "Venue venue: environment is Testnet, but the venue says that it is Simulated"


def container(**changes: Any) -> Manifest:  # noqa: ANN401 - fields of the status
    found = {"name": "runtime", "image": "runtime:1", "ready": False, "restartCount": 0} | changes
    return {"phase": "Running", "containerStatuses": [found]}


def waits(reason: str, message: str = "") -> Manifest:
    return container(state={"waiting": {"reason": reason, "message": message}})


def ended(code: int, message: str, reason: str = "Error", at: str = "2026-01-02T00:04:00Z") -> Manifest:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message, "finishedAt": at}}


def runs(since: str = "2026-01-02T00:04:30Z") -> Manifest:
    return {"running": {"startedAt": since}}


BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=runtime"}}
SCHEDULED = {"phase": "Pending", "conditions": [
    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
     "message": "0/2 nodes are available: 2 Insufficient cpu."}]}  # fmt: skip


@pytest.mark.parametrize(("status", "found"), [
    (SCHEDULED, Trouble(Reason.UNSCHEDULABLE, "no node takes the pod: 0/2 nodes are available: 2 Insufficient cpu.")),
    (waits("ErrImageNeverPull", "Container image is not present with pull policy of Never"),
     Trouble(Reason.IMAGE_PULL_FAILED, "image runtime:1: Container image is not present with pull policy of Never",
             hopeless=True)),
    (waits("CreateContainerConfigError", 'secret "keys" not found'),
     Trouble(Reason.CONTAINER_NOT_CREATED, 'kubelet cannot create the container: secret "keys" not found',
             hopeless=True)),
    (container(state=BACK_OFF, lastState=ended(2, ENVIRONMENT)),
     Trouble(Reason.START_REFUSED, f"the runtime refuses to start: {ENVIRONMENT}", hopeless=True)),
    (container(state=BACK_OFF, lastState=ended(137, "", "OOMKilled")),
     Trouble(Reason.CRASH_LOOPING, "the runtime ends again and again (exit code 137, OOMKilled): it said nothing; its "
                                   "log may say more")),
])  # fmt: skip
def test_what_is_in_a_pods_way_has_a_reason(status: Manifest, found: Trouble) -> None:
    assert trouble(status, NOW) == found


def test_a_pull_that_is_tried_again_and_again_is_one_message() -> None:
    why = 'failed to resolve reference "runtime:1": read udp 10.0.0.2:{port}->10.0.0.1:53: i/o timeout'
    backing_off = f'Back-off pulling image "runtime:1": ErrImagePull: {why.format(port=60003)}'
    tries = [waits("ErrImagePull", why.format(port=40001)), waits("ErrImagePull", why.format(port=50002)),
             waits("ImagePullBackOff", backing_off)]  # fmt: skip

    found = {trouble(status, NOW) for status in tries}

    assert len(found) == 1
    assert not any(known is None or known.hopeless for known in found), "a registry may come back"


@pytest.mark.parametrize("code", [1, 2])
def test_a_crash_loop_is_one_message_through_all_its_phases(code: int) -> None:
    before = ended(code, ENVIRONMENT)
    again = {"terminated": before["terminated"] | {"startedAt": "2026-01-02T00:04:30Z"}}
    phases = [container(state=BACK_OFF, lastState=before), container(state=runs(), lastState=before, started=True),
              container(state=again, lastState=before)]  # fmt: skip

    (found,) = {trouble(status, NOW) for status in phases}

    assert found


@pytest.mark.parametrize("status", [
    {}, {"phase": "Pending"}, waits("ContainerCreating"), container(state=runs()),
    container(state=runs(), lastState=ended(2, ENVIRONMENT), ready=True),
    container(state=runs("2026-01-01T23:54:59Z"), lastState=ended(2, ENVIRONMENT, at="2026-01-01T23:54:00Z")),
    container(state=runs("2026-01-02T00:04:01Z"), lastState=ended(137, "", "OOMKilled"), restartCount=1),
])  # fmt: skip
def test_what_is_on_its_way_or_over_is_no_trouble(status: Manifest) -> None:
    """A container that ended once and was restarted at once is none either."""
    assert trouble(status, NOW) is None


def test_a_pod_that_is_being_deleted_has_no_trouble() -> None:
    pod = {"metadata": {"name": "maker-0", "uid": "u", "deletionTimestamp": "2026-01-02T00:00:00Z"},
           "status": container(state=BACK_OFF, lastState=ended(2, ENVIRONMENT))}  # fmt: skip

    found = read_pod(pod, "maker", Stream(), NOW)

    assert found
    assert found.trouble is None


LOG = '{"ts":"2026-01-02T00:04:00Z","level":"info","event":"Ended","logger":"app","exit_code":2}\n'


@pytest.mark.parametrize(("log", "words"), [
    (f"{LOG}{ENVIRONMENT}\n", ENVIRONMENT),
    (f"{ENVIRONMENT}\n{LOG}", ENVIRONMENT),
    ("spec.a: is required\nspec.b: is unknown\n", "spec.a: is required; spec.b: is unknown"),
    ('{"ts":"x","level":"error","event":"Failed","logger":"app","error":"KeyError","message":"k"}\n'
     + LOG, "Failed: KeyError: k"),
    ('Traceback (most recent call last):\n  File "x.py", line 1\nImportError: no name\n', "ImportError: no name"),
    (LOG, "it said nothing; its log may say more"), ("", "it said nothing; its log may say more"),
    ("{not json", "it said nothing; its log may say more"),
    ('^^^^^\\n  File \\"rest.py\\", line 126, in _request\\nValueError: Port out of range 0-65535"}\n' + LOG,
     "ValueError: Port out of range 0-65535"),
])  # fmt: skip
def test_the_last_words_are_those_that_were_meant_for_people(log: str, words: str) -> None:
    assert last_words({"message": log}) == words


def test_of_many_mistakes_the_first_ones_path_and_what_is_allowed_last_are_told() -> None:
    lines = [f"/slots/slot-0.json: field{n}: {n}: must be one of {'a, ' * 20}b{n}" for n in range(20)]

    told = last_words({"message": "\n".join(lines)})

    assert told.startswith("/slots/slot-0.json: field0: 0: must be one of a, ")
    assert told.endswith("a, b19")
    assert len(told) <= MAX_WORDS


def test_a_long_story_has_an_end_and_the_end_is_told() -> None:
    found = trouble(
        container(state=BACK_OFF, lastState=ended(2, "usage\n" + "x" * 5000 + "\nerror: no such file")), NOW
    )

    assert found
    assert found.message.endswith("; error: no such file")
    assert len(found.message) < MAX_MESSAGE
