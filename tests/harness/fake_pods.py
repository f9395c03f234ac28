"""What a kubelet and a pod's volumes are to a fake node: the same for `FakeNode` and for a fleet of thousands."""

import base64
import ssl
from pathlib import Path

from harness.api_client import Object
from tradingbot_runtime.config import SlotConfig

PODS_OF_A_NET = 200


def address_of(subnet: int, number: int) -> str:
    """An address of its own for each pod: 127.<subnet>.x.y."""
    return f"127.{subnet}.{number // PODS_OF_A_NET}.{2 + number % PODS_OF_A_NET}"


def bot_and_slot(pod: str) -> tuple[str, int]:
    bot, _, ordinal = pod.rpartition("-")
    return bot, int(ordinal)


def slot_config(config_map: Object, slot: int) -> SlotConfig | None:
    """None where the ConfigMap has no such slot: the runtime would end without it."""
    document = config_map["data"].get(f"slot-{slot}.json")
    return SlotConfig.model_validate_json(document) if document else None


def mounted(secret: Object) -> dict[str, bytes]:
    """The files of the control Secret."""
    return {key: base64.b64decode(value) for key, value in secret["data"].items()}


def tls_of(files: dict[str, bytes], folder: Path, pod: str) -> ssl.SSLContext:
    """`folder` is for the files that `ssl` wants."""
    for key in ("tls.crt", "tls.key"):
        (folder / f"{pod}.{key}").write_bytes(files[key])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / f"{pod}.tls.crt", folder / f"{pod}.tls.key")
    return context


def running(address: str) -> Object:
    """The status that kubelet writes."""
    return {
        "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "runtime", "ready": True, "restartCount": 0, "image": "fake", "imageID": "",
                               "state": {"running": {}}}],
    }  # fmt: skip


def held(uid: str, transitions: int) -> Object:
    """What a runtime writes into its slot's Lease."""
    return {"spec": {"holderIdentity": uid, "leaseTransitions": transitions}}
