"""`replay`: recorded inputs through the engine once more; one command that differs fails."""

import argparse
from difflib import unified_diff
from pathlib import Path

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.inputs.folder import inputs_folder
from tradingbot_runtime.inputs.replay import Difference, replay
from tradingbot_runtime.os_errors import in_words
from tradingbot_runtime.standard_output import say

DIFFERENT = 1
SHOWN = 20  # differences


def replay_command(options: argparse.Namespace) -> int:
    """Raises ConfigError where nothing is recorded."""
    given: Path = options.recording
    try:
        folder = given if given.is_dir() else inputs_folder(given)
        outcome = replay(folder)
    except OSError as error:
        raise ConfigError(f"{given}: {in_words(error)}") from error
    counts = ((outcome.segments, "segment"), (outcome.events, "event"), (outcome.commands, "command"))
    say(f"{folder}: {', '.join(_counted(*count) for count in counts)}")
    if outcome.missed:
        say(f"gaps: {_counted(outcome.missed, 'event')} not recorded")
    say(*(f"not replayed: {problem}" for problem in outcome.unreadable))
    say(*map(_told, outcome.differences[:SHOWN]))
    if outcome.differences:
        say(_counted(len(outcome.differences), "difference"))
    elif not outcome.unreadable:
        say("every command is the one that was decided")
    return DIFFERENT if outcome.differences or outcome.unreadable else 0


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _told(difference: Difference) -> str:
    lines = unified_diff(difference.recorded.splitlines(), difference.replayed.splitlines(),
                         "recorded", "replayed", lineterm="", n=1)  # fmt: skip
    return "\n".join((f"{difference.segment} line {difference.line}: {difference.what}", *lines))
