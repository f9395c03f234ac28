"""The first thing that the README offers to try: its two commands, as they are written there, without a network."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.simulator import Json, until

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = "manifests/samples/bot-local.yaml"
COMMAND = re.compile(r"\.venv/bin/tradingbot-runtime (?:simulate|run \S+)(?= {2,}#)")
END_WITHIN_S = 10.0


def commands(file: str) -> list[str]:
    return COMMAND.findall((REPOSITORY / file).read_text(encoding="utf-8"))


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


def events(log: Path) -> list[Json]:
    """The complete lines of JSON that a process has printed."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]


def test_the_sample_names_the_same_commands_as_the_readme() -> None:
    assert commands("README.md") == commands(SAMPLE)
    assert [shlex.split(command)[1] for command in commands(SAMPLE)] == ["simulate", "run"]


def test_the_two_commands_of_the_readme_make_a_bot_that_quotes_and_says_so(
    alone: tuple[str, ...], tmp_path: Path
) -> None:
    simulate, run = commands("README.md")
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    running: list[subprocess.Popen[bytes]] = []

    def start(command: str, name: str) -> Path:
        log = tmp_path / name
        with log.open("wb") as output:
            running.append(subprocess.Popen((*alone, *shlex.split(command)), cwd=REPOSITORY, env=environment,
                                            stdout=output, stderr=output))  # fmt: skip
        return log

    def quotes(log: Path) -> bool:
        assert running[-1].poll() is None, log.read_text(encoding="utf-8")
        told = [entry for entry in events(log) if entry.get("event") == "Progress"]
        return any(entry["state"] == "Active" and entry["orders"] == 6 for entry in told)

    try:
        exchange = start(simulate, "exchange")
        until(lambda: any(e.get("event") == "SimulatorStarted" for e in events(exchange)), "the exchange is up", 20)
        assert events(exchange)[0]["rest"] == "http://127.0.0.1:9000"
        bot = start(run, "bot")
        until(lambda: quotes(bot), "the bot tells that it quotes", 30)
        ended = [_ended(running.pop()) for _ in range(2)]
    finally:
        for process in running:
            process.kill()
            process.wait(END_WITHIN_S)

    assert ended == [0, 0]
    progress = next(entry for entry in events(bot) if entry.get("event") == "Progress")
    assert re.fullmatch(r"\d+\.\d\d/\d+\.\d\d", progress["quotes"]), progress


def _ended(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    return process.wait(END_WITHIN_S)
