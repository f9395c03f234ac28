"""What a market has learned from its feeds and a strategy may use; it outlives a change of the terms."""

from dataclasses import dataclass, field

from tradingbot_runtime.core.book import Book
from tradingbot_runtime.core.calibration import Calibration, CalibrationTerms, Flow
from tradingbot_runtime.core.reference_price import Basis, BasisTerms, Rational, depegged
from tradingbot_runtime.model import Nanos

DEPEGGED = "the venue's price is too far from the reference's: its quote asset may have lost its peg"


@dataclass(frozen=True, slots=True)
class Estimation:
    """What is to be learned, and how."""

    basis: BasisTerms | None = None
    calibration: CalibrationTerms | None = None


@dataclass(slots=True)
class Estimates:
    basis: Basis = field(default_factory=Basis)
    calibration: Calibration = field(default_factory=Calibration)

    def observe(
        self, now_ns: Nanos, reference: Book, venue_mid_2: int | None, ratio: Rational, terms: Estimation
    ) -> None:
        """After a tick of the reference; `ratio` turns its ticks into the venue's. None: the venue has no price."""
        if not reference.is_valid:
            return
        if terms.basis is not None and venue_mid_2 is not None:
            source = (reference.bid + reference.ask) * ratio[0], ratio[1]
            self.basis.observe(now_ns, (venue_mid_2, 1), source, terms.basis)
        if terms.calibration is not None:
            self.calibration.observe(now_ns, reference, terms.calibration)

    def shift(self, terms: Estimation | None) -> int:
        """What the reference price is moved by (`ReferencePrice.of`)."""
        return 0 if terms is None or terms.basis is None else self.basis.shift(terms.basis)

    def flow(self, terms: Estimation | None) -> Flow | None:
        return None if terms is None or terms.calibration is None else self.calibration.flow

    def doubt(self, terms: Estimation | None) -> str:
        """Why only orders that reduce the position may be sent; empty: there is no reason here."""
        if terms is None or terms.basis is None or not depegged(self.basis.average, terms.basis.depeg):
            return ""
        return DEPEGGED
