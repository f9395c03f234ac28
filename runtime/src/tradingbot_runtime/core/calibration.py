"""What the feed says of a market's flow: how often quotes are reached (A, k) and how much the price moves (sigma).

Orders at a distance d from the mid are reached at a rate of A * exp(-k * d) (Avellaneda & Stoikov 2008, eq. 2.11; the
fit is the log-linear regression of Gueant's and of hftbacktest's calibrations). A best bid and offer show no trades, so
a level counts as reached when the opposite side's best price came to it: an order there would surely have been filled.
That is careful: it misses fills inside of the spread, which makes the market look less lively than it is.

Time is cut into intervals, each with its mid as the anchor; a level is reached at most once in an interval. Intervals
are summed up in a fixed number of parts of the window: the memory is bounded, whatever the feed does.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal

from tradingbot_runtime.core.book import Book
from tradingbot_runtime.model import Nanos

LEVELS = 20  # of equal width, up to the terms' depth
PARTS = 60  # of the window
LEAST_POINTS = 3  # levels that a line is laid through
LEAST_REACHED = 5  # times that a level was reached, to be believed
WARM_UP = 4  # the window's share that must have been seen: a quarter
LONGEST_GAP = 100  # intervals; what a silent feed did in between is not known
PPB = 10**9
MOST = 2**62  # what a snapshot can hold of a sum; a market that gets there is gone anyway
PPB_IN_BPS = 10**5
SECOND_NS = 10**9
# Decimal's ln, exp and sqrt are correctly rounded (General Decimal Arithmetic): the same on every machine.
EXACTLY = Context(prec=28, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class CalibrationTerms:
    window_ns: int
    interval_ns: int
    refit_ns: int
    depth_ppb: int  # of the mid


@dataclass(frozen=True, slots=True)
class Flow:
    """Per second, per basis point, and in basis points by the root of a second. None: not enough was seen."""

    rate: Decimal | None
    decay: Decimal | None
    volatility: Decimal


@dataclass(slots=True)
class _Part:
    """Sums over a part of the window."""

    from_ns: Nanos
    seen_ns: int = 0
    reached: list[int] = field(default_factory=lambda: [0] * LEVELS)  # by the outermost level that was reached
    squares: int = 0  # of the mid's relative moves, in parts per billion squared


@dataclass(slots=True)
class Calibration:
    """Fed with every state of the reference's book; `flow` is the latest fit."""

    terms: CalibrationTerms | None = None
    flow: Flow | None = None
    parts: deque[_Part] = field(default_factory=lambda: deque(maxlen=PARTS))
    opened_ns: Nanos | None = None
    fitted_ns: Nanos = Nanos(0)
    anchor: int = 0  # twice the mid at the interval's beginning
    highest_bid: int = 0
    lowest_ask: int = 0

    def observe(self, now_ns: Nanos, book: Book, terms: CalibrationTerms) -> None:
        """Take in the book at `now_ns`; other terms than before start anew."""
        if terms != self.terms:
            self.terms, self.flow, self.opened_ns = terms, None, None
            self.parts.clear()
        if self.opened_ns is None or not 0 <= now_ns - self.opened_ns < LONGEST_GAP * terms.interval_ns:
            self._open(now_ns, book)
            return
        self.highest_bid = max(self.highest_bid, book.bid)
        self.lowest_ask = min(self.lowest_ask, book.ask)
        if now_ns - self.opened_ns < terms.interval_ns:
            return
        self._close(now_ns - self.opened_ns, book, terms)
        self._open(now_ns, book)
        if now_ns - self.fitted_ns >= terms.refit_ns:
            self.fitted_ns = now_ns
            self.flow = fit(self.parts, terms)

    def _open(self, now_ns: Nanos, book: Book) -> None:
        self.opened_ns, self.anchor = now_ns, book.bid + book.ask
        self.highest_bid, self.lowest_ask = book.bid, book.ask

    def _close(self, passed_ns: int, book: Book, terms: CalibrationTerms) -> None:
        opened_ns = self.opened_ns or Nanos(0)
        if not self.parts or opened_ns - self.parts[-1].from_ns >= terms.window_ns // PARTS:
            while self.parts and opened_ns - self.parts[0].from_ns >= terms.window_ns:
                self.parts.popleft()
            self.parts.append(_Part(opened_ns))
        part = self.parts[-1]
        part.seen_ns += passed_ns
        moved = (book.bid + book.ask - self.anchor) * PPB // self.anchor
        part.squares = min(part.squares + moved * moved, MOST)
        for reach in (2 * self.highest_bid - self.anchor, self.anchor - 2 * self.lowest_ask):
            level = reach * PPB // self.anchor * LEVELS // terms.depth_ppb
            if level > 0:
                part.reached[min(level, LEVELS) - 1] += 1


def fit(parts: Sequence[_Part], terms: CalibrationTerms) -> Flow | None:
    """The flow that the window shows; None while too little of it was seen."""
    seen_ns = sum(part.seen_ns for part in parts)
    if seen_ns * WARM_UP < terms.window_ns:
        return None
    seconds = EXACTLY.divide(Decimal(seen_ns), Decimal(SECOND_NS))
    squares = EXACTLY.divide(Decimal(sum(part.squares for part in parts)), seconds)
    volatility = EXACTLY.divide(EXACTLY.sqrt(squares), Decimal(PPB_IN_BPS))
    counts, beyond = [0] * LEVELS, 0
    for level in reversed(range(LEVELS)):
        beyond += sum(part.reached[level] for part in parts)
        counts[level] = beyond
    width = EXACTLY.divide(Decimal(terms.depth_ppb), Decimal(PPB_IN_BPS * LEVELS))  # basis points
    points = [
        # Both sides were counted: half of it is a side's.
        (EXACTLY.multiply(Decimal(level + 1), width), EXACTLY.divide(Decimal(count), EXACTLY.multiply(seconds, 2)))
        for level, count in enumerate(counts)
        if count >= LEAST_REACHED
    ]
    line = arrival_line(points)
    return Flow(None, None, volatility) if line is None else Flow(*line, volatility)


def arrival_line(points: Sequence[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal] | None:
    """A and k of the least-squares line through (distance, ln rate); None where rates do not fall with distance."""
    if len(points) < LEAST_POINTS:
        return None
    n = Decimal(len(points))
    logs = [EXACTLY.ln(rate) for _, rate in points]
    mean_distance = EXACTLY.divide(_sum([distance for distance, _ in points]), n)
    mean_log = EXACTLY.divide(_sum(logs), n)
    offsets = [EXACTLY.subtract(distance, mean_distance) for distance, _ in points]
    spread = _sum([EXACTLY.multiply(offset, offset) for offset in offsets])
    slope = EXACTLY.divide(_sum([EXACTLY.multiply(o, log) for o, log in zip(offsets, logs, strict=True)]), spread)
    if slope >= 0:
        return None
    rate = EXACTLY.exp(EXACTLY.subtract(mean_log, EXACTLY.multiply(slope, mean_distance)))
    return rate, EXACTLY.minus(slope)


def _sum(numbers: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for number in numbers:
        total = EXACTLY.add(total, number)
    return total
