"""The runtime as a pod's container runs it: a real process with a slot's configuration, and its account at its place.

Each life has a mount namespace of its own, in which the account's files are where kubelet puts them.
"""

import asyncio
import json
import os
import secrets
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from harness.control_peer import Peer
from harness.control_plane import ControlPlane
from harness.log_lines import logged
from harness.operator_process import eventually
from harness.self_signed import Authority
from harness.slot_account import SLOT, is_admitted, lease_of_slot, mount_account
from tradingbot_runtime.config import LeaseReference, SlotConfig
from tradingbot_runtime.model.control import CONTROL_PATH, Hello, OperatorMessage, SlotReport

# /run is the process' own: there alone its account is mounted.
AS_KUBELET = 'mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io && ln -s "$0" /run/secrets/kubernetes.io/serviceaccount && exec "$@"'  # noqa: E501 - one command
UNSHARE = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
END_S = 25.0  # of a pod's grace of 30
START_S = 30.0


@dataclass(slots=True)
class PodProcess:
    """One pod, by its uid; its container may live several times. `folder` is its volume and all that is mounted."""

    plane: ControlPlane
    namespace: str
    folder: Path
    uid: str
    config: SlotConfig
    authority: Authority = field(default_factory=lambda: Authority("bot"))
    documents: dict[str, Any] = field(default_factory=dict)  # fields of the configuration, unchecked
    environment: Mapping[str, str] = field(default_factory=dict)
    lives: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def journal(self) -> Path:
        return self.folder / "journal.sqlite3"

    @property
    def mounted(self) -> SlotConfig:
        """What the latest life was started with."""
        return SlotConfig.model_validate_json((self.folder / "slots/slot-0.json").read_text())

    def start(self) -> "PodProcess":
        account, slots, control = self._account, self.folder / "slots", self.folder / "control"
        for made in (account, slots, control):
            made.mkdir(exist_ok=True)
        if not (control / "token").exists():
            self.authority.write_server(control)
            (control / "token").write_text(secrets.token_urlsafe())
        if not (account / "token").exists():
            mount_account(self.plane, self.namespace, account)
        bot = self.config.bot.model_copy(update={"namespace": self.namespace})
        config = self.config.model_copy(update={"lease": LeaseReference(name=SLOT), "bot": bot})
        document = json.loads(config.document()) | self.documents
        (slots / "slot-0.json").write_text(json.dumps(document))
        self.lives += 1
        command = (*UNSHARE, "sh", "-c", AS_KUBELET, str(account), sys.executable, "-m", "tradingbot_runtime", "run",
                   "--slot-config", str(slots), "--journal", str(self.journal), "--host", "127.0.0.1",
                   "--http-port", "0", "--control", str(control), "--control-port", "0")  # fmt: skip
        client = self.plane.client
        environment = {"POD_NAME": SLOT, "POD_UID": self.uid, "KUBERNETES_SERVICE_HOST": client.host,
                       "KUBERNETES_SERVICE_PORT": str(client.port)}  # fmt: skip
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **environment, **self.environment}
            )
        return self

    @property
    def holder(self) -> str:
        """Of the slot's Lease; empty: nobody."""
        return str(lease_of_slot(self.plane.client, self.namespace)["spec"].get("holderIdentity") or "")

    def until_it_holds_the_lease(self) -> "PodProcess":
        self._until(lambda: self.holder == self.uid, f"{self.uid} holds the Lease")
        return self

    def until_its_token_is_void(self) -> "PodProcess":
        """The API server remembers for 10 s that a token was good."""
        self._until(lambda: not is_admitted(self.plane, self._account), "the API server refuses the account's token")
        return self

    def until_logged(self, text: str) -> "PodProcess":
        self._until(lambda: text in self.output(), f"{text} is logged")
        return self

    def until_it_holds_sigterm_back(self) -> "PodProcess":
        """The process is so young that it has not read its configuration, and knows already that it may be ended."""
        assert self.process
        proc = Path(f"/proc/{self.process.pid}")
        status = proc / "status"

        def blocks() -> bool:
            if not (proc / "cmdline").read_text().startswith(sys.executable):
                return False  # still on the way to it
            (line,) = [line for line in status.read_text().splitlines() if line.startswith("SigBlk:")]
            return bool(int(line.split()[1], 16) & 1 << (signal.SIGTERM - 1))

        self._until(blocks, "SIGTERM is held back")
        return self

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            eventually(condition, START_S, what)
        except AssertionError as failure:
            raise AssertionError(f"{failure}; its log: {self.output()[-2000:]}") from None

    def output(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def report(self, *commands: OperatorMessage, until: Callable[[SlotReport], bool] = lambda _: True) -> SlotReport:
        """The first report over the control stream that is as wanted, after these commands."""
        return asyncio.run(self._converse(commands, until))

    async def _converse(self, commands: tuple[OperatorMessage, ...], until: Callable[[SlotReport], bool]) -> SlotReport:
        (listens,) = logged(self._log, "ControlStreamListening")
        token = (self.folder / "control/token").read_text()
        async with asyncio.timeout(START_S), aiohttp.ClientSession() as session:
            url = f"https://127.0.0.1:{listens['port']}{CONTROL_PATH}"
            tls = ssl.create_default_context(cadata=self.authority.pem)
            peer = Peer(await session.ws_connect(url, ssl=tls, headers={"Authorization": f"Bearer {token}"}))
            for message in (Hello(term=1, operator="op"), *commands):
                await peer.say(message)
            while not (isinstance(heard := await peer.hear(), SlotReport) and until(heard)):
                pass
            return heard

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(END_S)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_S)

    @property
    def _account(self) -> Path:
        return self.folder / f"account-{self.uid}"

    @property
    def _log(self) -> Path:
        return self.folder / f"log-{self.uid}-{self.lives}"


@contextmanager
def pod_process(
    plane: ControlPlane, namespace: str, folder: Path, uid: str, config: SlotConfig
) -> Iterator[PodProcess]:
    """Skips the test where this user may not mount anything."""
    probe = subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no mount namespaces for this user: {probe.stderr.decode().strip()}")
    pod = PodProcess(plane, namespace, folder, uid, config)
    try:
        yield pod
    finally:
        if pod.process is not None and pod.process.poll() is None:
            pod.kill()
