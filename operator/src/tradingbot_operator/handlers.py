"""What kopf calls; the only importer of kopf. Each handler stores the object and enqueues a key, and cannot fail.

No create/update/delete handlers, daemons, timers or indexes: they keep state in annotations, need kopf's finalizer,
retry by themselves, or lose deletions (measured on kopf 1.45.2). kopf never retries an `on.event` handler, so nothing
in here may raise; what can fail happens in the queue's workers.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf
from kubernetes.aio.client import Configuration

from tradingbot_operator.api.v1alpha1 import GROUP, VERSION
from tradingbot_operator.canary import LABELS, SELECTOR
from tradingbot_operator.cluster import CHUNK
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.halts_counted import count_anew
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_operator.resync import RESOURCES, affected
from tradingbot_operator.store import Name, Store, name_of, slim
from tradingbot_operator.venue_users import venue_names

LOGIN_VALID = timedelta(minutes=10)  # the service account's token rotates; kopf reads it only at a login
WATCHED: tuple[tuple[str, tuple[str, str, str]], ...] = (
    ("TradingBot", (GROUP, VERSION, "tradingbots")),
    ("Venue", (GROUP, VERSION, "venues")),
    ("TradingHalt", (GROUP, VERSION, "tradinghalts")),
    ("StatefulSet", ("apps", "v1", "statefulsets")),
    ("Pod", ("", "v1", "pods")),
    ("ConfigMap", ("", "v1", "configmaps")),
    ("Service", ("", "v1", "services")),
    ("ServiceAccount", ("", "v1", "serviceaccounts")),
    ("Role", ("rbac.authorization.k8s.io", "v1", "roles")),
    ("RoleBinding", ("rbac.authorization.k8s.io", "v1", "rolebindings")),
    ("PodDisruptionBudget", ("policy", "v1", "poddisruptionbudgets")),
    ("NetworkPolicy", ("networking.k8s.io", "v1", "networkpolicies")),
)
LEASES = ("coordination.k8s.io", "v1", "leases")  # the canary alone, not the slots'


class EndlessBackoff:
    """A watch never gives up on the API server; each `iter` starts anew, as kopf asks for one per request.

    Its longest pause is well below STUCK_AFTER_S: a watch that has not come back yet is no reason for a restart.
    """

    def __iter__(self) -> Iterator[float]:
        delay = 0.5
        while True:
            yield delay * (0.5 + random.random())  # noqa: S311 - jitter
            delay = min(delay * 2, 15.0)


class NoDiffs(kopf.DiffBaseStorage):
    """Handlers that are told what changed do not exist here.

    For them kopf copies each object that an event brings: a tenth of the operator's processor time.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:  # noqa: ANN401 - kopf's keywords
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:  # noqa: ANN401 - as above
        """There is nothing stored."""

    def store(self, **_: Any) -> None:  # noqa: ANN401 - as above
        """And nothing is stored."""


@dataclass(frozen=True, slots=True)
class Intake:
    """From watch events to keys."""

    store: Store
    queue: WorkQueue[Key]
    kick: Callable[[str], None]  # a pod's uid: something about it changed
    heard: Callable[[str, Name], None]  # a kind: its watch is alive, and has told of this object

    def take(self, kind: str, event: str | None, manifest: Manifest) -> None:
        name = name_of(manifest)
        before = self.store.get(kind, name)
        keep = self.store.remove if event == "DELETED" else self.store.put
        is_news = keep(kind, slim(kind, manifest))
        self.heard(kind, name)
        if not is_news:
            return
        if kind == "Pod":
            self.kick(manifest["metadata"]["uid"])
        # Also whom it belonged to before: a label that was taken away is one of the things to put right.
        changed = [*(affected(kind, before, self.store) if before else ()), *affected(kind, manifest, self.store)]
        for key in dict.fromkeys(changed):
            if key[0] == kind or kind != "TradingBot" or before is None or event == "DELETED":
                self.queue.add(key, _priority(kind, before, manifest))
            elif key[0] == "Venue" and venue_names(before) != venue_names(manifest):
                self.queue.add(key, Priority.SPEC)
        if kind == "TradingBot" and before is not None:
            count_anew(self.store, self.queue, before, manifest)


