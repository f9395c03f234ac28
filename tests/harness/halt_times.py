"""How soon after a halt, or its cause, a bot's orders are cancelled: by its journal and by the venue."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.runtime_process import RuntimeProcess, ours_at_venue, rows
from harness.shown import Shown
from harness.simulator import Json, book_ticker, trade, until
from harness.waits_for_a_processor import waited_ns

CONFIRMED_WITHIN_S = 1.0
SENT_WITHIN_MS = 10
NS_PER_MS, NS_PER_S = 10**6, 10**9


@dataclass(frozen=True, slots=True)
class HaltTimes:
    """From a halt or its cause to the last cancel at the venue, and to its confirmation; all by this machine's clock.

    `waited_ms` of that, at most, the bot and the venue waited for a processor that somebody else had.
    """

    sent_ms: float
    confirmed_s: float
    waited_ms: float = 0.0

    @property
    def held_up(self) -> bool:
        """Whether it was late, and would not have been without that wait."""
        return self.sent_ms - self.waited_ms <= SENT_WITHIN_MS < self.sent_ms


def until_empty(bot: RuntimeProcess) -> float:
    """Wait until nothing of ours is at the venue; seconds from now."""
    started = time.monotonic()
    until(lambda: not ours_at_venue(bot), "the venue is empty of our orders")
    return time.monotonic() - started


def until_a_loss_halts(bot: RuntimeProcess) -> Json:
    """Somebody sells into both of its bids, the market stays there, and then it dips: the halt."""
    venue = bot.simulator.admin
    venue.play([trade(1, "59900.00", "5", buyer_is_maker=True)])
    bot.until(lambda s: s["markets"]["btc"]["position"] != "0.00000", "it has bought")
    venue.play([book_ticker(10**9, ("59300.00", "5"), ("59300.01", "5"))])
    bot.until(lambda s: s["state"] == "Halted", "it halts")
    (halt,) = bot.state()["halts"]
    assert halt["reason"] == "RiskBreachMaxLoss"
    return dict(halt)


def show_halts(shown: Shown, what: str, halted: Callable[[int], HaltTimes], times: int) -> None:
    """Every one in time, of so many that the machine did not hold up; `halted` is told which one it is.

    AssertionError as well where the machine holds up more than half of them.
    """
    held_up = 0
    for number in range(2 * times):
        took = halted(number)
        held_up += took.held_up
        if not took.held_up:
            shown.at_most(f"{what} -> all cancels at the venue", took.sent_ms, "ms", SENT_WITHIN_MS)
        shown.at_most(f"{what} -> all cancels confirmed", took.confirmed_s, "s", CONFIRMED_WITHIN_S)
        if number + 1 - held_up == times:
            break
    shown.at_most(f"{what}: held up by the machine", held_up, "halts", times)


def halt_times(bot: RuntimeProcess, halt: Callable[[], int]) -> HaltTimes:
    """Of what `halt` does; it returns when it was decided or latched (UTC ns), once the venue is empty."""
    assert bot.process
    assert bot.simulator.process
    pids = (bot.process.pid, bot.simulator.process.pid)
    before_ns = waited_ns(pids)
    since_ns = halt()
    waited_ms = (waited_ns(pids) - before_ns) / NS_PER_MS
    sent_ms, confirmed_ns = _cancelled(bot, since_ns)
    return HaltTimes(sent_ms - since_ns / NS_PER_MS, (confirmed_ns - since_ns) / NS_PER_S, waited_ms)


def latched_ns(bot: RuntimeProcess, halt_id: str) -> int:
    ((at_ns,),) = rows(bot.journal, "SELECT at_ns FROM latches WHERE id = ?", halt_id)
    return int(at_ns)


def decided_ns(bot: RuntimeProcess, at_ns: int) -> int:
    """The time of the tick that a halt was decided on."""
    decided = "SELECT max(time_ns) FROM events WHERE kind = 'Decided' AND time_ns <= ?"
    return int(rows(bot.journal, decided, at_ns)[0][0])


def _cancelled(bot: RuntimeProcess, since_ns: int) -> tuple[int, int]:
    """When the last order was cancelled by the venue (ms, as it tells its time), and when we knew (ns)."""
    still_open = "SELECT 1 FROM orders WHERE closed = 0"
    until(lambda: not rows(bot.journal, still_open), "every order is confirmed to be closed")
    orders = [o for o in bot.simulator.admin.all_orders() if o["clientOrderId"].startswith(bot.prefix)]
    canceled = [o["updateTime"] for o in orders if o["status"] == "CANCELED"]
    sent = [at_ms for at_ms in canceled if at_ms >= since_ns // NS_PER_MS - 1]
    told = (
        "SELECT min(time_ns) FROM events WHERE kind = 'OrderReported' AND payload ->> 'status' = 'Canceled'"
        " AND time_ns >= ? GROUP BY payload ->> 'order_id'"
    )
    confirmed = rows(bot.journal, told, since_ns)
    assert sent, "nothing was cancelled since"
    assert len(confirmed) == len(sent)
    return max(sent), max(at_ns for (at_ns,) in confirmed)
