"""A slot's Lease at a real API server, and the account that a slot's pod reaches it with: its rights and no others."""

import base64
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from harness.api_client import ApiClient
from harness.control_plane import ControlPlane

ACCOUNT, SLOT = "maker", "maker-0"
LEASES, RBAC = "coordination.k8s.io/v1", "rbac.authorization.k8s.io/v1"


def create_slot(client: ApiClient, namespace: str) -> None:
    """A Lease without a holder, as the operator makes it, and a service account with the rights of the slot's Role."""
    client.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}, namespace)
    rules = [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "update", "patch"],
              "resourceNames": [SLOT]}]  # fmt: skip
    client.apply({"apiVersion": RBAC, "kind": "Role", "metadata": {"name": ACCOUNT}, "rules": rules}, namespace)
    client.apply({
        "apiVersion": RBAC, "kind": "RoleBinding", "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
    }, namespace)  # fmt: skip
    client.apply({"apiVersion": LEASES, "kind": "Lease", "metadata": {"name": SLOT, "labels": {"bot": ACCOUNT}}},
                 namespace)  # fmt: skip


def mount_account(plane: ControlPlane, namespace: str, folder: Path) -> None:
    """What kubelet mounts into a pod: the account's token, and the API server's authority."""
    path = plane.client.path("v1", "ServiceAccount", namespace, ACCOUNT) + "/token"
    wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    (folder / "token").write_text(plane.client.request("POST", path, wanted).body["status"]["token"])
    cluster = yaml.safe_load(plane.kubeconfig.read_text())["clusters"][0]["cluster"]
    (folder / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]))


def is_admitted(plane: ControlPlane, folder: Path) -> bool:
    """Whether the API server takes the mounted token for an account's, whatever that account may do."""
    trust = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    client = ApiClient(plane.client.host, plane.client.port, trust, (folder / "token").read_text())
    return client.request("GET", "/api").status != HTTPStatus.UNAUTHORIZED


def lease_of_slot(client: ApiClient, namespace: str) -> dict[str, Any]:
    found = client.get(LEASES, "Lease", namespace, SLOT)
    assert found is not None
    return found
