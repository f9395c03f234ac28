"""From a pod's manifest, and its Lease's, to what a decision looks at."""

from datetime import datetime

from tradingbot_operator.api.v1alpha1.tradingbot import MAX_SLOTS
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Manifest, Pod, Stream
from tradingbot_operator.pod_trouble import ended_untraded, trouble

MOST_DIGITS = 4


def read_pod(manifest: Manifest, bot: str, stream: Stream, now: datetime) -> Pod | None:
    """None for a pod that is none of the bot's StatefulSet's, whatever labels somebody has given it."""
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    ordinal = _ordinal(metadata, bot)
    if ordinal is None:
        return None
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        ordinal=ordinal,
        started=bool(status.get("podIP")) and status.get("phase") not in {None, "Pending"},
        ready=ready,
        revision=(metadata.get("labels") or {}).get("controller-revision-hash", ""),
        created=metadata.get("creationTimestamp", ""),
        age_s=since(metadata.get("creationTimestamp"), now),
        restart_hash=(metadata.get("annotations") or {}).get(names.RESTART_HASH, ""),
        inputs=(metadata.get("annotations") or {}).get(names.TEMPLATE_INPUTS, ""),
        terminating="deletionTimestamp" in metadata,
        stream=stream,
        bot_uid=(metadata.get("annotations") or {}).get(names.BOT_UID, ""),
        trouble=None if "deletionTimestamp" in metadata else trouble(status, now),
        ended_untraded=ended_untraded(status),
    )


def _ordinal(metadata: Manifest, bot: str) -> int | None:
    """One that was left behind by a deleted StatefulSet has no controller, and trades: the next one takes it up."""
    owner = next((one for one in metadata.get("ownerReferences") or () if one.get("controller")), None)
    if owner is not None and (owner.get("kind"), owner.get("name")) != ("StatefulSet", bot):
        return None
    before, _, number = metadata["name"].rpartition("-")
    ordinal = int(number) if number.isascii() and number.isdecimal() and len(number) < MOST_DIGITS else MAX_SLOTS
    return ordinal if (before, str(ordinal)) == (bot, number) and ordinal < MAX_SLOTS else None


def never_held(lease: Manifest | None, uid: str) -> bool:
    """Whether nobody has ever taken this very Lease, which the operator made without a holder."""
    if lease is None or lease["metadata"]["uid"] != uid:
        return False
    spec = lease.get("spec") or {}
    return not any(spec.get(name) for name in ("holderIdentity", "leaseTransitions", "acquireTime", "renewTime"))


def since(moment: str | None, now: datetime) -> float:
    return max((now - datetime.fromisoformat(moment)).total_seconds(), 0.0) if moment else 0.0
