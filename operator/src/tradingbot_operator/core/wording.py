"""How messages that people read are worded: how many things are named, and what does not change with every attempt."""

import re
from collections.abc import Sequence

NAMED_MOST = 5


def listed(names: Sequence[str], most: int = NAMED_MOST) -> str:
    """The first ones by name, the others by number."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def steady(message: str, most: int) -> str:
    """On one line, at most `most` characters, and without the port that one look-up or connection left from."""
    return re.sub(r":\d+->", "->", " ".join(message.split()))[:most]


def cut(message: str, most: int) -> str:
    return message if len(message) <= most else f"{message[: most - len(' ...')]} ..."
