"""Requests to the Kubernetes API over kept connections, and watches: for what has thousands of objects to do with."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
import msgspec

from harness.api_client import ApiClient, Object
from tradingbot_operator.cluster import KINDS

CONNECTIONS = 16
TIMEOUT_S = 60.0
AGAIN_S = 0.2
MERGE = "application/merge-patch+json"


class Refused(AssertionError):
    """The API server said no; `status` is HTTP's."""

    def __init__(self, what: str, status: int, body: str) -> None:
        self.status = status
        super().__init__(f"{what}: {status} {body[:500]}")


@dataclass(frozen=True, slots=True)
class AsyncApi:
    """The same server and user as `client`'s; make one with `connected`."""

    client: ApiClient
    session: aiohttp.ClientSession

    @classmethod
    @asynccontextmanager
    async def connected(cls, client: ApiClient) -> AsyncIterator[Self]:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=client.context)
        async with aiohttp.ClientSession(f"https://{client.host}:{client.port}", connector=connector) as session:
            yield cls(client, session)

    async def request(self, method: str, path: str, body: Object | None = None, content_type: str = "") -> Object:
        """Raises Refused."""
        headers = {"Content-Type": content_type or "application/json"} if body is not None else {}
        payload = None if body is None else json.dumps(body)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with self.session.request(method, path, data=payload, headers=headers, timeout=timeout) as answer:
            text = await answer.text()
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise Refused(f"{method} {path}", answer.status, text)
            found: Object = msgspec.json.decode(text)
            return found

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        try:
            return await self.request("GET", path(kind, namespace, name))
        except Refused as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def merge(self, kind: str, namespace: str, name: str, patch: Object, part: str = "") -> Object:
        return await self.request("PATCH", path(kind, namespace, name, part), patch, MERGE)

    async def create(self, kind: str, namespace: str, manifest: Object) -> Object:
        return await self.request("POST", path(kind, namespace), manifest)

    async def watch(self, kind: str, namespace: str, hear: Callable[[str, Object], None], selector: str = "") -> None:
        """Tells of all that is there as ADDED, then of what changes; never returns. After a gap it tells all anew."""
        chosen = {"labelSelector": selector} if selector else {}
        while True:
            found = await self.request("GET", f"{path(kind, namespace)}?{urlencode(chosen)}")
            for item in found["items"]:
                hear("ADDED", item)
            query = urlencode(chosen | {"watch": "1", "resourceVersion": found["metadata"]["resourceVersion"]})
            await self._follow(f"{path(kind, namespace)}?{query}", hear)
            await asyncio.sleep(AGAIN_S)

    async def _follow(self, wanted: str, hear: Callable[[str, Object], None]) -> None:
        """Until the server ends it."""
        timeout = aiohttp.ClientTimeout(total=None)
        async with self.session.get(wanted, timeout=timeout, read_bufsize=2**22) as answer:
            rest = b""
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event: dict[str, Any] = msgspec.json.decode(line)
                    if event["type"] == "ERROR":
                        return
                    hear(event["type"], event["object"])


def path(kind: str, namespace: str, name: str = "", part: str = "") -> str:
    known = KINDS[kind]
    return "/" + "/".join(step for step in (known.api, "namespaces", namespace, known.plural, name, part) if step)
