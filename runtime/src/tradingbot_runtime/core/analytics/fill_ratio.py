"""Fill ratio: how much of what rested in the market was traded, by side."""

from dataclasses import dataclass, field

from tradingbot_runtime.model import Lots, Side


@dataclass(slots=True)
class FillRatio:
    rested: dict[Side, Lots] = field(default_factory=dict)  # quantity of orders that the venue had for sure
    filled: dict[Side, Lots] = field(default_factory=dict)

    def rests(self, side: Side, quantity: Lots) -> None:
        """The venue has acknowledged an order; once for each."""
        self.rested[side] = Lots(self.rested.get(side, 0) + quantity)

    def trades(self, side: Side, quantity: Lots) -> None:
        self.filled[side] = Lots(self.filled.get(side, 0) + quantity)
