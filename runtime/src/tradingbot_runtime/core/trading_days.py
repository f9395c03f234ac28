"""What was traded on each UTC day, by date and not by a timer: a restart or a late fill changes no other day."""

from dataclasses import dataclass, field

from tradingbot_runtime.model import Lots, Money, OrderFilled, Side

DAY_NS = 86_400 * 1_000_000_000
DAYS_KEPT = 400


def day_of(fill: OrderFilled) -> int:
    """Days since the Unix epoch, by the venue's clock where it says: a fill that we hear of late keeps its day."""
    return (fill.venue_time_ns or fill.time_ns) // DAY_NS


@dataclass(slots=True)
class TradingDay:
    """One UTC day of one market. Money is in the instrument's money units."""

    number: int  # days since the Unix epoch
    fills: int = 0
    bought: Lots = Lots(0)
    sold: Lots = Lots(0)
    turnover: Money = Money(0)
    realised: Money = Money(0)  # before fees
    fees: dict[str, int] = field(default_factory=dict)  # asset -> 1e-8 units
    carried: Lots = Lots(0)  # that came from another slot, or went there and was traded on

    @property
    def net(self) -> Lots:
        return Lots(self.bought - self.sold + self.carried)


@dataclass(slots=True)
class TradingDays:
    """The latest days on which something was traded; of the older ones, what they left behind."""

    kept: int = DAYS_KEPT
    by_number: dict[int, TradingDay] = field(default_factory=dict)
    before: Lots = Lots(0)  # the position that forgotten days ended with

    def apply(self, fill: OrderFilled, value: Money, realised: Money) -> None:
        """Count a fill of the given value, which has realised so much."""
        number = day_of(fill)
        day = self.by_number.setdefault(number, TradingDay(number))
        day.fills += 1
        if fill.side is Side.BUY:
            day.bought = Lots(day.bought + fill.quantity)
        else:
            day.sold = Lots(day.sold + fill.quantity)
        day.turnover = Money(day.turnover + value)
        day.realised = Money(day.realised + realised)
        if fill.fee:
            day.fees[fill.fee_asset] = day.fees.get(fill.fee_asset, 0) + fill.fee
        self._forget()

    def carried(self, number: int, lots: Lots) -> None:
        """On that day the position became another slot's, which differs by so much."""
        if lots:
            day = self.by_number.setdefault(number, TradingDay(number))
            day.carried = Lots(day.carried + lots)
            self._forget()

    def _forget(self) -> None:
        if len(self.by_number) > self.kept:
            forgotten = self.by_number.pop(min(self.by_number))
            self.before = Lots(self.before + forgotten.net)

    def opening(self, number: int) -> Lots:
        """The position that the day began with."""
        return Lots(self.before + sum(day.net for day in self.by_number.values() if day.number < number))

    def day(self, number: int) -> TradingDay:
        """What was traded that day, be it nothing."""
        return self.by_number.get(number) or TradingDay(number)
