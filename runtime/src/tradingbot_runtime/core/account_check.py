"""Whether the account holds what our fills say: its first balances, and all that we have moved since. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.model import ASSET_EXPONENT, BalancesReported, Instrument, Ticks

Amounts = Mapping[str, Decimal]  # by asset
NOTHING = Decimal(0)


def moved(positions: Iterable[Position]) -> Amounts:
    """What the fills of these positions have brought and taken, fees included."""
    total: dict[str, Decimal] = {}

    def add(asset: str, amount: Decimal) -> None:
        total[asset] = total.get(asset, NOTHING) + amount

    for position in positions:
        instrument = position.instrument
        add(instrument.base, position.lots * instrument.lot_size)
        add(instrument.quote, position.cash * instrument.money_unit)
        for asset, units in position.fees.items():
            add(asset, -Decimal(units).scaleb(ASSET_EXPONENT))
    return total


def reported(instrument: Instrument, event: BalancesReported) -> Amounts:
    return {
        instrument.base: Decimal(event.base).scaleb(ASSET_EXPONENT),
        instrument.quote: event.quote * instrument.money_unit,
    }


def tolerance(instrument: Instrument, price: Ticks) -> Amounts:
    """Less than the smallest order of the venue at `price`: what is smaller can neither be traded nor be a fill.

    Without a price (0), and where the venue names no least value, nothing is tolerated in the quote asset.
    """
    least = max(instrument.min_notional, instrument.min_lots * price * instrument.tick_lot)
    return {
        instrument.base: instrument.min_lots * instrument.lot_size,
        instrument.quote: least * instrument.money_unit,
    }


def moved_by(positions: Iterable[Position]) -> tuple[str, ...]:
    """Whose fills `moved` adds up."""
    return tuple(sorted(f"{p.instrument.symbol} at {p.instrument.venue}" for p in positions))


class AccountCheck(msgspec.Struct):
    """The balances that were taken for true, and what our fills had moved by then; kept in the journal.

    They are not taken anew with every answer that is near enough: small differences would add up unseen. Nor by a
    restart: what leaves the account meanwhile would.
    """

    held: dict[str, Decimal] = {}
    moved: dict[str, Decimal] = {}
    by: tuple[str, ...] = ()  # whose fills `moved` adds up: of others it proves nothing
    price: Ticks = Ticks(0)  # of then, for as long as the market has none; 0: it was not known

    @property
    def is_anchored(self) -> bool:
        return bool(self.held)

    def accept(self, held: Amounts, moved_by_now: Amounts, by: tuple[str, ...] = (), price: Ticks = Ticks(0)) -> None:
        self.held, self.moved, self.by, self.price = dict(held), dict(moved_by_now), by, price

    def mismatch(self, held: Amounts, moved_by_now: Amounts, tolerated: Amounts) -> str:
        """What differs, in words; empty: nothing that matters."""
        differences = []
        for asset, amount in held.items():
            since = moved_by_now.get(asset, NOTHING) - self.moved.get(asset, NOTHING)
            expected = self.held.get(asset, NOTHING) + since
            difference = abs(amount - expected)
            if difference and difference >= tolerated.get(asset, NOTHING):
                side = "less" if amount < expected else "more"
                differences.append(f"{asset}: {difference:f} {side} than by our fills ({amount:f}, not {expected:f})")
        return "; ".join(differences)
