"""A pipe that nobody reads any more, as `| head` leaves one behind, is a normal end of every command."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.simulator import until
from harness.told_journal import told
from tradingbot_runtime.journal.reading import JournalReader

WITHIN_S = 60


@contextmanager
def unread(*arguments: object, errors: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """Its standard output is closed at the other end before the first word."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "tradingbot_runtime", *map(str, arguments)]
    with subprocess.Popen(command, stdout=writing, stderr=writing if errors == subprocess.STDOUT else errors,
                          text=True) as process:  # fmt: skip
        os.close(writing)
        yield process


def ended(*arguments: object) -> tuple[int, str]:
    """The exit code, and what is on standard error."""
    with unread(*arguments) as process:
        _, errors = process.communicate(timeout=WITHIN_S)
        return process.returncode, errors


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return told(tmp_path / "journal.sqlite3")


@pytest.mark.parametrize(
    "arguments",
    [("audit",), ("audit", "-o", "json"), ("audit", "--halts"), ("inspect",)],
    ids=" ".join,
)
def test_what_is_there_to_be_read_ends_without_a_word(arguments: tuple[str, ...], journal: Path) -> None:
    command, *options = arguments

    assert ended(command, journal, *options) == (0, "")


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("completion", "bash"), ("--version",)])
def test_help_and_completion_do_as_well(arguments: tuple[str, ...]) -> None:
    assert ended(*arguments) == (0, "")


def test_tables_are_written_to_the_end(journal: Path, tmp_path: Path) -> None:
    assert ended("export", journal, "--to", tmp_path / "tables") == (0, "")
    assert len(list((tmp_path / "tables").glob("*.csv"))) == 4


def test_a_halt_is_released(journal: Path) -> None:
    assert ended("resume", journal, "ada-0-1", "--by", "ann") == (0, "")
    with JournalReader(journal) as reader:
        assert [row["resumed_by"] for row in reader.latches()] == ["ann"]


def test_the_exit_code_of_a_replay_goes_on_saying_what_came_of_it(tmp_path: Path) -> None:
    (tmp_path / "0000000001.jsonl.gz").write_bytes(b"no segment")

    assert ended("replay", tmp_path) == (1, "")


def test_a_refusal_keeps_its_exit_code_when_nobody_reads_errors_either(tmp_path: Path) -> None:
    with unread("inspect", tmp_path / "nothing", errors=subprocess.STDOUT) as process:
        assert process.wait(WITHIN_S) == 2


def test_a_simulator_whose_addresses_nobody_reads_goes_on(tmp_path: Path) -> None:
    with (
        (tmp_path / "errors").open("w") as errors,
        unread("simulate", "--port", "0", errors=errors.fileno()) as process,
    ):
        log = tmp_path / "errors"
        until(lambda: "SimulatorStarted" in log.read_text(), "it listens", WITHIN_S)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_S) == 0
        assert "Traceback" not in log.read_text()
