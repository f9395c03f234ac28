"""What every event has."""

import msgspec

from tradingbot_runtime.model.units import Nanos


class Event(msgspec.Struct, frozen=True, tag=True, kw_only=True, gc=False):
    time_ns: Nanos
