"""Units: integers inside, decimal strings at the edge.

A price is a number of the instrument's ticks, a quantity a number of its lots, money a number of its money units
(`Instrument.money_unit`, fine enough that tick x lot and the venue's fees are whole numbers of it).
"""

from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import NewType

import msgspec

Ticks = NewType("Ticks", int)
Lots = NewType("Lots", int)
Money = NewType("Money", int)
Nanos = NewType("Nanos", int)  # since the Unix epoch, on the process' own clock that never goes back
OrderId = NewType("OrderId", str)  # ours: 32 hex characters (core.order_ids)

ASSET_EXPONENT = -8  # balances and fees: the venues known so far state them with eight decimals
FINEST_MONEY_EXPONENT = -12  # the journal has 64 bits for an amount: nine millions, at this unit


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1


class InstrumentType(StrEnum):
    SPOT = "Spot"  # what is bought is owned, what is sold must be
    PERPETUAL = "Perpetual"  # a position on margin


class Instrument(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a venue says of a symbol; converts between its decimals and our integers.

    What follows from the sizes is worked out once (`cached_property`): the tick path asks for it at every order.
    """

    venue: str
    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    min_lots: Lots
    max_lots: Lots
    min_notional: Money
    type: InstrumentType = InstrumentType.SPOT

    @cached_property
    def money_exponent(self) -> int:
        exponent = self.tick_size.normalize().as_tuple().exponent
        lot_exponent = self.lot_size.normalize().as_tuple().exponent
        if not isinstance(exponent, int) or not isinstance(lot_exponent, int):
            raise TypeError(f"{self.symbol}: tick and lot must be finite")
        return min(exponent + lot_exponent, ASSET_EXPONENT)

    @cached_property
    def money_unit(self) -> Decimal:
        return Decimal(1).scaleb(self.money_exponent)

    @cached_property
    def uncountable(self) -> str:
        """Why money or quantities of it would not be exact here; empty: they are."""
        if self.lot_size.scaleb(-ASSET_EXPONENT) % 1:
            return f"its lot of {self.lot_size:f} is finer than 1e{ASSET_EXPONENT}, in which balances are counted"
        if self.money_exponent < FINEST_MONEY_EXPONENT:
            unit = f"a tick of {self.tick_size:f} times a lot of {self.lot_size:f}"
            return f"{unit} is finer than 1e{FINEST_MONEY_EXPONENT}, and large amounts in it would not fit the journal"
        return ""

    @cached_property
    def tick_lot(self) -> int:
        """Money units of one lot at a price of one tick."""
        return int((self.tick_size * self.lot_size).scaleb(-self.money_exponent))

    @cached_property
    def lot_units(self) -> int:
        """1e-8 units of the base asset in one lot."""
        return int(self.lot_size.scaleb(-ASSET_EXPONENT))

    @cached_property
    def fee_money(self) -> int:
        """Money units in 1e-8 of the quote asset."""
        return int(Decimal(1).scaleb(ASSET_EXPONENT - self.money_exponent))

    def ticks(self, price: Decimal | str) -> Ticks:
        """`price` in ticks; ValueError when it is not on the grid."""
        return Ticks(_whole(Decimal(price), self.tick_size))

    def lots(self, quantity: Decimal | str) -> Lots:
        """`quantity` in lots; ValueError when it is not on the grid."""
        return Lots(_whole(Decimal(quantity), self.lot_size))

    def lots_floor(self, quantity: Decimal | str) -> Lots:
        return Lots(int(Decimal(quantity) // self.lot_size))

    def money(self, amount: Decimal | str) -> Money:
        """`amount` of the quote asset in money units, rounded down."""
        return Money(int(Decimal(amount).scaleb(-self.money_exponent) // 1))

    def price_text(self, ticks: int) -> str:
        return format(self.tick_size * ticks, "f")

    def quantity_text(self, lots: int) -> str:
        return format(self.lot_size * lots, "f")

    def money_text(self, money: int) -> str:
        return format(Decimal(money).scaleb(self.money_exponent).normalize(), "f")


def asset_units(amount: Decimal | str) -> int:
    """`amount` of an asset in units of 1e-8, rounded down."""
    return int(Decimal(amount).scaleb(-ASSET_EXPONENT) // 1)


def _whole(value: Decimal, unit: Decimal) -> int:
    number = value / unit
    whole = int(number)
    if whole != number:
        raise ValueError(f"{value} is not a multiple of {unit}")
    return whole
