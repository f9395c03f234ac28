"""How many things are named in a message that people read."""

from collections.abc import Sequence

NAMED_MOST = 5


def listed(names: Sequence[str], most: int = NAMED_MOST) -> str:
    """The first ones by name, the others by number."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
