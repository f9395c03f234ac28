"""What a slot's journal knows, for the operator's tests: halts as `runtime/halts.py`, accounts as `carrying.py` does.

An account is the number of trades that were made in a market.
"""

from collections.abc import Container
from dataclasses import dataclass, field

from tradingbot_runtime.config import CarriedMarket, SlotConfig
from tradingbot_runtime.model.control import ClosingStatement, Halt


@dataclass
class Volume:
    held: dict[str, Halt] = field(default_factory=dict)
    released: tuple[str, ...] = ()
    accounts: dict[str, int] = field(default_factory=dict)  # by market, which is its symbol in small letters
    taken: set[tuple[str, str]] = field(default_factory=set)  # markets, with statements of other slots
    follows: dict[str, str] = field(default_factory=dict)  # by market: the statement that was taken last
    changes: int = 0

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
        for brought in config.carried or ():
            if (brought.market, brought.id) not in self.taken:
                self.taken.add((brought.market, brought.id))
                self._take_over(brought)
        for leg in config.legs:
            self.accounts.setdefault(leg.name, 0)

    def trade(self, market: str) -> None:
        self.accounts[market] += 1
        self.changes += 1

    def closed(self, slot: int, trading: Container[str]) -> tuple[ClosingStatement, ...]:
        return tuple(
            ClosingStatement(id=f"{slot}.{self.changes}", market=market, venue="venue", symbol=market.upper(),
                             paper=False, summary=f"{trades} trades", account=str(trades),
                             follows=self.follows.get(market, ""))
            for market, trades in self.accounts.items() if market not in trading
        )  # fmt: skip

    def _take_over(self, brought: CarriedMarket) -> None:
        self.changes += 1
        self.follows[brought.market] = brought.id
        if brought.missing:
            self.latch(Halt(id=f"halt-{brought.id}", reason="JournalLost", at_ns=0, message=brought.missing))
        else:
            self.accounts[brought.market] = int(brought.account)
