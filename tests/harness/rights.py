"""What Roles give, and what a program has made use of: both as (API group, resource, verb)."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from harness.api_client import Object
from harness.api_proxy import Asked
from harness.control_plane import REPOSITORY, ControlPlane

Right = tuple[str, str, str]
NAMESPACED = REPOSITORY / "manifests/namespaced"
_IN_NAMESPACE = re.compile(r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)/namespaces/[^/]+"
                           r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<part>[^/]+))?)?")  # fmt: skip
DISCOVERY = re.compile(r"/api(/v1)?|/apis(/[^/]+(/[^/]+)?)?|/version")
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def install_namespaced(plane: ControlPlane, own: str, watched: str) -> list[Object]:
    """The rendered manifests, but the Deployment, with another namespace for the operator; returns its Roles."""
    roles = []
    for file, namespace in ((NAMESPACED / "operator.yaml", own), (NAMESPACED / "watched-namespace.yaml", watched)):
        for manifest in _documents(file, own):
            if manifest["kind"] in {"ServiceAccount", "Role", "RoleBinding"}:
                plane.client.apply(manifest, namespace)
            if manifest["kind"] == "Role" and manifest["metadata"]["name"] != "tradingbot-halter":
                roles.append(manifest)
    return roles


def _documents(file: Path, own: str) -> Iterator[Object]:
    yield from yaml.safe_load_all(file.read_text().replace("namespace: tradingbot-system", f"namespace: {own}"))


def given(roles: Iterable[Object]) -> set[Right]:
    return {
        (group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(asked: Iterable[Asked]) -> set[Right]:
    return {right for request in asked for right in _rights(request)}


def outside_of_namespaces(asked: Iterable[Asked]) -> set[str]:
    """Paths that a Role cannot allow; what the API server itself is asked about is everybody's."""
    paths = {request.path for request in asked}
    return {path for path in paths if not _IN_NAMESPACE.fullmatch(path) and not DISCOVERY.fullmatch(path)}


def _rights(request: Asked) -> Iterator[Right]:
    found = _IN_NAMESPACE.fullmatch(request.path)
    if found is None:
        return
    resource = found["resource"] + (f"/{found['part']}" if found["part"] else "")
    reading = "watch" if request.watch else "get" if found["name"] else "list"
    yield found["group"] or "", resource, VERBS.get(request.method, reading)
    if request.method == "PATCH" and request.status == 201:
        yield found["group"] or "", resource, "create"
