"""A real Alertmanager on a free port, with a configuration as it is installed. `make setup` brings the program.

Debian's reads its templates from /usr/share, and `make setup` unpacks it elsewhere: it gets a /usr/share of its own.
"""

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from harness.prometheus import END_WITHIN_S, START_WITHIN_S, free_port, program
from harness.simulator import until

INSTALLED = Path("/usr/share/prometheus")
APART = ("unshare", "--user", "--map-root-user", "--mount")
WITH_TEMPLATES = 'mount -t tmpfs none /usr/share && cp -r "$0" /usr/share/prometheus && exec "$@"'


def _started_by() -> tuple[str, ...]:
    """Skips the test where the templates are not installed and nothing may be mounted."""
    shared = Path(program("alertmanager")).resolve().parents[1] / "share/prometheus"
    if INSTALLED.exists() or not shared.is_dir():  # its makers' programs have them within
        return ()
    tried = (*APART, "mount", "-t", "tmpfs", "none", "/usr/share")
    if shutil.which("unshare") is None or subprocess.run(tried, check=False, capture_output=True).returncode:
        pytest.skip("Debian's Alertmanager needs its templates in /usr/share, and nothing may be mounted here")
    return (*APART, "sh", "-c", WITH_TEMPLATES, str(shared))


class Alertmanager:
    def __init__(self, folder: Path, config: Path) -> None:
        self._folder, self._config, self._port = folder, config, free_port()

    def __enter__(self) -> Self:
        command = (
            *_started_by(), program("alertmanager"), f"--config.file={self._config}",
            f"--storage.path={self._folder / 'data'}", f"--web.listen-address=127.0.0.1:{self._port}",
            "--cluster.listen-address=",
        )  # fmt: skip
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._is_ready, f"Alertmanager is ready; its log: {self._folder / 'log'}", START_WITHIN_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(END_WITHIN_S)

    def tell(self, alerts: Iterable[Mapping[str, str]]) -> None:
        """Labels of each alert that fires, as Prometheus tells it."""
        self._call("alerts", json.dumps([{"labels": dict(labels)} for labels in alerts]).encode())

    def known(self) -> list[dict[str, Any]]:
        return list(json.loads(self._call("alerts")))

    def _call(self, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}/api/v2/{path}", body)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - the same
            return bytes(answer.read())

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            self._call("status")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True
