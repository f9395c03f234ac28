"""Kinds of values that options of `simulate` take."""

from dataclasses import dataclass

from tradingbot_runtime.simulator.amounts import BadAmount, parse_amount
from tradingbot_runtime.simulator.instruments import LISTINGS, Listing, listing


@dataclass(frozen=True, slots=True)
class Balance:
    """ASSET=AMOUNT; read as the asset and the amount in 1e-8."""

    def __str__(self) -> str:
        return "ASSET=AMOUNT, such as BTC=1.5, with at most 8 decimal places"

    def read(self, text: str) -> tuple[str, int]:
        asset, _, amount = text.partition("=")
        if not asset.isalnum() or not asset.isascii():
            raise BadAmount(text)
        return asset.upper(), parse_amount(amount)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol that is listed here, in any case of letters."""

    def __str__(self) -> str:
        return "one of " + ", ".join(entry.symbol for entry in LISTINGS)

    def read(self, text: str) -> Listing:
        return listing(text.upper())


@dataclass(frozen=True, slots=True)
class Protocol:
    """A venue whose protocol is spoken."""

    def __str__(self) -> str:
        return "binance or deltadefi"

    def read(self, text: str) -> str:
        if text not in ("binance", "deltadefi"):
            raise ValueError(text)
        return text
