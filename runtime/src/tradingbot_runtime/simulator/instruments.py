"""What can be traded: Binance's own symbols with Binance's own filters."""

from decimal import Decimal

import msgspec

from tradingbot_runtime.model import Instrument, Lots, Money
from tradingbot_runtime.simulator.amounts import ATOM_DIGITS, ATOMS

MAX_OPEN_ORDERS = 200  # filter MAX_NUM_ORDERS
PERCENT_PRICE_UP = 5  # filter PERCENT_PRICE_BY_SIDE, both sides, against the middle of the book
PERCENT_PRICE_DOWN = Decimal("0.2")


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol of the simulated exchange. One tick x one lot, and every fee, is a whole number of 1e-8."""

    instrument: Instrument
    typical_price: Decimal  # where a generated market starts
    typical_quantity: Decimal  # size of a level in a generated market

    def __post_init__(self) -> None:
        if self.instrument.money_exponent != -ATOM_DIGITS:
            raise ValueError(f"{self.instrument.symbol}: one tick x one lot must be a whole number of 1e-8")

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def tick_atoms(self) -> int:
        return int(self.instrument.tick_size * ATOMS)

    @property
    def lot_atoms(self) -> int:
        return int(self.instrument.lot_size * ATOMS)


def _listing(base: str, tick: str, lot: str, price: str, quantity: str) -> Listing:
    lot_size = Decimal(lot)
    instrument = Instrument(
        venue="binance", symbol=f"{base}USDT", base=base, quote="USDT", tick_size=Decimal(tick), lot_size=lot_size,
        min_lots=Lots(1), max_lots=Lots(int(Decimal(900_000) / lot_size) if lot_size >= 1 else int(9000 / lot_size)),
        min_notional=Money(5 * ATOMS),
    )  # fmt: skip
    return Listing(instrument=instrument, typical_price=Decimal(price), typical_quantity=Decimal(quantity))


LISTINGS: tuple[Listing, ...] = (
    _listing("BTC", "0.01", "0.00001", "60000", "0.8"),
    _listing("ETH", "0.01", "0.0001", "2600", "12"),
    _listing("ADA", "0.0001", "0.1", "0.35", "20000"),
)


def listing(symbol: str) -> Listing:
    """The listing of `symbol`; ValueError names what there is."""
    for known in LISTINGS:
        if known.symbol == symbol:
            return known
    raise ValueError(f"{symbol!r} is not listed here; listed: {', '.join(entry.symbol for entry in LISTINGS)}")
