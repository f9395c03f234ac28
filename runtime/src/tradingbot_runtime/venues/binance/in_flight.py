"""A request that has no answer yet."""

from dataclasses import dataclass

import structlog

from tradingbot_runtime.logs import in_detail
from tradingbot_runtime.model import Cancel, Instrument, Nanos, Place, Replace
from tradingbot_runtime.venues.binance.replies import Frame
from tradingbot_runtime.venues.binance.requests import orders_of

REPLY_WITHIN_NS = 5_000_000_000

log = structlog.get_logger("gateway")


@dataclass(frozen=True, slots=True)
class InFlight:
    instrument: Instrument
    command: Place | Cancel | Replace
    sent_ns: Nanos
    dies_with_connection: bool

    @property
    def deadline_ns(self) -> int:
        return self.sent_ns + REPLY_WITHIN_NS

    def answered(self, frame: Frame, now_ns: Nanos) -> None:
        """Told where somebody wants to know it in detail; a refusal's words have a line of their own."""
        if in_detail():
            log.debug("OrderRequestAnswered", command=type(self.command).__name__, orders=orders_of(self.command),
                      symbol=self.instrument.symbol, status=frame.status, code=frame.error.code if frame.error else 0,
                      took_ms=round((now_ns - self.sent_ns) / 1e6, 3))  # fmt: skip
