"""Which configuration a process starts from, and which one it had before. Pure."""

from pydantic import ValidationError

from tradingbot_runtime.cold_differences import cold_differences
from tradingbot_runtime.config import SlotConfig


def newer(mounted: SlotConfig, acknowledged: str | None) -> SlotConfig:
    """What to start from: the mount, or the configuration that an earlier process took over the control stream.

    Kubernetes brings a changed ConfigMap into a running pod a minute late: a process that restarts at once would go
    back. What needs a restart only ever comes with a mount, so a difference there means that the mount is newer.
    """
    kept = understood(acknowledged)
    if kept is None or kept.generation <= mounted.generation or cold_differences(mounted, kept):
        return mounted
    return kept


def understood(document: str | None) -> SlotConfig | None:
    """A configuration of a journal; None where there is none, and where it is another version's of this program."""
    try:
        return SlotConfig.model_validate_json(document) if document else None
    except ValidationError:
        return None
