"""A market's account on its way from one slot to another: position, cost, profit, and what risk measured of them.

The slot that stops trading a market closes the account; the one that takes the market goes on from there, so that no
limit begins anew because a bot was scaled.
"""

from collections import deque
from collections.abc import Iterable

import msgspec

from tradingbot_runtime.core.meters import Remembered
from tradingbot_runtime.core.positions import DailyLoss, Position
from tradingbot_runtime.core.trading_days import DAY_NS
from tradingbot_runtime.model import Instrument, Lots, Money, Nanos, OrderFilled


class CarriedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Integers count in the ticks and lots of `instrument`, money in its money units."""

    closed_ns: Nanos
    instrument: Instrument
    reference: Instrument
    lots: Lots
    cost: Money
    realised: Money
    traded: Lots
    fees: dict[str, int]
    day: int  # as the three of `DailyLoss`
    day_opening: Money
    profit: Money | None
    remembered: Remembered

    @property
    def profit_of_the_day(self) -> Money:
        """0 where the account was never valued."""
        return Money(0 if self.profit is None else self.profit - self.day_opening)

    def __str__(self) -> str:
        """For people."""
        traded = self.instrument
        return (
            f"position {traded.quantity_text(self.lots)} {traded.base} at a cost of {traded.money_text(self.cost)} "
            f"{traded.quote}, {traded.money_text(self.profit_of_the_day)} {traded.quote} on its last day"
        )


def closed_account(
    position: Position, reference: Instrument, daily: DailyLoss, remembered: Remembered, closed_ns: Nanos
) -> CarriedAccount:
    return CarriedAccount(
        closed_ns=closed_ns, instrument=position.instrument, reference=reference, lots=position.lots,
        cost=position.cost, realised=position.realised, traded=position.traded, fees=dict(position.fees),
        day=daily.day, day_opening=daily.opening, profit=daily.latest,
        remembered=msgspec.structs.replace(remembered, recent=remembered.recent.coarse(closed_ns)),
    )  # fmt: skip


def nothing(instrument: Instrument, reference: Instrument, now_ns: Nanos) -> CarriedAccount:
    """In place of what is known in part: the market begins at zero, as one that was never traded."""
    return closed_account(Position(instrument), reference, DailyLoss(), Remembered(), now_ns)


def take_over(position: Position, account: CarriedAccount) -> None:
    """Go on from `account`: it has in it what this slot itself made of the market before."""
    position.days.carried(account.closed_ns // DAY_NS, Lots(account.lots - position.lots))
    position.lots, position.cost = account.lots, account.cost
    position.realised, position.traded = account.realised, account.traded
    position.fees = dict(account.fees)


def booked(
    position: Position, fills: Iterable[tuple[int, OrderFilled]], carried: Iterable[tuple[int, CarriedAccount]]
) -> Position:
    """`position` after numbered fills, and accounts that each came in place of the fills up to a number; in order."""
    pending = deque(carried)
    for number, fill in fills:
        while pending and pending[0][0] < number:
            take_over(position, pending.popleft()[1])
        position.apply(fill)
    for _, account in pending:
        take_over(position, account)
    return position
