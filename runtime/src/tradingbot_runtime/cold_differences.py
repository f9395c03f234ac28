"""What of a new configuration takes a new process."""

from tradingbot_runtime.config import SlotConfig

# What may be replaced between two ticks; a difference anywhere else needs a new process.
HOT = frozenset(
    {"strategy", "risk", "desired_state", "on_stop", "halts", "resumed", "epoch", "generation", "history", "inputs",
     "carried"}
)  # fmt: skip


def cold_differences(old: SlotConfig, new: SlotConfig) -> list[str]:
    """Fields that differ and cannot be replaced while running. Rates can, the rest of a venue cannot."""
    different = [
        name
        for name in SlotConfig.model_fields
        if name not in HOT and name != "venues" and getattr(old, name) != getattr(new, name)
    ]
    if {n: v.model_copy(update={"rate_limit": None}) for n, v in old.venues.items()} != {
        n: v.model_copy(update={"rate_limit": None}) for n, v in new.venues.items()
    }:
        different.append("venues")
    if [leg.name for leg in old.legs] != [leg.name for leg in new.legs] and "markets" not in different:
        different.append("strategy (other markets have orders in it)")
    return different
