"""`resume`: release a halt of a bot that does not run, in its journal. One that runs is told by its operator."""

import argparse
from pathlib import Path

from tradingbot_runtime.clock import Clock
from tradingbot_runtime.errors import ConfigError, JournalError, JournalLocked
from tradingbot_runtime.halt_file import NAME as HALT_FILE
from tradingbot_runtime.halt_file import is_there
from tradingbot_runtime.halts import BY_MOST, resumed
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal.reading import JournalReader, Row
from tradingbot_runtime.risk_memory import accept
from tradingbot_runtime.standard_output import say

RESUME_HELP = """\
Release one halt of a bot that does not run: its next start trades again, unless another halt holds. Without HALT_ID,
and with a wrong one, the halts in force are listed. A bot that runs is stopped first; in a cluster it is resumed by the
annotation tradingbot.dev/resume instead.
  tradingbot-runtime resume journal.sqlite3 ada-0-18d0a4f2 --by ann
Exit codes: 0 the halt is released; 2 it is not: no halt of this id is in force, or the journal cannot be used.
"""


def resume(options: argparse.Namespace) -> int:
    """Raises ConfigError, which lists the halts in force, and JournalError."""
    path, halt_id = options.journal, options.halt_id
    with JournalReader(path) as reader:
        config = reader.config()
        in_force = [row for row in reader.latches() if row["resumed_ns"] is None]
    if halt_id not in {row["id"] for row in in_force}:
        raise ConfigError("\n".join([_why_not(halt_id, in_force), *map(_line, in_force)]))
    with _journal(path, halt_id) as journal:
        released = [halt for halt in journal.latches.held() if halt.id == halt_id]
        resumed(journal, halt_id, options.by[:BY_MOST], Clock().now_ns())
        if config is not None:
            accept(journal, config, released, running=())
        left = [halt.id for halt in journal.latches.held()]
    say(f"{halt_id} is released; {'still in force: ' + ', '.join(left) if left else 'no halt is in force'}")
    if is_there(file := path.parent / HALT_FILE):
        say(f"{file} is there: remove it, or the next start is halted by it")
    return 0


def _journal(path: Path, halt_id: str) -> Journal:
    try:
        return Journal(path)
    except JournalLocked as error:
        annotation = f"in a cluster annotate it instead: tradingbot.dev/resume={halt_id}"
        raise JournalError(f"{path}: its bot runs: stop it first, then resume; {annotation}") from error


def _why_not(halt_id: str | None, in_force: list[Row]) -> str:
    what = f"no halt {halt_id!r} is in force" if halt_id else "which halt?"
    return f"{what}; in force:" if in_force else "no halt is in force"


def _line(halt: Row) -> str:
    told = (halt["reason"], halt["market"], halt["message"])
    return f"  {halt['id']}  {'  '.join(text for text in told if text)}"
