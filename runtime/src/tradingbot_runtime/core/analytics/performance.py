"""All that is measured of one market's quoting; it belongs to the market and outlives a change of its terms."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tradingbot_runtime.core.analytics.fill_ratio import FillRatio
from tradingbot_runtime.core.analytics.markout import Markouts, Traded, layer_name
from tradingbot_runtime.core.analytics.quote_uptime import QuoteUptime
from tradingbot_runtime.core.analytics.reference_mark import Mark
from tradingbot_runtime.core.analytics.spread_capture import SpreadCapture
from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.core.quoting import Quote
from tradingbot_runtime.model import AnyCommand, Lots, Nanos, OrderFilled, OrderId, Place, Replace

LAYERS_KEPT = 2_000  # orders whose layer is remembered; of an older one it is unknown


@dataclass(slots=True)
class Performance:
    due_ns: Nanos = Nanos(0)  # the tick path's one question: is there anything to measure before the mid moves?
    layers: dict[OrderId, int] = field(default_factory=dict)  # in the order of placing
    markouts: Markouts = field(default_factory=Markouts)
    capture: SpreadCapture = field(default_factory=SpreadCapture)
    fill_ratio: FillRatio = field(default_factory=FillRatio)
    uptime: QuoteUptime = field(default_factory=QuoteUptime)
    late_fills: int = 0  # told too long after the trade: the mid that stood then is unknown

    def placed(self, commands: Iterable[AnyCommand], quotes: Sequence[Quote]) -> None:
        """Remember which layer of `quotes` (inner first) each new order is."""
        new = [command for command in commands if isinstance(command, Place | Replace)]
        if not new:
            return
        counts: dict[str, int] = {}
        places: dict[tuple[str, int], int] = {}
        for quote in quotes:
            counts[quote.side] = places[quote.side, quote.price] = counts.get(quote.side, 0) + 1
        for command in new:
            layer = places.get((command.side, command.price))
            if layer is not None:
                self.layers[command.order_id] = layer
        while len(self.layers) > LAYERS_KEPT:
            del self.layers[next(iter(self.layers))]

    def filled(self, fill: OrderFilled, mark: Mark, *, is_late: bool) -> None:
        """A fill, counted once; before the position moves."""
        self.fill_ratio.trades(fill.side, fill.quantity)
        if is_late or not mark.mid_2:
            self.late_fills += 1
            return
        signed = Lots(fill.side.sign * fill.quantity)
        if self.capture.is_open:
            self.capture.traded(signed, fill.price, mark)
        series = f"{fill.side}/{layer_name(self.layers.get(fill.order_id))}"
        self.markouts.traded(Traded(fill.time_ns, series, signed, fill.price), mark)
        self.due_ns = min(self.due_ns, self.markouts.due_ns)

    def settle(self, now_ns: Nanos, position: Position, mark: Mark, stale_after_ns: int) -> None:
        """What came due while `mark` stood."""
        self.markouts.settle(now_ns, mark, stale_after_ns)
        if mark.mid_2 and not self.capture.is_open:
            self.capture.open(position, mark)
        self.due_ns = self.markouts.due_ns if self.capture.is_open else Nanos(0)
