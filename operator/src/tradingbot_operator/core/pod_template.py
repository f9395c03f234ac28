"""The pod of a slot. What is here restarts a bot when it changes; what is not here does not."""

from collections.abc import Iterable, Mapping

from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Bot, Installation, Manifest
from tradingbot_runtime.config import Mode, TradingBotSpec, VenueSpec
from tradingbot_runtime.model.control import SHUTDOWN_WITHIN_S

SLOTS = "/etc/tradingbot/slots"
CONTROL = "/etc/tradingbot/control"
CREDENTIALS = "/etc/tradingbot/credentials"
JOURNAL = "/var/lib/tradingbot"
USER = 65532
POD_SECURITY: Manifest = {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
                          "seccompProfile": {"type": "RuntimeDefault"}}  # fmt: skip
CONTAINER_SECURITY: Manifest = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]}}  # fmt: skip
GRACE_S = SHUTDOWN_WITHIN_S + 5  # an empty venue, even a slow or locked one; then flush, and release the Lease


def pod_template(
    bot: Bot, spec: TradingBotSpec, venues: Mapping[str, VenueSpec], installation: Installation
) -> Manifest:
    credentials = credentials_of(venues)
    content: Manifest = {
        "serviceAccountName": bot.name,
        "automountServiceAccountToken": True,  # for the slot's Lease, and nothing else
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": POD_SECURITY,
        "containers": [_container(spec, tuple(credentials), installation)],
        "volumes": _volumes(bot.name, credentials, optional=spec.mode is not Mode.LIVE),
        **placement(spec),
    }
    annotations = {names.BOT_UID: bot.metadata.uid}
    metadata = {"labels": names.labels(bot.name), "annotations": annotations}
    return {"metadata": metadata, "spec": content}


def placement(spec: TradingBotSpec) -> Manifest:
    """Where the bot's pods may run, as its spec says."""
    pod = spec.pod
    content: Manifest = {}
    if pod.node_selector:
        content["nodeSelector"] = dict(pod.node_selector)
    if pod.tolerations:
        content["tolerations"] = [t.model_dump(mode="json", by_alias=True, exclude_none=True) for t in pod.tolerations]
    if pod.priority_class_name is not None:
        content["priorityClassName"] = pod.priority_class_name
    return content


def credentials_of(venues: Mapping[str, VenueSpec]) -> dict[str, str]:
    """Names of Secrets, by venue."""
    return {name: venue.credentials_secret_ref.name for name, venue in sorted(venues.items())
            if venue.credentials_secret_ref is not None}  # fmt: skip


def credentials_mounts(venues: Iterable[str]) -> list[Manifest]:
    return [{"name": f"credentials-{venue}", "mountPath": f"{CREDENTIALS}/{venue}", "readOnly": True}
            for venue in venues]  # fmt: skip


def credentials_volumes(secrets: Mapping[str, str], *, optional: bool) -> list[Manifest]:
    return [{"name": f"credentials-{venue}", "secret": {"secretName": secret, "defaultMode": 0o440,
                                                        "optional": optional}}
            for venue, secret in secrets.items()]  # fmt: skip


def _container(spec: TradingBotSpec, credentials: tuple[str, ...], installation: Installation) -> Manifest:
    mounts = [
        {"name": "slots", "mountPath": SLOTS, "readOnly": True},
        {"name": "control", "mountPath": CONTROL, "readOnly": True},
        {"name": "journal", "mountPath": JOURNAL},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - an emptyDir of the pod, not the machine's /tmp
        *credentials_mounts(credentials),
    ]
    return {
        "name": "runtime",
        "image": spec.pod.image or installation.runtime_image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["run", "--slot-config", SLOTS, "--journal", f"{JOURNAL}/journal.sqlite3", "--control", CONTROL,
                 "--credentials", CREDENTIALS],
        "env": [_field("POD_NAME", "metadata.name"), _field("POD_UID", "metadata.uid"),
                _field("POD_NAMESPACE", "metadata.namespace"),
                *({"name": name, "value": value} for name, value in sorted(spec.pod.open_telemetry.items()))],
        "ports": [{"name": "control", "containerPort": installation.control_port},
                  {"name": "http", "containerPort": installation.http_port}],
        "resources": spec.pod.resources.model_dump(mode="json", by_alias=True, exclude_none=True),
        "startupProbe": _probe("/healthz", period=1, failures=60),
        "livenessProbe": _probe("/healthz", period=10, failures=3),
        "readinessProbe": _probe("/readyz", period=1, failures=3),
        "terminationMessagePolicy": "FallbackToLogsOnError",  # what the runtime says last is in the pod's status
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": mounts,
    }  # fmt: skip


def _volumes(bot: str, credentials: Mapping[str, str], *, optional: bool) -> list[Manifest]:
    return [
        {"name": "slots", "configMap": {"name": names.slots_config_map(bot)}},
        {"name": "control", "secret": {"secretName": names.control_secret(bot), "defaultMode": 0o440}},
        {"name": "tmp", "emptyDir": {}},
        *credentials_volumes(credentials, optional=optional),
    ]


def _field(name: str, path: str) -> Manifest:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _probe(path: str, *, period: int, failures: int) -> Manifest:
    return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": period, "failureThreshold": failures,
            "timeoutSeconds": 2}  # fmt: skip
