"""What a market's risk state must not forget: read when the market is made, written when it has changed."""

from dataclasses import dataclass, field

import msgspec

from tradingbot_runtime.core.meters import Meters, Remembered
from tradingbot_runtime.journal import Journal

_encode = msgspec.json.Encoder().encode


def meters_of(journal: Journal, ledger: str) -> Meters:
    """Message counts of the day, and the best result so far."""
    text = journal.meta(_key(ledger))
    return Meters(msgspec.json.decode(text, type=Remembered) if text else Remembered())


@dataclass(slots=True)
class RiskMemory:
    """Called every second or so: what is lost with the process is what changed since."""

    journal: Journal
    written: dict[str, bytes] = field(default_factory=dict)  # by ledger

    def keep(self, ledger: str, meters: Meters) -> None:
        """Raises JournalError."""
        text = _encode(meters.remembered)
        if text != self.written.get(ledger):
            self.journal.put(_key(ledger), text.decode())
            self.written[ledger] = text


def _key(ledger: str) -> str:
    return f"risk {ledger}"
