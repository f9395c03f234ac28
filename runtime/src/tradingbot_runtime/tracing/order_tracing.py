"""Orders' traces of a running slot, made from what its journal has committed, by a thread beside the tick path.

The event loop pays for one object in a bounded queue at each commit; without tracing it has the plain journal.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal.records import AnyRecord
from tradingbot_runtime.model import Instrument
from tradingbot_runtime.tracing.background_queue import BackgroundQueue
from tradingbot_runtime.tracing.exporting import Exporting
from tradingbot_runtime.tracing.order_lives import OrderLives
from tradingbot_runtime.tracing.order_steps import Written

MOST_WAITING = 4_000  # transactions: some ten megabytes
CLOSE_S = 1.0
MISSED = "RecordsMissed"


class TracedJournal(Journal):
    """Tells what it has committed, after the commit."""

    def __init__(
        self, path: Path, written: Callable[[Written], None], market: Callable[[str, Instrument], None]
    ) -> None:
        super().__init__(path)
        self._tell, self._tell_market = written, market

    def write(self, market: str, records: Iterable[AnyRecord], orders: Iterable[Order]) -> None:
        written = Written(market, tuple(records), tuple(orders))
        super().write(market, written.records, written.orders)
        if written.orders and not self.is_abandoned:
            self._tell(written)

    def keep_market(self, market: str, instrument: Instrument, reference: Instrument) -> None:
        super().keep_market(market, instrument, reference)
        self._tell_market(market, instrument)


class OrderTracing:
    def __init__(self, exporting: Exporting) -> None:
        self._exporting = exporting
        self._lives = OrderLives(exporting.tracer, exporting.ids)
        self._queue = BackgroundQueue(MOST_WAITING, self._lives.close)

    def open_journal(self, path: Path) -> Journal:
        """Raises JournalError."""
        return TracedJournal(path, self._heard, lambda *known: self._queue.put(partial(self._lives.market, *known)))

    def dropped(self) -> Counter[str]:
        """Spans, and transactions whose spans are not whole, by reason."""
        return self._exporting.dropped + Counter({MISSED: self._queue.missed})

    def close(self) -> None:
        """Within three seconds, whatever the collector does."""
        self._queue.close(CLOSE_S)
        self._exporting.close()

    def _heard(self, written: Written) -> None:
        self._queue.put(partial(self._lives.take, written))
