"""What a market decides, in the log of level `debug`: when it sends something, and when what risk refuses changes."""

from collections import Counter
from dataclasses import dataclass

import structlog

from tradingbot_runtime.core.risk import Decision
from tradingbot_runtime.model import AnyCommand, AnyEvent, Instrument, Place, Replace

log = structlog.get_logger("decision")


@dataclass(slots=True)
class DecisionDetails:
    """Of one market. Whoever calls it has asked `in_detail` before: nothing of this is for the tick path."""

    _refused: str = ""  # as it was told

    def tell(self, market: str, instrument: Instrument, event: AnyEvent, decision: Decision) -> None:
        counted = Counter(refused.reason for refused in decision.refused)
        refused = ", ".join(f"{number} {reason}" for reason, number in sorted(counted.items()))
        if decision.approved or refused != self._refused:
            sent = [_told(approved.command, instrument) for approved in decision.approved]
            log.debug("Decided", market=market, upon=type(event).__name__, sent=sent, refused=refused)
        self._refused = refused


def _told(command: AnyCommand, instrument: Instrument) -> str:
    words = [type(command).__name__, *command.touches]
    if isinstance(command, Place | Replace):
        price, quantity = instrument.price_text(command.price), instrument.quantity_text(command.quantity)
        words.append(f"{command.side} {quantity} at {price}")
    return " ".join(words)
