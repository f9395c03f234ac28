"""The three requests that a slot makes to the Kubernetes API: read and replace its Lease, nothing else."""

import base64
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.lease.record import LeaseConflict, LeaseGone, LeaseRecord, LeaseUnavailable, parse_lease
from tradingbot_runtime.network_errors import unreached
from tradingbot_runtime.os_errors import in_words

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
NO_LABELS: Mapping[str, str] = MappingProxyType({})


class _Status(msgspec.Struct):
    """What the API server answers instead of the object (metav1.Status)."""

    reason: str = ""
    message: str = ""


class KubernetesLeases:
    """Leases of one namespace. `async with`; each request reads the mounted token again, for it rotates."""

    def __init__(
        self, url: str, namespace: str, account: Path = SERVICE_ACCOUNT, labels: Mapping[str, str] = NO_LABELS
    ) -> None:
        """`url` is the API server's, `account` the folder with `token` and `ca.crt`.

        `labels` are on each Lease that is written, whoever has taken them off: people select by them what they delete.
        """
        self._leases = f"{url}/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._account = account
        self._labels = labels
        self.account_uid = ""  # whose token the latest request carried; empty: none yet, or it does not say
        self._authority = ""
        self._tls: ssl.SSLContext | None = None
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], namespace: str, account: Path = SERVICE_ACCOUNT,
        labels: Mapping[str, str] = NO_LABELS,
    ) -> Self:  # fmt: skip
        """As every pod finds its API server; ConfigError outside of a cluster."""
        try:
            host, port = environ["KUBERNETES_SERVICE_HOST"], environ["KUBERNETES_SERVICE_PORT"]
        except KeyError as error:
            raise ConfigError(f"{error.args[0]} is not set, but the slot has a lease: this is no pod") from error
        address = f"[{host}]" if ":" in host else host
        return cls(f"https://{address}:{port}", namespace, account, labels)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def read(self, name: str, timeout_s: float) -> LeaseRecord | None:
        """The Lease, None when it does not exist. Raises LeaseUnavailable."""
        try:
            return await self._request("GET", name, None, timeout_s)
        except LeaseGone:
            return None

    async def replace(self, name: str, document: Mapping[str, Any], timeout_s: float) -> LeaseRecord:
        """Write `document` if the Lease still has the document's resourceVersion; the Lease as it then is.

        Raises LeaseConflict, LeaseGone (nothing was written), LeaseUnavailable (it may have been).
        """
        return await self._request("PUT", name, msgspec.json.encode(self._labelled(document)), timeout_s)

    def _labelled(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        metadata = document["metadata"]
        return {**document, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **self._labels}}}

    async def _request(self, method: str, name: str, body: bytes | None, timeout_s: float) -> LeaseRecord:
        if self._session is None:
            raise RuntimeError("KubernetesLeases is used outside of its `async with`")
        token = self._read("token")
        self.account_uid = account_of(token)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url = f"{self._leases}/{name}"
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                headers=headers,
                ssl=self._trust(),
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as response:
                return _answer(response.status, await response.read())
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise LeaseUnavailable(f"no answer to {method} {unreached(error, url, timeout_s)}") from error

    def _trust(self) -> ssl.SSLContext:
        """Made anew only when the mounted CA has changed, so that connections are used again."""
        authority = self._read("ca.crt")
        if not authority:  # to the ssl module, no authority means those of the system
            raise LeaseUnavailable(f"{self._account / 'ca.crt'} is empty")
        if self._tls is None or authority != self._authority:
            try:
                self._tls, self._authority = ssl.create_default_context(cadata=authority), authority
            except ssl.SSLError as error:
                raise LeaseUnavailable(f"{self._account / 'ca.crt'} holds no certificate") from error
        return self._tls

    def _read(self, name: str) -> str:
        try:
            return (self._account / name).read_text().strip()
        except OSError as error:
            raise LeaseUnavailable(f"{self._account / name}: {in_words(error)}") from error


class _ServiceAccount(msgspec.Struct, frozen=True):
    uid: str = ""


class _Bound(msgspec.Struct, frozen=True):
    serviceaccount: _ServiceAccount = _ServiceAccount()


class _Claims(msgspec.Struct, frozen=True):
    bound: _Bound = msgspec.field(default=_Bound(), name="kubernetes.io")


def account_of(token: str) -> str:
    """The uid of the ServiceAccount that a token was issued for; empty where it does not say.

    Not verified: it is told to the operator, who knows the account. The API server refuses a token whose account was
    deleted, also when there is a new one of the same name.
    """
    payload = token.split(".")[1] if token.count(".") == 2 else ""  # noqa: PLR2004 - header, claims, signature
    try:
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        return msgspec.json.decode(claims, type=_Claims).bound.serviceaccount.uid
    except ValueError:
        return ""


def _answer(status: int, raw: bytes) -> LeaseRecord:
    if status == 200:  # noqa: PLR2004 - HTTP's own number
        try:
            return parse_lease(raw)
        except ValueError as error:
            raise LeaseUnavailable(f"the answer is not a Lease: {error}") from error
    said = _status(raw)
    message = f"{status} {said.reason}: {said.message}"
    if (status, said.reason) == (404, "NotFound"):  # any other 404 (a proxy, a server starting) proves nothing
        raise LeaseGone(message)
    if status == 409:  # noqa: PLR2004 - HTTP's own number
        raise LeaseConflict(message)
    raise LeaseUnavailable(message)


def _status(raw: bytes) -> _Status:
    try:
        return msgspec.json.decode(raw, type=_Status)
    except ValueError:
        return _Status(reason="Unreadable", message=raw[:200].decode(errors="replace"))
