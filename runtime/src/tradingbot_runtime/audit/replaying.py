"""`replay`: recorded inputs through the engine once more; one command that differs fails."""

import argparse
import sys
from difflib import unified_diff
from pathlib import Path

from rich.console import Console

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.inputs.folder import inputs_folder
from tradingbot_runtime.inputs.replay import Difference, replay

DIFFERENT = 1
SHOWN = 20  # differences


def replay_command(options: argparse.Namespace) -> int:
    """Raises ConfigError where nothing is recorded."""
    given: Path = options.recording
    folder = given if given.is_dir() else inputs_folder(given)
    try:
        outcome = replay(folder)
    except OSError as error:
        raise ConfigError(str(error)) from error
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    console.print(f"{folder}: {outcome.segments} segments, {outcome.events} events, {outcome.commands} commands",
                  soft_wrap=True)  # fmt: skip
    if outcome.missed:
        console.print(f"gaps: {outcome.missed} events were not recorded")
    for problem in outcome.unreadable:
        console.print(f"not replayed: {problem}", soft_wrap=True, markup=False)
    for difference in outcome.differences[:SHOWN]:
        console.print(_told(difference), soft_wrap=True, markup=False)
    if outcome.differences:
        console.print(f"{len(outcome.differences)} differences")
    elif not outcome.unreadable:
        console.print("every command is the one that was decided")
    return DIFFERENT if outcome.differences or outcome.unreadable else 0


def _told(difference: Difference) -> str:
    lines = unified_diff(difference.recorded.splitlines(), difference.replayed.splitlines(),
                         "recorded", "replayed", lineterm="", n=1)  # fmt: skip
    return "\n".join((f"{difference.segment} line {difference.line}: {difference.what}", *lines))
