"""The part of the Kubernetes API that a slot's Lease needs, over TLS on loopback, with faults on request.

Optimistic concurrency as the API server does it: a PUT whose resourceVersion is not the stored one is a 409, and one
that changes nothing keeps the version.
"""

import asyncio
import json
import ssl
from collections import deque
from pathlib import Path
from typing import Any, Literal

from aiohttp import web

NAMESPACE = "trading"
Fault = Literal["500", "500 after", "hang", "garbage", "drop", "403", "404 of a proxy"]


def _status(code: int, reason: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "reason": reason, "message": "no"}, status=code)


class LeaseServer:
    def __init__(self, folder: Path, token_file: Path) -> None:
        """`folder` has tls.crt and tls.key; a request must carry what `token_file` has at that moment."""
        self._folder = folder
        self._token_file = token_file
        self.leases: dict[str, dict[str, Any]] = {}
        self.faults: deque[Fault] = deque()
        self.requests: list[str] = []
        self._version = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """The server's URL."""
        app = web.Application()
        path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{{name}}"
        app.router.add_get(path, self._serve)
        app.router.add_put(path, self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self._folder / "tls.crt", self._folder / "tls.key")
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls).start()
        return f"https://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def create(self, name: str) -> None:
        """As the operator does, without a holder."""
        self._store(name, {"metadata": {"name": name, "uid": f"uid-{name}", "labels": {"bot": "x"}}, "spec": {}})

    def holder(self, name: str) -> str | None:
        holder: str | None = self.leases[name]["spec"].get("holderIdentity")
        return holder

    def _store(self, name: str, document: dict[str, Any]) -> None:
        self._version += 1
        metadata = {**document["metadata"], "resourceVersion": str(self._version)}
        self.leases[name] = {**document, "metadata": metadata}

    async def _serve(self, request: web.Request) -> web.Response:
        self.requests.append(request.method)
        fault = self.faults.popleft() if self.faults else None
        before = {"500": _status(500, "InternalError"), "403": _status(403, "Forbidden")}
        if fault in before:
            return before[fault]
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "drop" and request.transport is not None:
            request.transport.abort()
        if fault == "garbage":
            return web.Response(text="<html>busy</html>")
        if fault == "404 of a proxy":
            return web.Response(text="404 page not found", status=404)
        answer = await self._answer(request)
        return _status(500, "InternalError") if fault == "500 after" else answer

    async def _answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self._token_file.read_text()}":
            return _status(401, "Unauthorized")
        name = request.match_info["name"]
        if name not in self.leases:
            return _status(404, "NotFound")
        if request.method == "PUT":
            document = json.loads(await request.read())
            if document["metadata"].get("resourceVersion") != self.leases[name]["metadata"]["resourceVersion"]:
                return _status(409, "Conflict")
            if document != self.leases[name]:
                self._store(name, document)
        return web.json_response(self.leases[name])
