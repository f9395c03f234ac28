"""Positions and profit of a journal's markets, from its fills alone, with the core's own arithmetic."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.model import ASSET_EXPONENT, Instrument, OrderFilled

_DAY_NS = 86_400 * 1_000_000_000


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


def days(market: str, instrument: Instrument, fills: Iterable[OrderFilled]) -> Iterator[Day]:
    """In order; a day without fills is left out. A fill that comes late counts on the day that it names."""
    position = Position(instrument)
    found: dict[int, Day] = {}
    for fill in fills:
        number = fill.time_ns // _DAY_NS
        moment = datetime.fromtimestamp(number * 86_400, UTC).date()
        day = found.setdefault(number, Day(market, moment))
        before = position.realised
        position.apply(fill)
        quantity = instrument.lot_size * fill.quantity
        day.fills += 1
        day.bought += quantity if fill.side.sign > 0 else 0
        day.sold += quantity if fill.side.sign < 0 else 0
        day.turnover += quantity * instrument.tick_size * fill.price
        day.realised += Decimal(position.realised - before).scaleb(instrument.money_exponent)
        day.position = instrument.lot_size * position.lots
        if fill.fee:
            fee = Decimal(fill.fee).scaleb(ASSET_EXPONENT)
            day.fees[fill.fee_asset] = day.fees.get(fill.fee_asset, Decimal(0)) + fee
    return (found[number] for number in sorted(found))


def plain(number: Decimal) -> str:
    """Without an exponent and without zeros that say nothing."""
    return format(number.normalize(), "f") if number else "0"
