"""One run of the bench: a venue, one client, and what the venue measured."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
from venue_build import BUILD

START_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
FIRST = -20  # the highest priority


@dataclass(frozen=True, slots=True)
class Client:
    """A program that answers ticks; `{port}` and `{folder}` in its command are filled in."""

    name: str
    command: tuple[str, ...]
    last_word: str = ""  # what a client prints that has ended well


@dataclass(frozen=True, slots=True)
class Load:
    """What the venue sends."""

    ticks_per_second: float
    seconds: float
    move_every: int  # ticks; only a move is to be answered
    warmup_s: float


class Latency(msgspec.Struct, frozen=True):
    """Microseconds."""

    p50: float
    p90: float
    p99: float
    max: float


class Measured(msgspec.Struct, frozen=True):
    """What the venue says of a run."""

    ticks: int
    moves: int
    answered: int  # moves that a new order came for
    placed: int
    refused: int
    measured: int  # after the warm-up
    first_message: Latency
    new_order: Latency

    @property
    def is_complete(self) -> bool:
        """Every move was answered, and nothing else was."""
        return self.measured > 0 and self.moves == self.answered == self.placed


@dataclass(frozen=True, slots=True)
class Run:
    client: Client
    measured: Measured
    output: str  # the client's


class RunFailed(Exception):
    """A process did not do its part; the message holds what it said."""


def run(client: Client, load: Load) -> Run:
    """Let `client` answer the venue for as long as `load` says. Raises RunFailed."""
    with tempfile.TemporaryDirectory(dir=BUILD) as folder, (Path(folder) / "errors").open("w+b") as errors:
        with _process(_venue_command(load), errors) as venue:
            port = _line(venue)
            command = [part.format(port=port, folder=folder) for part in client.command]
            with _process(command, errors) as process:
                result = _finish(venue, load.seconds + START_WITHIN_S)
                output = _finish(process, STOP_WITHIN_S)  # a client ends with its venue
        if not result or not output.endswith(client.last_word):
            errors.seek(0)
            raise RunFailed(f"{client.name}: did not end well: {errors.read()[-2000:].decode(errors='replace')}")
    return Run(client, msgspec.json.decode(result, type=Measured), output)


def _venue_command(load: Load) -> list[str]:
    numbers = (load.ticks_per_second, load.seconds, load.move_every, load.warmup_s)
    return [str(BUILD / "venue"), *(f"{number:g}" for number in numbers)]


@contextmanager
def _process(command: Sequence[str], errors: IO[bytes]) -> Iterator[subprocess.Popen[str]]:
    """`command`, in a session of its own, ended with the block."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True)
    try:
        _prefer(process.pid)
        yield process
    finally:
        process.kill()
        process.wait()


def _prefer(pid: int) -> None:
    """Let it go before whatever else the machine does, where we may ask for that (as root).

    Linux weighs sessions first (autogroup, sched(7)) and the processes of each by nice. No process is bound to a
    processor: on a busy machine it would wait for that one.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, FIRST)
        Path(f"/proc/{pid}/autogroup").write_text(str(FIRST), encoding="ascii")


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _finish(process: subprocess.Popen[str], within_s: float) -> str:
    try:
        return process.communicate(timeout=within_s)[0].strip()
    except subprocess.TimeoutExpired:
        return ""
