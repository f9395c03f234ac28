"""What a slot's journal knows of halts, for the operator's tests: as `runtime/halts.py` keeps it."""

from dataclasses import dataclass, field

from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.model.control import Halt


@dataclass
class Volume:
    held: dict[str, Halt] = field(default_factory=dict)
    released: tuple[str, ...] = ()

    def latch(self, halt: Halt) -> None:
        if halt.id not in self.released:
            self.held.setdefault(halt.id, halt)

    def release(self, halt_id: str) -> None:
        if self.held.pop(halt_id, None):
            self.released = (halt_id, *self.released)

    def take(self, config: SlotConfig) -> None:
        for latch in config.halts:
            self.latch(Halt(id=latch.id, reason=latch.reason, at_ns=0, message="by configuration", by="operator"))
        for resumed in config.resumed:
            self.release(resumed.id)
