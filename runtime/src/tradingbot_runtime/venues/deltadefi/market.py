"""What a trading pair is to us: the instrument, and the assets' names in commissions and balances. Pure."""

import dataclasses
from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal

import msgspec

from tradingbot_runtime.errors import VenueProtocolError
from tradingbot_runtime.model import (
    ASSET_EXPONENT,
    BalancesReported,
    Instrument,
    Lots,
    Money,
    Nanos,
    asset_units,
)
from tradingbot_runtime.venues.deltadefi.codec import Token, TradingPair, WireBalance, number

ADA = "ADA"
MIN_ADA = Decimal(5)  # error 4100: the least that an order may be
MIN_QUOTE = Decimal(5)  # the same in USDM, which holds for pairs without Ada
MOST_LOTS = Lots(10**12)  # the venue names no most
_MOST_DECIMALS = 8  # as fine as balances and fees are kept


@dataclasses.dataclass(frozen=True, slots=True)
class Market:
    instrument: Instrument
    tokens: tuple[Token, Token]  # base, quote

    @classmethod
    def of(cls, venue: str, pair: TradingPair) -> "Market":
        """Raises VenueProtocolError for decimals that no price or quantity here has."""
        base, quote = pair.base_token, pair.quote_token
        if not (0 <= pair.price_max_dp <= _MOST_DECIMALS and 0 <= base.max_qty_dp <= _MOST_DECIMALS):
            raise VenueProtocolError(f"{pair.symbol}: {pair.price_max_dp} and {base.max_qty_dp} decimal places")
        draft = Instrument(
            venue=venue, symbol=pair.symbol, base=base.symbol.upper(), quote=quote.symbol.upper(),
            tick_size=Decimal(1).scaleb(-pair.price_max_dp), lot_size=Decimal(1).scaleb(-base.max_qty_dp),
            min_lots=Lots(1), max_lots=MOST_LOTS, min_notional=Money(0),
        )  # fmt: skip
        if draft.base == ADA:
            least = msgspec.structs.replace(draft, min_lots=draft.lots(MIN_ADA))
        else:
            least = msgspec.structs.replace(draft, min_notional=draft.money(MIN_QUOTE))
        return cls(least, (base, quote))

    def balances(self, held: Iterable[WireBalance], now_ns: Nanos) -> BalancesReported:
        """Free and locked together. An asset that is not listed is one that the account does not hold."""
        amounts = {token.symbol.upper(): Decimal(0) for token in self.tokens}
        for balance in held:
            token = self._token(balance.asset) or self._token(balance.asset_unit)
            if token is not None:
                amounts[token.symbol.upper()] += number(balance.free) + number(balance.locked)
        base, quote = (amounts[token.symbol.upper()] for token in self.tokens)
        return BalancesReported(time_ns=now_ns, base=asset_units(base), quote=self.instrument.money(quote))

    def fee(self, commission: msgspec.Raw, unit: str, traded: Decimal) -> tuple[int, str]:
        """A commission in 1e-8 of its asset, rounded against us, and that asset's name.

        `unit` is a symbol or an on-chain unit (`lovelace`). In an on-chain unit the amount may be in the smallest part
        of the token: a commission greater than the whole trade (`traded`, of that asset) can be nothing else.
        """
        amount, token = number(commission), self._token(unit)
        if token is None:
            return _units_up(amount), unit
        if amount > traded and amount == amount.to_integral_value():
            amount = amount.scaleb(-token.decimals)
        return _units_up(amount), token.symbol.upper()

    def is_quote(self, unit: str) -> bool:
        return self._token(unit) is self.tokens[1]

    def _token(self, name: str) -> Token | None:
        wanted = name.upper()
        return next((t for t in self.tokens if wanted and wanted in (t.symbol.upper(), t.unit.upper())), None)


def _units_up(amount: Decimal) -> int:
    return int(amount.scaleb(-ASSET_EXPONENT).to_integral_value(ROUND_CEILING))
