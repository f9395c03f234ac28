"""Where the inputs of a journal's slot are recorded."""

from pathlib import Path


def inputs_folder(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}.inputs")
