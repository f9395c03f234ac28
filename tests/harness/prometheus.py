"""A real Prometheus on a free port, with the targets and rules of a test. `make setup` brings the program."""

import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import yaml
from ask import NoAnswer, at

from harness.simulator import until

ROOT = Path(__file__).parents[2]
START_WITHIN_S = 30.0
END_WITHIN_S = 10.0
Labels = Mapping[str, str]


def program(name: str) -> str:
    """Of the setup or of the machine. Skips the test where there is none, which never happens in CI."""
    ours = ROOT / ".cache/bin" / name
    found = str(ours) if ours.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here: `make setup` brings it on Debian")
    return found


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Prometheus:
    """`jobs`: name -> targets, each an address (host:port) and its labels."""

    def __init__(
        self, folder: Path, jobs: Mapping[str, Iterable[tuple[str, Labels]]], *, every_s: int = 1,
        rules: Iterable[Path] = (), alertmanagers: Iterable[str] = (),
    ) -> None:  # fmt: skip
        self._folder, self._port = folder, free_port()
        self._asked = at(f"http://127.0.0.1:{self._port}")
        self._config = {
            "global": {"scrape_interval": f"{every_s}s", "scrape_timeout": f"{every_s}s",
                       "evaluation_interval": f"{every_s}s"},
            "rule_files": [str(path) for path in rules],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [at], "labels": dict(labels)} for at, labels in of]}
                for job, of in jobs.items()
            ],
        }  # fmt: skip

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(self._config))
        command = (
            program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}", "--log.level=warn",
        )  # fmt: skip
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._is_ready, f"Prometheus is ready; its log: {self._folder / 'log'}", START_WITHIN_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(END_WITHIN_S)

    def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        """An instant vector: labels and value of each series."""
        found = self._asked("query", {"query": query})["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in found]

    def value(self, query: str) -> float | None:
        """Of a query with one series at most."""
        found = self.ask(query)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            self._asked("status/buildinfo", {})
        except NoAnswer:
            return False
        return True
