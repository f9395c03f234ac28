"""A slot's configuration as the operator mounts it, of a bot that ran without one."""

import json
from pathlib import Path

from harness.runtime_process import RuntimeProcess
from tradingbot_runtime.journal.journal import CONFIG
from tradingbot_runtime.journal.reading import JournalReader


def configuration(bot: RuntimeProcess, /, **changes: object) -> Path:
    """A folder with its slot 0, as its journal has it, and what `changes` replaces."""
    with JournalReader(bot.journal) as reader:
        document = json.loads(str(reader.meta(CONFIG)))
    folder = bot.folder / "slots"
    folder.mkdir(exist_ok=True)
    (folder / "slot-0.json").write_text(json.dumps(document | changes))
    return folder
