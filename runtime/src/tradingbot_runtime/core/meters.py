"""What risk measures over time: messages, refusals, losses and doubts of one market. Bounded, integers, no clock."""

from dataclasses import dataclass, field

import msgspec

from tradingbot_runtime.model import Money, Nanos

_SECOND = 1_000_000_000
DAY_NS = 86_400 * _SECOND
_PARTS = 60  # of a window: it is that exact
_COARSE = 6  # on the way to another slot, in a document that has many of them


@dataclass(slots=True)
class LastMinute:
    """How many in the last sixty seconds, by whole seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * _PARTS)
    second: int = 0
    total: int = 0

    def add(self, now_ns: Nanos) -> None:
        self._advance(now_ns)
        self.counts[self.second % _PARTS] += 1
        self.total += 1

    def count(self, now_ns: Nanos) -> int:
        self._advance(now_ns)
        return self.total

    def _advance(self, now_ns: Nanos) -> None:
        second = now_ns // _SECOND
        if second <= self.second:
            return
        for passed in range(max(self.second + 1, second - _PARTS + 1), second + 1):
            self.total -= self.counts[passed % _PARTS]
            self.counts[passed % _PARTS] = 0
        self.second = second


@dataclass(slots=True)
class BestWithin:
    """The best value of a moving window, in sixty parts of it: at most one value a part is kept.

    Never for less than the window, and for a part longer at most. Kept in the journal: a restart forgets nothing of it.
    """

    window_ns: int = 0
    values: list[tuple[int, int]] = field(default_factory=list)  # (until, the best up to then), values falling

    def below(self, now_ns: Nanos, value: int, window_ns: int) -> int:
        """How far `value` is below the best of the last `window_ns`; it counts itself."""
        if window_ns != self.window_ns:
            self.fit(now_ns, window_ns)
        values, oldest_ns = self.values, now_ns - window_ns
        while values and values[0][0] < oldest_ns:
            del values[0]
        while values and values[-1][1] <= value:
            values.pop()
        if not values or values[-1][0] < now_ns:
            values.append((_end(now_ns, -(-window_ns // _PARTS)), value))
        return values[0][1] - value

    def fit(self, now_ns: Nanos, window_ns: int, parts: int = _PARTS) -> None:
        """Go on with a window of this length, in so many parts: what is known goes on counting.

        Of values in one part the best stands for all, until the last of them is too old. What a clock told that was
        ahead of `now_ns` has been seen by now, and does not count until that time has come again.
        """
        self.window_ns, values, self.values = window_ns, self.values, []
        part_ns = max(-(-window_ns // parts), 1)
        latest_ns = _end(now_ns, part_ns)
        for told_ns, value in values:
            until_ns, best = min(told_ns, latest_ns), value
            if self.values and self.values[-1][0] // part_ns == until_ns // part_ns:
                best = self.values.pop()[1]
            self.values.append((until_ns, best))

    def coarse(self, now_ns: Nanos) -> "BestWithin":
        """The same in a few values, each for a longer part."""
        found = BestWithin(values=self.values)
        found.fit(now_ns, self.window_ns, _COARSE)
        return found


def _end(now_ns: Nanos, part_ns: int) -> int:
    """The last nanosecond of the part that it is in."""
    return now_ns - now_ns % part_ns + part_ns - 1


class Remembered(msgspec.Struct):
    """What a restart must not forget; the shell keeps it in the journal."""

    day: int = -1  # days since the Unix epoch
    messages: int = 0  # on that day, as the three below
    cancels: int = 0
    fills: int = 0
    capital: int | None = None  # the account's value when it was first seen, in money units
    best: int = 0  # the best profit ever, from `capital` on
    begins_anew: bool = False  # the drawdown was accepted while nobody valued it: the next valuation is the best
    recent: BestWithin = msgspec.field(default_factory=BestWithin)  # profits, for the window of `max_loss_rate`


@dataclass(slots=True)
class Meters:
    remembered: Remembered = field(default_factory=Remembered)
    orders: LastMinute = field(default_factory=LastMinute)
    rejects: LastMinute = field(default_factory=LastMinute)
    placed_ns: Nanos = Nanos(0)
    profit: Money = Money(0)  # as all below: at the latest valuation
    loss_today: Money = Money(0)
    recent_loss: Money = Money(0)
    clock_offset_ns: int | None = None
    mismatch: str = ""
    mismatch_since_ns: Nanos = Nanos(0)
    checked_ns: Nanos = Nanos(0)
    apart_since_ns: Nanos = Nanos(0)  # two sources of the price; 0: they agree

    @property
    def below_best(self) -> Money:
        return Money(0 if self.remembered.begins_anew else self.remembered.best - self.profit)

    @property
    def best_equity(self) -> Money:
        """0: the account was never valued."""
        capital = self.remembered.capital
        return Money(0) if capital is None else Money(capital + self.remembered.best)

    def sent(self, now_ns: Nanos, *, messages: int, cancels: int, orders: int) -> None:
        """What one command costs, in the venue's messages."""
        today = self._today(now_ns)
        today.messages += messages
        today.cancels += cancels
        for _ in range(orders):
            self.orders.add(now_ns)
            self.placed_ns = now_ns

    def filled(self, now_ns: Nanos) -> None:
        self._today(now_ns).fills += 1

    def value(self, now_ns: Nanos, profit: Money, capital: Money | None, window_ns: int | None) -> None:
        """Take in a valuation; `capital` is the account's value, None while nobody has said what it holds."""
        remembered = self.remembered
        self.profit = profit
        if remembered.capital is None and capital is not None:
            # That capital was there once, before there was any profit.
            remembered.capital, remembered.best = capital - profit, max(profit, 0)
        remembered.best = profit if remembered.begins_anew else max(remembered.best, profit)
        remembered.begins_anew = False
        self.recent_loss = Money(remembered.recent.below(now_ns, profit, window_ns) if window_ns else 0)

    def begin_anew(self) -> None:
        """The drawdown so far is accepted: from here on the best is what there is now."""
        self.remembered.best = self.profit

    def forget(self) -> None:
        """What was earned so far is not known: no result of before is the best."""
        self.remembered.begins_anew, self.remembered.recent = True, BestWithin()
        self.recent_loss = Money(0)

    def compared(self, now_ns: Nanos, mismatch: str) -> None:
        """The account against what was booked; the first moment of a difference is what counts."""
        if mismatch and not self.mismatch:
            self.mismatch_since_ns = now_ns
        self.mismatch, self.checked_ns = mismatch, now_ns

    def diverged(self, now_ns: Nanos, *, apart: bool) -> None:
        if not apart:
            self.apart_since_ns = Nanos(0)
        elif not self.apart_since_ns:
            self.apart_since_ns = now_ns

    def _today(self, now_ns: Nanos) -> Remembered:
        remembered, day = self.remembered, now_ns // DAY_NS
        if day > remembered.day:
            remembered.day, remembered.messages, remembered.cancels, remembered.fills = day, 0, 0, 0
        return remembered
