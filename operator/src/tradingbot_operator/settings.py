"""The operator's settings: read from the environment once, then one frozen object."""

import os
import re
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from tradingbot_operator.core.observed import Installation
from tradingbot_runtime.logs import LEVELS
from tradingbot_runtime.model.control import CONTROL_PORT, HTTP_PORT


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it and says what is allowed."""


NAMESPACE = "tradingbot-system"  # where none is told


@dataclass(frozen=True, slots=True)
class Election:
    """The leader's Lease. A leader that could not renew for `renew_deadline_s` ends before others may take over."""

    namespace: str
    name: str = "tradingbot-operator"
    duration_s: float = 15.0
    renew_deadline_s: float = 10.0
    retry_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Settings:
    identity: str
    election: Election
    installation: Installation
    http_host: str
    http_port: int
    workers: int
    resync_s: float
    stuck_after_s: float
    namespaces: tuple[str, ...]  # that are watched; none: all of them, which wants rights on the whole cluster
    log_level: str
    pod_name: str  # empty: not in a cluster


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """Raises SettingsError."""
    env = os.environ if environment is None else environment
    number = _Numbers(env)
    namespace = env.get("POD_NAMESPACE", NAMESPACE)
    return Settings(
        # A restarted process of the same pod is another leader: what it sent before must not count.
        identity=f"{env.get('POD_NAME', socket.gethostname())}_{uuid.uuid4().hex[:8]}",
        election=_election(namespace, number),
        installation=Installation(
            runtime_image=env.get("RUNTIME_IMAGE", f"tradingbot.dev/runtime:{version('tradingbot-operator')}"),
            control_port=number.whole("CONTROL_PORT", CONTROL_PORT, 1, 65535),
            http_port=HTTP_PORT,
            operator_version=version("tradingbot-operator"),
            namespace=namespace,
            drain_timeout_s=number.seconds("DRAIN_TIMEOUT_S", 60),
        ),
        http_host=env.get("HTTP_HOST", "0.0.0.0"),  # noqa: S104 - kubelet and Prometheus ask from outside of the pod
        http_port=number.whole("HTTP_PORT", 8080, 0, 65535),
        workers=number.whole("WORKERS", 8, 1, 64),
        resync_s=number.seconds("RESYNC_S", 60),
        stuck_after_s=number.seconds("STUCK_AFTER_S", 60),
        namespaces=_namespaces(env.get("WATCH_NAMESPACES", "")),
        pod_name=env.get("POD_NAME", ""),
        log_level=_level(env.get("LOG_LEVEL", "info")),
    )


def _level(text: str) -> str:
    if text.lower() not in LEVELS:
        raise SettingsError(f"LOG_LEVEL={text!r}: one of {', '.join(LEVELS)} is wanted")
    return text.lower()


def _namespaces(text: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if bad := [name for name in names if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name)]:
        raise SettingsError(f"WATCH_NAMESPACES={text!r}: must be names of namespaces with commas between them; "
                            f"{bad[0]!r} is none")  # fmt: skip
    return tuple(dict.fromkeys(names))


def _election(namespace: str, number: "_Numbers") -> Election:
    found = Election(
        namespace=namespace,
        duration_s=number.seconds("LEASE_DURATION_S", 15),
        renew_deadline_s=number.seconds("LEASE_RENEW_DEADLINE_S", 10),
        retry_s=number.seconds("LEASE_RETRY_S", 2),
    )
    if not found.retry_s < found.renew_deadline_s < found.duration_s:
        raise SettingsError("LEASE_RETRY_S < LEASE_RENEW_DEADLINE_S < LEASE_DURATION_S must hold: a leader has to end "
                            "before another may begin")  # fmt: skip
    return found


@dataclass(frozen=True, slots=True)
class _Numbers:
    env: Mapping[str, str]

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        text = self.env.get(name, str(default))
        if not text.isdecimal() or not low <= int(text) <= high:
            raise SettingsError(f"{name}={text!r}: must be a whole number from {low} to {high}")
        return int(text)

    def seconds(self, name: str, default: float) -> float:
        text = self.env.get(name, str(default))
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 < value <= 86_400:  # noqa: PLR2004 - a day
            raise SettingsError(f"{name}={text!r}: must be a number of seconds, above 0, at most 86400")
        return value
