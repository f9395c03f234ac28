"""Why a pod does not get to the point where its runtime can speak for itself: ordered rules over the pod's status.

Of a container only what stays the same from one restart to the next is told: no counts, no times. Kubelet's reasons are
those of its sources (`pkg/kubelet/container`, `pkg/kubelet/images`, Kubernetes 1.31).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Manifest, Trouble
from tradingbot_operator.core.wording import steady
from tradingbot_operator.core.written import parsed
from tradingbot_runtime.model.control import ENDED

CONTAINER = "runtime"
REFUSED = 2  # exit code of `tradingbot-runtime`: a configuration or a journal that cannot be used
FORGIVEN_AFTER = timedelta(minutes=10)  # kubelet resets its back-off then; an end before that explains nothing any more
BACKED_OFF_FROM = timedelta(seconds=5)  # kubelet restarts a container at once after its first end, then after 10 s
MAX_WORDS = 800
MAX_DETAIL = 400
NOT_PULLED = frozenset({"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"})
NEVER_PULLED = frozenset({"ErrImageNeverPull", "InvalidImageName"})
NOT_CREATED = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


@dataclass(frozen=True, slots=True)
class _Container:
    """What kubelet says about the runtime's container, and the scheduler about its pod."""

    image: str
    waits_for: str  # kubelet's reason; empty when it does not wait
    wait_message: str
    ended: Manifest  # the last end that may still explain something; empty: none
    looping: bool
    unschedulable: str


Rule = Callable[[_Container], Trouble | None]


def trouble(status: Manifest, now: datetime) -> Trouble | None:
    """The first rule that speaks; None for a pod whose runtime can be asked, or is on its way."""
    container = _container(status, now)
    for rule in RULES:
        if found := rule(container):
            return found
    return None


def _unschedulable(c: _Container) -> Trouble | None:
    if not c.unschedulable:
        return None
    return Trouble(Reason.UNSCHEDULABLE, f"no node takes the pod: {c.unschedulable}")


def _no_image(c: _Container) -> Trouble | None:
    """A registry may come back by itself; a name that cannot exist, or may not be pulled, does not."""
    if c.waits_for not in NOT_PULLED | NEVER_PULLED:
        return None
    why = c.wait_message.partition("ErrImagePull: ")[2] if c.waits_for == "ImagePullBackOff" else c.wait_message
    return Trouble(Reason.IMAGE_PULL_FAILED, f"image {c.image}: {why or 'cannot be pulled'}",
                   hopeless=c.waits_for in NEVER_PULLED)  # fmt: skip


def _not_created(c: _Container) -> Trouble | None:
    if c.waits_for not in NOT_CREATED:
        return None
    return Trouble(Reason.CONTAINER_NOT_CREATED, f"kubelet cannot create the container: {c.wait_message}",
                   hopeless=c.waits_for == "CreateContainerConfigError")  # fmt: skip


def _refused_to_start(c: _Container) -> Trouble | None:
    if c.ended.get("exitCode") != REFUSED:
        return None
    return Trouble(Reason.START_REFUSED, f"the runtime refuses to start: {last_words(c.ended)}", hopeless=True)


def _crash_looping(c: _Container) -> Trouble | None:
    if not c.looping or not c.ended:
        return None
    how = f"exit code {c.ended.get('exitCode', '?')}, {c.ended.get('reason', 'Error')}"
    return Trouble(Reason.CRASH_LOOPING, f"the runtime ends again and again ({how}): {last_words(c.ended)}")


RULES: tuple[Rule, ...] = (_unschedulable, _no_image, _not_created, _refused_to_start, _crash_looping)


def last_words(ended: Manifest) -> str:
    """Of a container that ended: what was meant for people, else the last line of its log, without its time."""
    lines = [line.strip() for line in str(ended.get("message") or "").splitlines() if line.strip()]
    plain = [line for line in lines if not line.startswith("{")]
    if any(line.startswith("Traceback") for line in plain):
        plain = plain[-1:]
    plain = [_cause(line) for line in plain]
    told = "; ".join(dict.fromkeys(plain)) or next(filter(None, map(_logged, reversed(lines))), "")
    return _shortened(told) or "it said nothing; its log may say more"


def _cause(line: str) -> str:
    """Of a record that kubelet has cut off at its beginning, in the middle of a trace: the trace's last line."""
    trace, is_cut, _ = line.rpartition('"}')
    return trace.rpartition("\\n")[2] if is_cut and "\\n" in trace else line


def _shortened(told: str) -> str:
    """Of a long one both ends: a refusal begins with the path of the first mistake, a failure ends with its cause."""
    half = (MAX_WORDS - len(" ... ")) // 2
    return told if len(told) <= MAX_WORDS else f"{told[:half]} ... {told[-half:]}"


def ended_untraded(status: Manifest) -> bool:
    """Whether no process runs, and the last one proved at its end that the slot has never sent an order to a venue."""
    found = _runtime(status)
    state, before = found.get("state") or {}, (found.get("lastState") or {}).get("terminated") or {}
    if "running" in state or not state:
        return False
    said = str((state.get("terminated") or before).get("message") or "")
    return any(_record(line).get("event") == ENDED and _record(line).get("never_traded") is True
               for line in said.splitlines())  # fmt: skip


def _logged(line: str) -> str:
    """A line of the runtime's log that is about a failure; empty for others, and for one that was cut off."""
    record = _record(line)
    if record.get("level") not in ("error", "critical"):  # of any type: it may be anybody's line
        return ""
    said = (record.get(key) for key in ("event", "error", "reason", "message"))
    return ": ".join(str(word) for word in said if word)


def _record(line: str) -> Manifest:
    try:
        record = parsed(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _runtime(status: Manifest) -> Manifest:
    return next((c for c in status.get("containerStatuses") or () if c.get("name") == CONTAINER), {})


def _container(status: Manifest, now: datetime) -> _Container:
    found = _runtime(status)
    state, before = found.get("state") or {}, (found.get("lastState") or {}).get("terminated") or {}
    waiting, running, terminated = (state.get(name) or {} for name in ("waiting", "running", "terminated"))
    forgiven = bool(running) and _time(running.get("startedAt"), now) < now - FORGIVEN_AFTER
    return _Container(
        image=found.get("image", ""),
        waits_for=waiting.get("reason", ""),
        wait_message=steady(waiting.get("message") or "", MAX_DETAIL),
        ended={} if found.get("ready") or forgiven else terminated or before,
        looping=waiting.get("reason") == "CrashLoopBackOff" or _backed_off(before, running or terminated),
        unschedulable=steady(next((c.get("message", "") for c in status.get("conditions") or ()
                                   if c.get("type") == "PodScheduled" and c.get("reason") == "Unschedulable"), ""),
                             MAX_DETAIL),
    )  # fmt: skip


def _backed_off(before: Manifest, since: Manifest) -> bool:
    """Whether kubelet waited between these two runs of the container, which it does from the second end on."""
    if not (before.get("finishedAt") and since.get("startedAt")):
        return False
    started, ended = (datetime.fromisoformat(moment) for moment in (since["startedAt"], before["finishedAt"]))
    return started - ended >= BACKED_OFF_FROM


def _time(moment: str | None, otherwise: datetime) -> datetime:
    return datetime.fromisoformat(moment) if moment else otherwise
