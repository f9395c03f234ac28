"""What a healthy slot says of its venues."""

from tradingbot_runtime.config import Mode, SlotConfig
from tradingbot_runtime.model.control import VenueReport


def seen_venues(config: SlotConfig) -> tuple[VenueReport, ...]:
    signing = {leg.execution.venue for leg in config.legs} if config.mode is Mode.LIVE else set()
    return tuple(VenueReport(venue=name, reachable=True, authenticated=True if name in signing else None)
                 for name in sorted(config.venues))  # fmt: skip
