"""What can be traded at the simulated DeltaDeFi.

Source: DeltaDeFi API documentation, "Market configuration"; fees and the least quantity from "Fee" and "Status code".
"""

from decimal import Decimal

import msgspec

from tradingbot_runtime.model import Instrument, Lots, Money
from tradingbot_runtime.simulator.amounts import ATOMS
from tradingbot_runtime.simulator.instruments import Listing

MIN_BASE_ATOMS = 5 * ATOMS  # error 4100
COMMISSION_BPS = 10  # maker and taker
COMMISSION_STEP = 100  # tokens have six decimals, atoms eight


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """`balance_unit` is the unit as balances state it: they leave it empty for Ada."""

    symbol: str
    unit: str
    balance_unit: str
    decimals: int = 6
    max_qty_dp: int = 2


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """`follows`: the listing of the same process whose market this one is made of."""

    listing: Listing
    base: Token
    quote: Token
    price_max_dp: int
    follows: str

    @property
    def symbol(self) -> str:
        return self.listing.symbol

    @property
    def tokens(self) -> tuple[Token, Token]:
        return self.base, self.quote


ADA = Token(symbol="ADA", unit="lovelace", balance_unit="")
_USDM_UNIT = "c48cbb3d5e57ed56e276bc45f99ab39abe94e6cd7ac39fb402da47ad.0014df105553444d"
USDM = Token(symbol="USDM", unit=_USDM_UNIT, balance_unit=_USDM_UNIT)

ADAUSDM = Pair(
    listing=Listing(
        instrument=Instrument(
            venue="deltadefi", symbol="ADAUSDM", base="ADA", quote="USDM", tick_size=Decimal("0.0001"),
            lot_size=Decimal("0.01"), min_lots=Lots(500), max_lots=Lots(10**12), min_notional=Money(0),
        ),
        typical_price=Decimal("0.35"), typical_quantity=Decimal(1000),
    ),
    base=ADA, quote=USDM, price_max_dp=4, follows="ADAUSDT",
)  # fmt: skip
PAIRS: tuple[Pair, ...] = (ADAUSDM,)
TOKENS: tuple[Token, ...] = (ADA, USDM)
