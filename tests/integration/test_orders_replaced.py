"""A quote that moves is one message at Binance: a replacement, and what each answer to it leaves behind."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from harness.runtime_process import STILL, RuntimeProcess, ours_at_venue, rows
from harness.simulator import SimulatorProcess, book_ticker, trade, until

REPLACED = "SELECT count(*) FROM orders WHERE replaces != '' AND state = 'Open'"
SENT = "tradingbot_orders_total"


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*STILL) as process:
        yield process


ids = count(10**12)


def move(simulator: SimulatorProcess, dollars: int) -> None:
    """The market moves; the quotes are to follow."""
    bid, ask = f"{60_000 + dollars}.00", f"{60_000 + dollars}.02"
    simulator.admin.play([book_ticker(next(ids), (bid, "3"), (ask, "3"))])


def until_moved(simulator: SimulatorProcess, condition: Callable[[], bool], what: str, within_s: float = 25.0) -> None:
    """Wait at a market that has moved and goes on ticking."""

    def met() -> bool:
        move(simulator, 20)
        return condition()

    until(met, what, within_s)


def settled(simulator: SimulatorProcess, bot: RuntimeProcess) -> None:
    """Four quotes, each once, the same at the venue, in the journal and in memory; nothing in doubt."""

    def agreed() -> bool:
        orders = bot.market()["orders"]
        kept = {row[0] for row in rows(bot.journal, "SELECT order_id FROM orders WHERE closed = 0")}
        same = {order["id"] for order in orders} == kept == set(ours_at_venue(bot))
        return same and [order["state"] for order in orders] == ["Open"] * 4

    until_moved(simulator, agreed, "venue, journal and memory agree on four orders")
    mine = [o for o in simulator.admin.open_orders() if o["clientOrderId"].startswith(bot.prefix)]
    assert len({(order["side"], order["price"]) for order in mine}) == len(mine) == 4


def test_a_quote_that_moves_is_one_message_and_its_predecessor_is_gone(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    until_moved(simulator, lambda: rows(bot.journal, REPLACED) == [(4,)], "four orders took the place of four")
    settled(simulator, bot)

    assert bot.metric(SENT, outcome="ReplaceSent") == 4
    assert bot.metric("tradingbot_order_messages_total", message="CancelSent") == 0
    gone = rows(bot.journal, "SELECT state FROM orders WHERE order_id IN (SELECT replaces FROM orders)")
    assert gone == [("Canceled",)] * 4


def test_both_orders_of_a_replacement_are_committed_with_the_decision(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    until_moved(simulator, lambda: rows(bot.journal, REPLACED) == [(4,)], "four orders took the place of four")

    decided = "SELECT CAST(payload AS TEXT) FROM events WHERE kind = 'Decided'"
    told = "".join(str(row[0]) for row in rows(bot.journal, decided))
    pairs = rows(bot.journal, "SELECT order_id, replaces FROM orders WHERE replaces != ''")
    assert len(pairs) == 4
    for new, old in pairs:
        assert f'"order_id":"{new}","replaces":"{old}"' in told


@pytest.mark.parametrize("fault", ["accept-then-5xx", "http-5xx", "lost-answer"])
def test_a_replacement_without_an_answer_leaves_one_order_for_each_quote_in_the_end(
    simulator: SimulatorProcess, bot: RuntimeProcess, fault: str
) -> None:
    simulator.admin.inject(fault, "order.cancelReplace", count=1)
    simulator.admin.inject("silence", "user", seconds=1)
    lost = "SELECT count(*) FROM events WHERE kind = 'OutcomeLost'"
    until_moved(
        simulator, lambda: rows(bot.journal, lost)[0][0] >= 2, "both orders of a replacement are of unknown fate"
    )

    settled(simulator, bot)
    placed = [o["clientOrderId"] for o in simulator.admin.all_orders() if o["clientOrderId"].startswith(bot.prefix)]
    assert len(placed) == len(set(placed)), "no id was sent twice"


def test_an_order_that_is_gone_is_not_replaced_and_its_quote_is_placed_anew(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    simulator.admin.inject("silence", "user", seconds=3)
    simulator.admin.play([trade(1, "59900.00", "0.001", buyer_is_maker=True)])  # nobody tells us of it
    refused = "tradingbot_venue_errors_total"
    until_moved(simulator, lambda: bot.metric(refused, kind="Refused-2022") >= 1, "a cancel found nothing")

    settled(simulator, bot)
