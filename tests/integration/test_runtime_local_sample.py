"""What the README and the samples offer to try on this machine: typed as it is written there, without a network."""

import os
import re
import shlex
import shutil
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.log_lines import entries, logged
from harness.simulator import Json, until

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = "manifests/samples/bot-local.yaml"
COMMAND = re.compile(r"\.venv/bin/tradingbot-runtime (?:simulate|run \S+)(?= {2,}#)")
END_WITHIN_S = 10.0
SAMPLES = (REPOSITORY / "manifests/samples").glob("*.yaml")
WITH_KEYS = sorted(str(path.relative_to(REPOSITORY)) for path in SAMPLES if "#   export " in path.read_text())
TYPED = "#   "  # begins the lines of a sample's comment that are to be typed; a bare `#` ends a terminal's


def commands(file: str) -> list[str]:
    return COMMAND.findall((REPOSITORY / file).read_text(encoding="utf-8"))


def terminals(file: str) -> list[str]:
    """What the comment at the top of a sample has typed in one terminal after the other, as scripts."""
    top = (REPOSITORY / file).read_text(encoding="utf-8").partition("apiVersion:")[0]
    paragraphs = re.split(r"^#\n", top, flags=re.MULTILINE)
    return [textwrap.dedent(p.replace(TYPED, "")) for p in paragraphs if p.startswith(TYPED)]


@pytest.fixture
def alone() -> Iterator[tuple[str, ...]]:
    """What to put before a command so that it has a loopback of its own, and nothing else.

    The commands name fixed ports, and they are said to need no network.
    """
    script = "ip link set lo up && echo up && exec sleep 300"
    command = ("unshare", "--net", "sh", "-c", script)
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("needs unshare and nsenter")
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "up\n":
            pytest.skip("a network namespace cannot be made here; root can")
        yield ("nsenter", f"--net=/proc/{holder.pid}/ns/net", "--")
    finally:
        holder.kill()
        holder.communicate()


def test_the_sample_names_the_same_commands_as_the_readme() -> None:
    assert commands("README.md") == commands(SAMPLE)
    assert [shlex.split(command)[1] for command in commands(SAMPLE)] == ["simulate", "run"]


@dataclass
class Machine:
    """One of its own, with a terminal for each script that is typed."""

    alone: tuple[str, ...]
    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def type(self, script: str) -> Path:
        """Begin it as a shell does; the file of what it prints."""
        log = self.folder / f"terminal-{len(self.running)}"
        command = (*self.alone, "sh", "-c", re.sub(r"^\.venv", "exec .venv", script, flags=re.MULTILINE))
        environment = {**os.environ, "XDG_STATE_HOME": str(self.folder)}
        with log.open("wb") as output:
            self.running.append(subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=output,
                                                 stderr=output))  # fmt: skip
        return log

    def both(self, simulate: str, run: str) -> list[Json]:
        """An exchange and a bot beside it, until the bot tells that it quotes: what it has told."""
        exchange = self.type(simulate)
        until(lambda: self._tells(exchange, lambda e: e.get("event") == "SimulatorStarted"), "the exchange is up", 20)
        assert entries(exchange.read_text())[0]["rest"] == "http://127.0.0.1:9000"
        bot = self.type(run)
        until(lambda: self._tells(bot, _quotes), "the bot tells that it quotes", 30)
        return logged(bot, "Progress")

    def end(self) -> list[int]:
        """The exit codes, the last one's first."""
        return [_ended(self.running.pop()) for _ in list(self.running)]

    def _tells(self, log: Path, wanted: Callable[[Json], bool]) -> bool:
        assert self.running[-1].poll() is None, log.read_text(encoding="utf-8")
        return any(map(wanted, entries(log.read_text())))


@pytest.fixture
def machine(alone: tuple[str, ...], tmp_path: Path) -> Iterator[Machine]:
    made = Machine(alone, tmp_path)
    try:
        yield made
    finally:
        for process in made.running:
            process.kill()
            process.wait(END_WITHIN_S)


def test_the_two_commands_of_the_readme_make_a_bot_that_quotes_and_says_so(machine: Machine) -> None:
    progress = machine.both(*commands("README.md"))

    assert progress[-1]["orders"] == 6
    assert re.fullmatch(r"\d+\.\d\d/\d+\.\d\d", progress[-1]["quotes"]), progress
    assert machine.end() == [0, 0]


@pytest.mark.parametrize("sample", WITH_KEYS, ids=lambda file: Path(file).stem)
def test_what_a_samples_comment_has_typed_makes_a_bot_that_quotes(sample: str, machine: Machine) -> None:
    simulate, run = terminals(sample)

    machine.both(simulate, run)
    assert machine.end() == [0, 0]


def _quotes(entry: Json) -> bool:
    return entry.get("event") == "Progress" and entry["state"] == "Active" and entry["orders"] > 0


def _ended(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    return process.wait(END_WITHIN_S)
