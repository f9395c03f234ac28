"""Which configuration a process starts from. Pure."""

from pydantic import ValidationError

from tradingbot_runtime.cold_differences import cold_differences
from tradingbot_runtime.config import SlotConfig


def newer(mounted: SlotConfig, acknowledged: str | None) -> SlotConfig:
    """What to start from: the mount, or the configuration that an earlier process took over the control stream.

    Kubernetes brings a changed ConfigMap into a running pod a minute late: a process that restarts at once would go
    back. What needs a restart only ever comes with a mount, so a difference there means that the mount is newer.
    """
    try:
        kept = SlotConfig.model_validate_json(acknowledged) if acknowledged else mounted
    except ValidationError:
        return mounted  # of another version of this program
    if kept.generation <= mounted.generation or cold_differences(mounted, kept):
        return mounted
    return kept
