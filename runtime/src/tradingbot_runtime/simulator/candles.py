"""Candles made from trades. Pure; bounded per interval."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from tradingbot_runtime.model import Lots, Ticks
from tradingbot_runtime.simulator.amounts import amount_text
from tradingbot_runtime.simulator.instruments import Listing

MINUTE_MS = 60_000
INTERVALS_MS = {"1s": 1000, "1m": MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS, "1h": 60 * MINUTE_MS,
                "1d": 1440 * MINUTE_MS}  # fmt: skip
KEPT = 1000


@dataclass(slots=True)
class Candle:
    open_ms: int
    open: Ticks
    high: Ticks
    low: Ticks
    close: Ticks
    lots: int = 0
    ticks_lots: int = 0  # sum of price x quantity
    trades: int = 0
    taker_buy_lots: int = 0
    taker_buy_ticks_lots: int = 0


class Candles:
    """All intervals of one symbol."""

    def __init__(self, listing: Listing, intervals_ms: Mapping[str, int] = INTERVALS_MS) -> None:
        self._listing = listing
        self._intervals_ms = intervals_ms
        self._series: dict[str, deque[Candle]] = {name: deque(maxlen=KEPT) for name in intervals_ms}

    def add(self, price: Ticks, lots: Lots, *, taker_buys: bool, time_ms: int) -> None:
        for name, length in self._intervals_ms.items():
            series = self._series[name]
            open_ms = time_ms - time_ms % length
            if not series or series[-1].open_ms < open_ms:
                series.append(Candle(open_ms, price, price, price, price))
            candle = series[-1]
            candle.high, candle.low, candle.close = max(candle.high, price), min(candle.low, price), price
            candle.lots += lots
            candle.ticks_lots += price * lots
            candle.trades += 1
            if taker_buys:
                candle.taker_buy_lots += lots
                candle.taker_buy_ticks_lots += price * lots

    def between(self, interval: str, start_ms: int | None, end_ms: int | None) -> list[Candle]:
        """Those that opened then, oldest first."""
        return [
            candle
            for candle in self._series[interval]
            if (start_ms is None or candle.open_ms >= start_ms) and (end_ms is None or candle.open_ms <= end_ms)
        ]

    def rows(self, interval: str, start_ms: int | None, end_ms: int | None, limit: int) -> list[list[object]]:
        """Rows of GET /api/v3/klines, oldest first: from `start_ms` on, or the newest."""
        found = self.between(interval, start_ms, end_ms)
        chosen = found[:limit] if start_ms is not None else found[-limit:]
        return [self._row(candle, self._intervals_ms[interval]) for candle in chosen]

    def _row(self, candle: Candle, length_ms: int) -> list[object]:
        tick, lot = self._listing.tick_atoms, self._listing.lot_atoms
        value = self._listing.instrument.tick_lot
        return [
            candle.open_ms, *(amount_text(p * tick) for p in (candle.open, candle.high, candle.low, candle.close)),
            amount_text(candle.lots * lot), candle.open_ms + length_ms - 1, amount_text(candle.ticks_lots * value),
            candle.trades, amount_text(candle.taker_buy_lots * lot), amount_text(candle.taker_buy_ticks_lots * value),
            "0",
        ]  # fmt: skip

    def stream_payload(self, interval: str, event_ms: int) -> dict[str, object]:
        """Data of `<symbol>@kline_<interval>`; there must be a candle."""
        candle = self._series[interval][-1]
        row = self._row(candle, self._intervals_ms[interval])
        return {
            "e": "kline", "E": event_ms, "s": self._listing.symbol,
            "k": {
                "t": row[0], "T": row[6], "s": self._listing.symbol, "i": interval, "f": 0, "L": 0, "o": row[1],
                "c": row[4], "h": row[2], "l": row[3], "v": row[5], "n": row[8], "x": False, "q": row[7],
                "V": row[9], "Q": row[10], "B": "0",
            },
        }  # fmt: skip
