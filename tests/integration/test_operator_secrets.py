"""What is secret is in Secrets alone: in no log, at whatever level, no Event, no status, no ConfigMap, no metric."""

import base64
import json
from urllib.parse import quote

import pytest

from harness.api_client import Object
from harness.bot_world import API, KEYED, LIVE, RBAC, World, manifest
from harness.operator_process import eventually
from harness.spelled import leaks

pytestmark = pytest.mark.controlplane
OPERATOR = {"LOG_LEVEL": "DEBUG"}

API_KEY, SECRET_KEY = "akey+7Zq/9Lm2Xw4", "skey+5Rt/1Bn8Vc3"  # with characters that URLs and JSON write differently
KEYS: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
                "stringData": {"apiKey": API_KEY, "secretKey": SECRET_KEY}}  # fmt: skip
READ = {"v1": ("Event", "ConfigMap", "Pod", "Service", "ServiceAccount"), "apps/v1": ("StatefulSet",),
        API: ("TradingBot", "Venue", "TradingHalt"), RBAC: ("Role", "RoleBinding"),
        "coordination.k8s.io/v1": ("Lease",), "policy/v1": ("PodDisruptionBudget",),
        "networking.k8s.io/v1": ("NetworkPolicy",)}  # fmt: skip


def control_secrets(world: World) -> list[bytes]:
    """The token and the private key of the control stream, without the armour that everybody has."""
    found = world.get("Secret", "maker-control")
    assert found
    data = {name: base64.b64decode(value) for name, value in found["data"].items()}
    key = b"".join(data["tls.key"].splitlines()[1:-1])
    return [data["token"], key[20:60]]


def everything_written(world: World) -> dict[str, str]:
    """By where it is: all that somebody without a right on Secrets may read."""
    found = {
        f"{kind} {one['metadata']['name']}": json.dumps(one)
        for version, kinds in READ.items()
        for kind in kinds
        for one in world.client.list(version, kind, world.namespace)
    }
    return found | {"log": world.operator.log.read_text(), "metrics": world.operator.get("/metrics")[1]}


def test_no_credential_is_written_anywhere_but_in_its_secret(world: World) -> None:
    world.apply(KEYS, KEYED, manifest(**LIVE))
    world.condition("Ready", "True")
    secrets = [API_KEY.encode(), SECRET_KEY.encode(), *control_secrets(world)]
    seen = everything_written(world)

    due = {"metadata": {"annotations": {"tradingbot.dev/renew-after": "2020-01-01T00:00:00Z"}}}
    world.client.merge("v1", "Secret", world.namespace, "maker-control", due)
    eventually(lambda: control_secrets(world) != secrets[2:], 20, "the certificate is renewed")
    secrets += control_secrets(world)
    world.node.breach("maker-0", "maker-0-1")
    world.condition("Halted", "True", "RiskBreachMaxLoss")
    seen |= {f"{where}, halted": text for where, text in everything_written(world).items()}
    world.client.delete("v1", "Secret", world.namespace, "keys")
    world.venue_condition("CredentialsValid", "False", "SecretNotFound", within_s=40)
    world.delete()
    world.gone(within_s=20)
    seen |= {f"{where}, gone": text for where, text in everything_written(world).items()}

    assert {"ConfigMap maker-slots", "TradingBot maker", "Venue venue", "StatefulSet maker", "log"} <= seen.keys()
    assert any(where.startswith("Event ") for where in seen)
    assert leaks(seen, secrets) == set()


def test_the_search_would_find_a_credential(world: World) -> None:
    """In each spelling: a grep that finds nothing proves nothing by itself."""
    secret = SECRET_KEY.encode()
    written = (SECRET_KEY, json.dumps({"a": SECRET_KEY}), quote(SECRET_KEY, safe=""), secret.hex(),
               *(base64.b64encode(b"{" * n + secret + b'", "and": "more"}').decode() for n in range(3)))  # fmt: skip
    for text in written:
        assert leaks({"here": text}, [secret]) == {"here"}, text
    world.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "leak"}, "data": {"a": SECRET_KEY}})
    assert leaks(everything_written(world), [secret]) == {"ConfigMap leak"}
