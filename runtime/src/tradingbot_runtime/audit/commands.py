"""The subcommands that read what a bot has left: its journal and its recorded inputs."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from tradingbot_runtime.audit.export import export
from tradingbot_runtime.audit.inspection import inspect
from tradingbot_runtime.audit.life import audit
from tradingbot_runtime.audit.replaying import replay_command

AUDIT_HELP = """\
What was seen, decided, sent and answered, from the journal: of one order with --order (its id, the beginning or end of
it from 4 characters on, or the venue's id), of halts, or of everything; each since some moment. Who did it, and why,
is in every line. Reads only, also while the bot runs.
  tradingbot-runtime audit journal.sqlite3 --since 2h
  tradingbot-runtime audit journal.sqlite3 --order 00b925
"""
INSPECT_HELP = """\
Print what a journal holds: positions and profit in their assets' units, orders that are not closed, halts, sizes, and
the configuration in effect. Reads only, also while the bot runs.
  tradingbot-runtime inspect journal.sqlite3
  tradingbot-runtime inspect journal.sqlite3 -o json | jq .positions
"""
REPLAY_HELP = """\
Run the recorded inputs of a journal (or a folder of segments) through the engine of this version, and compare every
command with what was decided then. Exit codes: 0 all are equal; 1 one differs, or a segment cannot be read.
"""


Subparsers: TypeAlias = "argparse._SubParsersAction[Any]"  # noqa: SLF001 - the library has no public name for it


def add_commands(commands: Subparsers) -> None:
    lives = _command(commands, "audit", "print an order's whole life, or all that happened", audit, AUDIT_HELP)
    part = lives.add_mutually_exclusive_group()
    part.add_argument("--order", metavar="ID", help="one order only")
    part.add_argument("--halts", action="store_true", help="halts and releases only")
    lives.add_argument("--since", metavar="WHEN", help="a moment such as 2026-01-31T08:00 (UTC), or an age such as 90m")
    _output(lives, "one line for each step")
    what = "print positions, profit, orders, halts and sizes of a journal"
    _output(_command(commands, "inspect", what, inspect, INSPECT_HELP), "one object")
    tables = _command(commands, "export", "write fills, orders, quotes and profit per day", export)
    tables.add_argument("--format", choices=("csv", "parquet"), default="csv", help="default: csv")
    tables.add_argument("--to", type=Path, required=True, metavar="DIR", help="folder; files in it are replaced")
    again = commands.add_parser("replay", help="run recorded inputs through the engine and compare",
                                description=REPLAY_HELP,
                                formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    again.add_argument("recording", type=Path, metavar="JOURNAL|DIR", help="a journal, or its folder of inputs")
    again.set_defaults(command=replay_command)


def _output(command: argparse.ArgumentParser, json: str) -> None:
    command.add_argument("-o", "--output", choices=("table", "json"), default="table", help=f"json: {json}")


def _command(
    commands: Subparsers, name: str, what: str, run: Callable[[argparse.Namespace], int], description: str = ""
) -> argparse.ArgumentParser:
    described = description or f"{what.capitalize()}."
    formatter = argparse.RawDescriptionHelpFormatter
    made: argparse.ArgumentParser = commands.add_parser(name, help=what, description=described,
                                                        formatter_class=formatter)  # fmt: skip
    made.add_argument("journal", type=Path, metavar="JOURNAL", help="the journal's file")
    made.set_defaults(command=run)
    return made