def _respecified(before: Manifest | None, after: Manifest) -> bool:
    return before is None or before["metadata"].get("generation") != after["metadata"].get("generation")


def _resume(manifest: Manifest | None) -> object:
    return ((manifest or {"metadata": {}})["metadata"].get("annotations") or {}).get(names.RESUME)


def _priority(kind: str, before: Manifest | None, after: Manifest) -> Priority:
    if kind not in RESOURCES:
        return Priority.CHILD
    if kind == "TradingHalt" or (kind == "TradingBot" and "deletionTimestamp" in after["metadata"]):
        return Priority.HALT
    if kind == "TradingBot" and _resume(before) != _resume(after):
        return Priority.HALT
    return Priority.SPEC if _respecified(before, after) else Priority.CHILD


def registry(intake: Intake, canary: Callable[[Manifest], None], configuration: Configuration) -> kopf.OperatorRegistry:
    """All that kopf may call."""
    handlers = kopf.OperatorRegistry()

    async def on_startup(settings: kopf.OperatorSettings, **_: Any) -> None:  # noqa: ANN401 - kopf's keywords
        configure(settings)

    async def on_login(**_: Any) -> kopf.ConnectionInfo:  # noqa: ANN401 - kopf's keywords
        return login(configuration)

    kopf.on.startup(registry=handlers)(on_startup)
    kopf.on.login(registry=handlers)(on_login)
    for kind, resource in WATCHED:
        labels = None if kind in RESOURCES else {names.MANAGED_BY: names.FIELD_MANAGER}
        kopf.on.event(*resource, registry=handlers, id=kind, labels=labels)(_handler(intake, kind))
    kopf.on.event(*LEASES, registry=handlers, id="canary", labels=LABELS)(_canary_handler(canary))
    return handlers


def _handler(intake: Intake, kind: str) -> Callable[..., Awaitable[None]]:
    async def on_event(event: kopf.RawEvent, **_: Any) -> None:  # noqa: ANN401 - kopf's keywords
        intake.take(kind, event["type"], dict(event["object"]))

    return on_event


def _canary_handler(hear: Callable[[Manifest], None]) -> Callable[..., Awaitable[None]]:
    async def on_event(event: kopf.RawEvent, **_: Any) -> None:  # noqa: ANN401 - kopf's keywords
        hear(dict(event["object"]))

    return on_event


async def watch(handlers: kopf.OperatorRegistry, namespaces: tuple[str, ...], on_signals: Callable[[], None]) -> None:
    """Run kopf; no namespaces: the whole cluster. Ends when its watches end, and that is the end of this process."""
    before = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(registry=handlers, clusterwide=not namespaces, namespaces=namespaces,
                                   standalone=True)  # fmt: skip
    on_signals()  # kopf has taken SIGTERM for itself; we have more to end than watches
    await kopf.run_tasks(tasks, ignored=before)


def configure(settings: kopf.OperatorSettings) -> None:
    """Reasons and measurements: `docs/adr` and the module's docstring."""
    settings.scanning.disabled = True  # no right to list CRDs and namespaces
    settings.peering.standalone = True  # the leader is elected with a Lease
    settings.persistence.diffbase_storage = NoDiffs()
    settings.posting.enabled = False  # we have our own recorder
    settings.watching.server_timeout = 290
    settings.watching.client_timeout = 300
    settings.watching.connect_timeout = 10
    settings.watching.inactivity_timeout = 70
    settings.watching.chunk_size = CHUNK
    for kind, resource in WATCHED:
        if kind not in RESOURCES:
            settings.watching.label_selectors[resource] = names.SELECTOR
    settings.watching.label_selectors[LEASES] = SELECTOR
    settings.queueing.idle_timeout = 0.5  # one task for each object that was heard of within this
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = EndlessBackoff()
    settings.networking.enforce_retry_after = True


def login(configuration: Configuration) -> kopf.ConnectionInfo:
    """The connection of kopf, from the same configuration as ours; the token is read anew each time."""
    hook = configuration.refresh_api_key_hook
    if hook is not None:
        hook(configuration)
    scheme, _, token = configuration.api_key.get("BearerToken", "").partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme.capitalize() or None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        expiration=datetime.now(UTC) + LOGIN_VALID,
    )
