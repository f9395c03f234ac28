"""The price that quotes are made around, from the reference's best bid and offer; exact, in our ticks.

Mid: (bid + ask) / 2. Weighted mid: (bid * Qa + ask * Qb) / (Qa + Qb). Micro-price (Stoikov 2018, "The micro-price",
Quantitative Finance 18(12)): the mid plus g(imbalance, spread), a table fitted offline; the mid where the table ends.

The basis is the venue's standing difference to the reference: an average of ln(venue mid / reference mid) that forgets
with time. Logarithms are integers in 1 / SCALE, made by series in integer arithmetic: the same on every machine.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from tradingbot_runtime.config import ReferencePriceKind
from tradingbot_runtime.core.book import Book
from tradingbot_runtime.model import Nanos

SCALE = 10**15
WHOLE_BPS = 10_000

Rational = tuple[int, int]  # numerator and positive denominator


@dataclass(frozen=True, slots=True)
class ReferencePrice:
    """How to read a price out of the reference's book.

    `shifts[spread - 1][bucket]` are the micro-price's distances from the mid, in `1 / shift_unit` reference ticks,
    towards the side with more quantity; the buckets are equal parts of |Qb - Qa| / (Qb + Qa), the balanced one first.
    """

    kind: ReferencePriceKind = ReferencePriceKind.MID
    numerator: int = 1  # reference ticks -> ours
    denominator: int = 1
    shifts: tuple[tuple[int, ...], ...] = ()
    shift_unit: int = 1

    def of(self, book: Book, basis: int = 0) -> Rational:
        """The price in our ticks, shifted by `basis` (a logarithm in 1 / SCALE). The book must be valid."""
        price, unit = self._in_reference_ticks(book)
        price, unit = price * self.numerator, unit * self.denominator
        if not basis:
            return price, unit
        return price * (SCALE + growth(basis)), unit * SCALE

    def _in_reference_ticks(self, book: Book) -> Rational:
        mid = book.bid + book.ask, 2
        quantity = book.bid_lots + book.ask_lots
        if self.kind is ReferencePriceKind.MID or quantity <= 0:
            return mid
        if self.kind is ReferencePriceKind.WEIGHTED_MID:
            return book.bid * book.ask_lots + book.ask * book.bid_lots, quantity
        spread = book.ask - book.bid
        if spread > len(self.shifts):
            return mid
        row = self.shifts[spread - 1]
        more_bid = book.bid_lots - book.ask_lots
        shift = row[min(abs(more_bid) * len(row) // quantity, len(row) - 1)]
        return mid[0] * self.shift_unit + 2 * (shift if more_bid > 0 else -shift), 2 * self.shift_unit


def logarithm(numerator: int, denominator: int) -> int:
    """ln(numerator / denominator) in 1 / SCALE; off by less than 1e-9 where the two differ by less than a third.

    ln x = 2 (z + z^3/3 + z^5/5 + ...) with z = (x - 1) / (x + 1).
    """
    z = (numerator - denominator) * SCALE // (numerator + denominator)
    square = z * z // SCALE
    power, total = z, 0
    for odd in range(1, 18, 2):
        total += power // odd
        power = power * square // SCALE
        if not power:
            break
    return 2 * total


def growth(logarithm_: int) -> int:
    """e^x - 1 for x in 1 / SCALE, in 1 / SCALE, by its series; for |x| up to 1."""
    term, total = SCALE, 0
    for n in range(1, 25):
        term = term * logarithm_ // (SCALE * n)
        total += term
        if term in (0, -1):  # a negative term is rounded down to -1 and stays there
            break
    return total


def log_bps(bps: Decimal) -> int:
    """A number of basis points as a difference of logarithms in 1 / SCALE."""
    return int(Fraction(bps) * SCALE / WHOLE_BPS)


@dataclass(frozen=True, slots=True)
class BasisTerms:
    """Logarithms in 1 / SCALE. `depeg` None: no guard."""

    time_constant_ns: int
    clip: int
    depeg: int | None = None


@dataclass(slots=True)
class Basis:
    """An exponentially weighted average of ln(venue mid / reference mid); by event times, so that it replays."""

    average: int = 0  # 1 / SCALE
    seen_ns: Nanos | None = None

    def observe(self, now_ns: Nanos, venue: Rational, reference: Rational, terms: BasisTerms) -> None:
        """Take in both mids, in the same unit; the first pair is believed as it is.

        An observation after `dt` weighs dt / (time constant + dt): 1 - exp(-dt / time constant) to first order, and
        never more than the whole.
        """
        latest = logarithm(venue[0] * reference[1], venue[1] * reference[0])
        if self.seen_ns is None:
            self.average = latest
        else:
            passed = max(now_ns - self.seen_ns, 0)
            self.average += (latest - self.average) * passed // (terms.time_constant_ns + passed)
        self.seen_ns = now_ns

    def shift(self, terms: BasisTerms) -> int:
        """What to move the reference price by: the average, clipped."""
        return max(-terms.clip, min(terms.clip, self.average))


def depegged(basis: int, limit: int | None) -> bool:
    """Whether the venue's quote asset has lost its peg, judged by the unclipped basis: a reason to reduce only.

    Both are logarithms in 1 / SCALE; without a limit nothing is judged.
    """
    return limit is not None and abs(basis) > limit
