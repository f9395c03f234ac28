"""The Job that withdraws one slot's orders: the runtime's `cancel-all`, the venue's credentials, and nothing else."""

from tradingbot_operator.core import names
from tradingbot_operator.core.children import Plan, owner_reference
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.core.pod_template import (
    CONTAINER_SECURITY,
    CREDENTIALS,
    POD_SECURITY,
    SLOTS,
    credentials_mounts,
    credentials_of,
    credentials_volumes,
    placement,
)
from tradingbot_runtime.config import Mode, SlotConfig

TRIES = 10  # of its pod, with pauses that double up to six minutes: for a venue that is away for half an hour
WITHIN_S = 60  # of each
KIND = "Job"


def cancel_job(plan: Plan, config: SlotConfig, name: str) -> Manifest:
    """It may not talk to the API server, and sees the credentials of those venues alone where the slot has orders.

    It brings `config` along: the ConfigMap says what the slot is to have now, and a slot that is lost may have more.
    """
    slot = config.slot
    used = {leg.execution.venue for leg in config.legs}
    secrets = credentials_of({venue: spec for venue, spec in config.venues.items() if venue in used})
    mounts = [{"name": "slots", "mountPath": SLOTS, "readOnly": True}, *credentials_mounts(secrets)]
    container = {
        "name": "cancel",
        "image": plan.accepted.spec.pod.image or plan.installation.runtime_image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["cancel-all", "--slot-config", SLOTS, "--slot", str(slot), "--credentials", CREDENTIALS,
                 "--within", str(WITHIN_S), *_of_live(config), *_former(plan, slot)],
        "resources": plan.accepted.spec.pod.resources.model_dump(mode="json", by_alias=True, exclude_none=True),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": mounts,
    }  # fmt: skip
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
        "containers": [container],
        "volumes": [{"name": "slots", "downwardAPI": {"items": [
            {"path": names.slot_document(slot), "fieldRef": {"fieldPath": f"metadata.annotations['{names.LEFT}']"}}]}},
                    *credentials_volumes(secrets, optional=False)],
        **placement(plan.accepted.spec),
    }  # fmt: skip
    labels = names.cancel_labels(plan.bot.name)
    metadata = {"name": name, "namespace": plan.bot.namespace, "labels": labels,
                "ownerReferences": [owner_reference(plan.bot)]}  # fmt: skip
    of_pod = {"labels": labels, "annotations": {names.LEFT: config.document()}}
    spec = {"backoffLimit": TRIES, "template": {"metadata": of_pod, "spec": pod}}
    return {"apiVersion": "batch/v1", "kind": KIND, "metadata": metadata, "spec": spec}


def _of_live(config: SlotConfig) -> tuple[str, ...]:
    """A configuration of mode Paper alone would say that nothing can be at a venue."""
    return () if config.mode is Mode.LIVE else ("--left-by-live",)


def _former(plan: Plan, slot: int) -> tuple[str, ...]:
    """On the volume of a former bot of this name, orders go on bearing that one's number."""
    numbers = (status.bot_number for status in plan.bot.status.slots if status.ordinal == slot)
    return tuple(word for number in numbers if number for word in ("--former-bot", number))
