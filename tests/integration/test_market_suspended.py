"""A venue that has suspended the market takes neither orders nor cancels: few tries, plain words, a soon end of it."""

import time
from collections.abc import Iterator
from itertools import count

import pytest

from harness.runtime_process import STILL, RuntimeProcess, ours_at_venue
from harness.simulator import SimulatorProcess, book_ticker, until

TRIES = 4 * 6  # orders, and tries of each: the sixth comes 3.1 s after the first
TRIES_TAKE_S = 2.0
REFUSED = {"message": "CancelRejected"}
TOLD = "tradingbot_order_messages_total"
SOON_S = 7.0  # the longest pause between two tries of a cancel, and some


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*STILL) as process:
        yield process


ids = count(10**12)


def suspend(simulator: SimulatorProcess, seconds: float) -> None:
    for requests in ("order.*", "* /api/v3/order*"):
        simulator.admin.inject("market-closed", requests, seconds=seconds)


def refused(bot: RuntimeProcess, at_least: int) -> None:
    """The market goes on moving, tick by tick, until so many cancels were refused."""
    dollars = count(20)

    def met() -> bool:
        price = 60_000 + next(dollars) % 40
        bot.simulator.admin.play([book_ticker(next(ids), (f"{price}.00", "3"), (f"{price}.02", "3"))])
        return bot.metric(TOLD, **REFUSED) >= at_least

    until(met, f"{at_least} cancels were refused", 25.0)


def test_cancels_are_tried_now_and_then_and_the_state_says_why_orders_rest_and_a_halt_ends_soon_after_it(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    suspend(simulator, 3600)
    started = time.monotonic()
    refused(bot, TRIES)
    assert time.monotonic() - started > TRIES_TAKE_S, "not with every tick"
    bot.until(lambda state: "-1013 Market is closed." in state["markets"]["btc"]["hindered"], "it says so")
    assert bot.state()["reason"] == "CancelRefused"

    (bot.folder / "HALT").write_text("suspended")
    bot.until(lambda state: state["state"] == "Halted" and "Market is closed." in state["message"], "so does the halt")
    assert ours_at_venue(bot)

    simulator.admin.clear_faults()
    until(lambda: not ours_at_venue(bot), "every order is withdrawn", SOON_S)
    bot.until(lambda state: "Market is closed." not in state["message"], "and no more is said of it")


def test_a_process_that_is_to_end_meanwhile_leaves_nothing_when_the_market_opens_in_time(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    suspend(simulator, 4)
    refused(bot, 4)
    code, took_s = bot.terminate(20.0)

    assert (code, ours_at_venue(bot)) == (0, set())
    assert took_s < 4 + SOON_S
