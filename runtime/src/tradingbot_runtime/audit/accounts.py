"""Positions and profit of a journal's markets, from its fills alone, with the core's own arithmetic."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.core.trading_days import TradingDays
from tradingbot_runtime.journal.reading import JournalReader
from tradingbot_runtime.model import ASSET_EXPONENT, Instrument

SECONDS_A_DAY = 86_400
EVERY_DAY = sys.maxsize


@dataclass(slots=True)
class Day:
    """One UTC day of a market, in the quote asset unless it says otherwise."""

    market: str
    day: date
    fills: int = 0
    bought: Decimal = Decimal(0)  # base
    sold: Decimal = Decimal(0)  # base
    turnover: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)  # before fees
    fees: dict[str, Decimal] = field(default_factory=dict)  # by asset
    position: Decimal = Decimal(0)  # base, at the end


def days(market: str, instrument: Instrument, reader: JournalReader) -> Iterator[Day]:
    """In order; a day on which nothing changed is left out. A fill that comes late counts on the day that it names."""
    position = reader.account(market, Position(instrument, days=TradingDays(kept=EVERY_DAY)))
    for number in sorted(position.days.by_number):
        day = position.days.day(number)
        yield Day(
            market=market,
            day=datetime.fromtimestamp(number * SECONDS_A_DAY, UTC).date(),
            fills=day.fills,
            bought=instrument.lot_size * day.bought,
            sold=instrument.lot_size * day.sold,
            turnover=instrument.money_unit * day.turnover,
            realised=instrument.money_unit * day.realised,
            fees={asset: Decimal(units).scaleb(ASSET_EXPONENT) for asset, units in day.fees.items()},
            position=instrument.lot_size * (position.days.opening(number) + day.net),
        )


def plain(number: Decimal) -> str:
    """Without an exponent and without zeros that say nothing."""
    return format(number.normalize(), "f") if number else "0"
