"""A small client of the Kubernetes API for tests: plain HTTP, so that a test sees status, body and Warning headers."""

import base64
import http.client
import json
import ssl
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

TIMEOUT_S = 30.0
APPLY = "application/apply-patch+yaml"
JSON = "application/json"

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said to one request."""

    status: int
    body: Object
    warnings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return self.status < http.HTTPStatus.BAD_REQUEST

    @property
    def message(self) -> str:
        """The message of a refusal."""
        return str(self.body.get("message", ""))


class RequestRefused(AssertionError):
    """The API server refused what a test took for granted."""

    def __init__(self, what: str, answer: Answer) -> None:
        self.answer = answer
        super().__init__(f"{what}: {answer.status} {answer.message}")


@dataclass(slots=True)
class ApiClient:
    """Requests to one API server, a new connection for each, so that threads may share it."""

    host: str
    port: int
    context: ssl.SSLContext
    token: str = ""  # of an account, where the context has no client's certificate
    _plurals: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)

    @classmethod
    def from_kubeconfig(cls, path: Path, scratch: Path) -> "ApiClient":
        """The client of the current user; `scratch` is a folder for the certificate files that `ssl` wants."""
        config = yaml.safe_load(path.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        files = {}
        for name, source in (("ca", cluster["certificate-authority-data"]), ("crt", user["client-certificate-data"]),
                             ("key", user["client-key-data"])):  # fmt: skip
            files[name] = scratch / f"client.{name}"
            files[name].touch(mode=0o600)
            files[name].write_bytes(base64.b64decode(source))
        context = ssl.create_default_context(cafile=str(files["ca"]))
        context.load_cert_chain(files["crt"], files["key"])
        server = urlsplit(cluster["server"])
        return cls(str(server.hostname), server.port or 443, context)

    def request(self, method: str, path: str, body: Object | bytes | None = None, content_type: str = JSON) -> Answer:
        """One request as it is; a body of bytes is sent unchanged."""
        connection = http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=TIMEOUT_S)
        try:
            payload = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            headers = {"Accept": JSON} | ({"Content-Type": content_type} if payload is not None else {})
            headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            text = response.read()
            answer = json.loads(text) if text.startswith(b"{") else {"message": text.decode(errors="replace")}
            return Answer(response.status, answer, tuple(response.headers.get_all("Warning") or ()))
        finally:
            connection.close()

    def path(self, api_version: str, kind: str, namespace: str = "", name: str = "") -> str:
        """The path of a collection, or of an object; found by discovery, as kubectl does."""
        root = "/api" if "/" not in api_version else "/apis"
        if (api_version, kind) not in self._plurals:
            found = self.request("GET", f"{root}/{api_version}").body.get("resources", [])
            whole = [resource for resource in found if "/" not in resource["name"]]  # not the subresources
            self._plurals |= {(api_version, r["kind"]): (r["name"], r["namespaced"]) for r in whole}
        plural, namespaced = self._plurals[(api_version, kind)]
        scope = f"/namespaces/{namespace or 'default'}" if namespaced else ""
        return f"{root}/{api_version}{scope}/{plural}" + (f"/{name}" if name else "")

    def try_create(self, manifest: Object, namespace: str = "", *, dry_run: bool = False) -> Answer:
        """POST with strict field validation, as `kubectl create` does."""
        path = self.path(manifest["apiVersion"], manifest["kind"], namespace)
        return self.request("POST", f"{path}?{_query(dry_run=dry_run)}", manifest)

    def try_apply(self, manifest: Object, namespace: str = "", *, dry_run: bool = False) -> Answer:
        """Server-side apply with strict field validation."""
        path = self.path(manifest["apiVersion"], manifest["kind"], namespace, manifest["metadata"]["name"])
        query = _query(dry_run=dry_run, fieldManager="tests", force="true")
        return self.request("PATCH", f"{path}?{query}", manifest, APPLY)

    def apply(self, manifest: Object, namespace: str = "") -> Object:
        return self._demanded(f"apply {manifest['kind']}", self.try_apply(manifest, namespace))

    def merge(self, api_version: str, kind: str, namespace: str, name: str, patch: Object, part: str = "") -> Object:
        """Merge patch; `part` is a subresource such as `status`."""
        path = self.path(api_version, kind, namespace, name) + (f"/{part}" if part else "")
        answer = self.request("PATCH", path, patch, "application/merge-patch+json")
        return self._demanded(f"patch {kind} {name}", answer)

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None where there is none."""
        answer = self.request("GET", self.path(api_version, kind, namespace, name))
        return None if answer.status == http.HTTPStatus.NOT_FOUND else self._demanded(f"get {kind} {name}", answer)

    def list(self, api_version: str, kind: str, namespace: str, selector: str = "") -> list[Object]:
        query = f"?{urlencode({'labelSelector': selector})}" if selector else ""
        answer = self.request("GET", self.path(api_version, kind, namespace) + query)
        items: list[Object] = self._demanded(f"list {kind}", answer)["items"]
        return items

    def delete(self, api_version: str, kind: str, namespace: str, name: str) -> None:
        """Asks for the deletion; an object that is not there is fine."""
        answer = self.request("DELETE", self.path(api_version, kind, namespace, name))
        if answer.status != http.HTTPStatus.NOT_FOUND:
            self._demanded(f"delete {kind} {name}", answer)

    @contextmanager
    def new_namespace(self) -> Iterator[str]:
        """A fresh namespace; its deletion is asked for at the end and not waited for."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        try:
            yield name
        finally:
            self.delete("v1", "Namespace", "", name)

    def install_crds(self, folder: Path, deadline_s: float = 30.0) -> tuple[str, ...]:
        """Applies every CRD in `folder`, waits until each is served, returns the API server's warnings."""
        warnings: list[str] = []
        for file in sorted(folder.glob("*.yaml")):
            crd = yaml.safe_load(file.read_text())
            answer = self.try_apply(crd)
            self._demanded(f"apply {file.name}", answer)
            warnings += answer.warnings
            self._wait_until_served(crd, time.monotonic() + deadline_s)
        return tuple(warnings)

    def _wait_until_served(self, crd: Object, deadline: float) -> None:
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        path = f"/apis/{group}/{crd['spec']['versions'][0]['name']}/{plural}"
        while not self.request("GET", path).ok:
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} is not served")
            time.sleep(0.05)  # between two looks at a condition with a deadline

    @staticmethod
    def _demanded(what: str, answer: Answer) -> Object:
        if not answer.ok:
            raise RequestRefused(what, answer)
        return answer.body


def _query(*, dry_run: bool, **more: str) -> str:
    return urlencode({"fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {}), **more})
