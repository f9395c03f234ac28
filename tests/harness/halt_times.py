"""How soon after a halt, or its cause, a bot's orders are cancelled: by its journal and by the venue."""

from harness.runtime_process import RuntimeProcess, rows
from harness.shown import Shown
from harness.simulator import until

CONFIRMED_WITHIN_S = 1.0
SENT_WITHIN_MS = 10


def latched_ns(bot: RuntimeProcess, halt_id: str) -> int:
    ((at_ns,),) = rows(bot.journal, "SELECT at_ns FROM latches WHERE id = ?", halt_id)
    return int(at_ns)


def show_cancels(shown: Shown, bot: RuntimeProcess, what: str, since_ns: int) -> None:
    """From a halt or its cause to the last cancel at the venue, and to its confirmation; all by this machine's clock.

    Called when the venue is empty. The venue tells its time to a millisecond.
    """
    still_open = "SELECT 1 FROM orders WHERE closed = 0"
    until(lambda: not rows(bot.journal, still_open), "every order is confirmed to be closed")
    orders = [o for o in bot.simulator.admin.all_orders() if o["clientOrderId"].startswith(bot.prefix)]
    canceled = [o["updateTime"] for o in orders if o["status"] == "CANCELED"]
    sent = [at_ms for at_ms in canceled if at_ms >= since_ns // 10**6 - 1]
    told = (
        "SELECT min(time_ns) FROM events WHERE kind = 'OrderReported' AND payload ->> 'status' = 'Canceled'"
        " AND time_ns >= ? GROUP BY payload ->> 'order_id'"
    )
    confirmed = rows(bot.journal, told, since_ns)
    assert sent, "nothing was cancelled since"
    assert len(confirmed) == len(sent)
    shown.at_most(f"{what} -> all cancels at the venue", max(sent) - since_ns / 10**6, "ms", SENT_WITHIN_MS)
    confirmed_s = (max(at_ns for (at_ns,) in confirmed) - since_ns) / 10**9
    shown.at_most(f"{what} -> all cancels confirmed", confirmed_s, "s", CONFIRMED_WITHIN_S)


def decided_ns(bot: RuntimeProcess, at_ns: int) -> int:
    """The time of the tick that a halt was decided on."""
    decided = "SELECT max(time_ns) FROM events WHERE kind = 'Decided' AND time_ns <= ?"
    return int(rows(bot.journal, decided, at_ns)[0][0])
