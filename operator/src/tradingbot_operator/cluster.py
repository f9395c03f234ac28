"""The only module that talks to the API server (kopf's watches apart)."""

import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.request import getproxies

import aiohttp
import msgspec
import structlog
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.config import load_incluster_config, load_kube_config
from kubernetes.aio.dynamic import DynamicClient

from tradingbot_operator.api.v1alpha1 import GROUP, VERSION
from tradingbot_operator.api_errors import ApiError, ApiRefused, ApiUnavailable, Conflict, NotFound
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Manifest
from tradingbot_runtime.logs import in_detail
from tradingbot_runtime.network_errors import unreached

log = structlog.get_logger("cluster")

REQUEST_S = 30.0
CONNECT_S = 5.0
CONNECTIONS = 16
CHUNK = 100  # objects of one answer: a thousand pods at once are 50 MB for a moment, and that memory stays ours
_METADATA = "application/json;as={};g=meta.k8s.io;v=v1"  # PartialObjectMetadata: the content is never transferred
_APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"
_MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Kind:
    api: str
    plural: str


# No discovery: the operator knows its kinds, and a start should cost no round trips.
KINDS: Mapping[str, Kind] = {
    "TradingBot": Kind(f"apis/{GROUP}/{VERSION}", "tradingbots"),
    "Venue": Kind(f"apis/{GROUP}/{VERSION}", "venues"),
    "TradingHalt": Kind(f"apis/{GROUP}/{VERSION}", "tradinghalts"),
    "StatefulSet": Kind("apis/apps/v1", "statefulsets"),
    "Pod": Kind("api/v1", "pods"),
    "ConfigMap": Kind("api/v1", "configmaps"),
    "Secret": Kind("api/v1", "secrets"),
    "Service": Kind("api/v1", "services"),
    "ServiceAccount": Kind("api/v1", "serviceaccounts"),
    "Role": Kind("apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": Kind("apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "PodDisruptionBudget": Kind("apis/policy/v1", "poddisruptionbudgets"),
    "NetworkPolicy": Kind("apis/networking.k8s.io/v1", "networkpolicies"),
    "Job": Kind("apis/batch/v1", "jobs"),
    "Lease": Kind("apis/coordination.k8s.io/v1", "leases"),
    "Event": Kind("api/v1", "events"),
}


@dataclass(slots=True)
class Cluster:
    """One connection pool; use it as an async context manager."""

    configuration: Configuration
    namespaces: tuple[str, ...] = ()  # that are listed; none: the whole cluster at once
    requests: Counter[tuple[str, ...]] = field(default_factory=Counter)  # (code, method, kind)
    _client: ApiClient | None = None
    _dynamic: DynamicClient | None = None

    @classmethod
    async def connect(cls, namespaces: tuple[str, ...] = ()) -> Self:
        """KUBECONFIG where it is set, else the pod's service account."""
        configuration = Configuration()
        if path := os.environ.get("KUBECONFIG"):
            await load_kube_config(path, None, configuration, False)  # type: ignore[no-untyped-call]  # noqa: FBT003 - half-typed package; do not write the file back
        else:
            load_incluster_config(configuration)  # type: ignore[no-untyped-call]  # as above
        configuration.connection_pool_maxsize = CONNECTIONS
        # Else each request has a thread read ~/.netrc, where no API server's password is. Proxies go on to count.
        configuration.client_session_kwargs = {"trust_env": bool(getproxies())}
        return cls(configuration, namespaces)

    async def __aenter__(self) -> Self:
        self._client = ApiClient(self.configuration)
        self._dynamic = DynamicClient(self._client)  # type: ignore[no-untyped-call]  # as above
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.close()  # type: ignore[no-untyped-call]  # as above

    async def apply(self, manifest: Manifest) -> Manifest:
        """Server-side apply: what is not in `manifest` any more and was ours is removed."""
        return await self._object("patch", manifest, body=manifest, content_type=_APPLY,
                                  field_manager=names.FIELD_MANAGER, force_conflicts=True)  # fmt: skip

    async def apply_status(self, kind: str, metadata: Mapping[str, str], status: Manifest) -> Manifest:
        """`metadata` is namespace and name."""
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": dict(metadata), "status": status}
        return await self._object("patch", body, body=body, content_type=_APPLY, subresource="status",
                                  field_manager=names.FIELD_MANAGER, force_conflicts=True)  # fmt: skip

    async def create(self, manifest: Manifest) -> Manifest:
        """Raises Conflict when it exists."""
        path = _path(manifest["kind"], manifest["metadata"]["namespace"])
        return await self._request("post", manifest["kind"], path, body=manifest, field_manager=names.FIELD_MANAGER)

    async def replace(self, manifest: Manifest) -> Manifest:
        """Raises Conflict when its resourceVersion is not the stored one."""
        return await self._object("put", manifest, body=manifest)

    async def merge(self, kind: str, namespace: str, name: str, body: Manifest) -> Manifest:
        return await self._request("patch", kind, _path(kind, namespace, name), body=body, content_type=_MERGE_PATCH)

    async def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        try:
            return await self._request("get", kind, _path(kind, namespace, name))
        except NotFound:
            return None

    async def metadata(self, kind: str, namespace: str, name: str, *, cached: bool = False) -> Manifest | None:
        """The object without its content. `cached`: from the API server's memory, which may be a little behind."""
        accept = {"Accept": _METADATA.format("PartialObjectMetadata")}
        version = "0" if cached else None
        path = _path(kind, namespace, name)
        try:
            return await self._request("get", kind, path, header_params=accept, resource_version=version)
        except NotFound:
            return None

    async def look_up(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """As `metadata`, of kinds that the operator may list, and not get."""
        query = {"limit": 1, "field_selector": f"metadata.name={name}"}
        async for found in self._list(kind, _path(kind, namespace), query, metadata_only=True):
            return found
        return None

    async def delete(self, kind: str, namespace: str, name: str, uid: str) -> Manifest | None:
        """Exactly the object with `uid`, as it then is, where it ends later; one with another uid stays.

        None where there is nothing left of it.
        """
        # By its own default a Job leaves its pods behind.
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid},
                "propagationPolicy": "Background"}  # fmt: skip
        try:
            answer = await self._request("delete", kind, _path(kind, namespace, name), body=body)
        except (NotFound, Conflict):
            return None
        return answer if "deletionTimestamp" in answer.get("metadata", {}) else None

    async def set_finalizers(self, bot: Manifest, finalizers: list[str]) -> Manifest:
        """Raises Conflict when somebody changed `bot` in between: another finalizer must not get lost."""
        metadata = bot["metadata"]
        patch = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
            {"op": "add", "path": "/metadata/finalizers", "value": finalizers},
        ]
        return await self._object("patch", bot, body=patch, content_type=_JSON_PATCH)

    async def list(
        self, kind: str, selector: str = "", *, fields: str = "", metadata_only: bool = False
    ) -> AsyncIterator[Manifest]:
        """All objects of `kind` where we work, in chunks; a chunk that fails ends the list with an error.

        `selector` is of labels, `fields` of fields.
        """
        query = {"limit": CHUNK, "label_selector": selector or None, "field_selector": fields or None}
        for namespace in self.namespaces or ("",):
            async for item in self._list(kind, _path(kind, namespace), query, metadata_only=metadata_only):
                yield item

    async def _list(
        self, kind: str, path: str, query: dict[str, Any], *, metadata_only: bool
    ) -> AsyncIterator[Manifest]:
        query = dict(query)
        token = None
        while True:
            if metadata_only:
                query["header_params"] = {"Accept": _METADATA.format("PartialObjectMetadataList")}
            answer = await self._request("get", kind, path, _continue=token, **query)
            for item in answer.get("items") or ():  # null for an empty list of metadata
                yield item
            if not (token := answer["metadata"].get("continue")):
                return

    async def _object(self, verb: str, manifest: Manifest, subresource: str = "", **options: Any) -> Manifest:  # noqa: ANN401 - the dynamic client's own keywords
        metadata = manifest["metadata"]
        path = _path(manifest["kind"], metadata["namespace"], metadata["name"], subresource)
        return await self._request(verb, manifest["kind"], path, **options)

    async def _request(self, verb: str, kind: str, path: str, **options: Any) -> Manifest:  # noqa: ANN401 - as above
        if self._dynamic is None:
            raise RuntimeError("Cluster is used outside of its context")
        timeout = aiohttp.ClientTimeout(total=REQUEST_S, sock_connect=CONNECT_S)
        code, began_s = "2xx", time.monotonic()
        try:
            # Decoded by ourselves: a fifth of the processor's time went into what the client decodes with.
            response = await self._dynamic.request(verb, path, serialize=False, _request_timeout=timeout, **options)
            answer: Manifest = msgspec.json.decode(await response.read())
        except ApiException as error:
            code = str(error.status)
            raise _refused(verb, kind, path, error) from error
        except msgspec.DecodeError as error:
            code = "<error>"
            raise ApiUnavailable(f"no JSON in the answer to {verb.upper()} {path}: {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            code = "<error>"
            limit_s = CONNECT_S if isinstance(error, aiohttp.ConnectionTimeoutError) else REQUEST_S
            told = unreached(error, self.configuration.host + path, limit_s)
            raise ApiUnavailable(f"no answer from the API server to {verb.upper()} {told}") from error
        finally:
            self.requests[(code, verb.upper(), kind)] += 1
            if in_detail():
                log.debug("Requested", verb=verb.upper(), path=path, status=code,
                          took_ms=round((time.monotonic() - began_s) * 1000, 3))  # fmt: skip
        return answer


def _path(kind: str, namespace: str = "", name: str = "", subresource: str = "") -> str:
    known = KINDS[kind]
    where = ("namespaces", namespace) if namespace else ()
    return "/" + "/".join(part for part in (known.api, *where, known.plural, name, subresource) if part)


_JSON_PATCH_TEST_FAILED = 422
_SERVER_ERROR = 500
_TOO_MANY = 429
_ERRORS: Mapping[int, type[ApiRefused]] = {404: NotFound, 409: Conflict}
_WEBHOOK_FAILED = "failed calling webhook"  # told with 500, and no better until somebody has mended the webhook


def _refused(verb: str, kind: str, path: str, error: ApiException) -> ApiError:
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    status = error.status or 0
    message = f"{verb} {path}: {error.status} {error.reason} {body[:1000]}"
    if (not status or status >= _SERVER_ERROR or status == _TOO_MANY) and _WEBHOOK_FAILED not in body:
        return ApiUnavailable(message)
    if status == _JSON_PATCH_TEST_FAILED and kind == "TradingBot" and "the server rejected our request" in body:
        return Conflict(status, message)
    name, words = _said(body)
    what = f"{kind}/{name or path.partition(f'/{KINDS[kind].plural}/')[2] or '?'}"
    return _ERRORS.get(status, ApiRefused)(status, message, what, words or str(error.reason))


def _said(body: str) -> tuple[str, str]:
    """The name and the words of a metav1.Status; empty where it is none, or does not say."""
    try:
        told = msgspec.json.decode(body, type=_Status)
    except msgspec.DecodeError:
        return "", ""
    return (told.details.name if told.details else ""), told.message


class _Details(msgspec.Struct):
    name: str = ""


class _Status(msgspec.Struct):
    message: str = ""
    details: _Details | None = None
