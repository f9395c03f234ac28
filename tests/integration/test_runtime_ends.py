"""SIGTERM: all orders are cancelled and confirmed, whatever the venue does meanwhile, and the exit code says so."""

import signal
from pathlib import Path

from harness.runtime_process import MARKET, RuntimeProcess, ours_at_venue, rows, runtime
from harness.shown import Shown
from harness.simulator import SimulatorProcess, until
from harness.two_venues import quoting_at_two_venues

WITHIN_S = 5.0
BRIEFLY = ("--shutdown-within", "3")
PATIENT_S = 30.0


def left_in_journal(bot: RuntimeProcess) -> list[tuple[str, ...]]:
    return rows(bot.journal, "SELECT order_id, state FROM orders WHERE closed = 0")


def assert_ended_clean(bot: RuntimeProcess, shown: Shown) -> None:
    code, taken_s = bot.terminate()

    assert ours_at_venue(bot) == set()
    assert left_in_journal(bot) == []
    assert code == 0, bot.output()
    shown.at_most("SIGTERM, whatever the venue does -> empty, and ended", taken_s, "s", WITHIN_S)


def test_sigterm_leaves_nothing_at_the_venue_and_nothing_open_in_the_journal(bot: RuntimeProcess, shown: Shown) -> None:
    assert len(ours_at_venue(bot)) == 4
    assert_ended_clean(bot, shown)


def test_sigterm_as_soon_as_a_killed_bot_starts_again_withdraws_what_its_former_life_left(
    bot: RuntimeProcess, shown: Shown
) -> None:
    bot.kill()
    assert len(ours_at_venue(bot)) == 4
    bot.launch()
    until(lambda: bool(bot.logged("ConfigApplied")), "it has read its configuration", PATIENT_S)

    assert_ended_clean(bot, shown)


def test_sigterm_with_an_order_of_unknown_fate_waits_until_it_is_proved(
    simulator: SimulatorProcess, tmp_path: Path
) -> None:
    """A request whose answer was lost may yet reach the venue: after the process nobody would know."""
    simulator.admin.inject("drop", "order.place", count=1)
    with runtime(tmp_path, simulator) as bot:
        bot.start()
        unknown = "SELECT 1 FROM orders WHERE state = 'Unknown'"
        until(lambda: bool(rows(bot.journal, unknown)), "an order is in doubt", PATIENT_S)
        code, taken_s = bot.terminate(PATIENT_S)

        assert left_in_journal(bot) == [], bot.output()[-3000:]
        assert (code, ours_at_venue(bot)) == (0, set())
        assert taken_s <= PATIENT_S


def test_sigterm_while_the_venue_answers_5xx_for_two_seconds(
    simulator: SimulatorProcess, bot: RuntimeProcess, shown: Shown
) -> None:
    simulator.admin.inject("http-5xx", "*", seconds=2)

    assert_ended_clean(bot, shown)


def test_sigterm_while_the_account_stream_is_cut(
    simulator: SimulatorProcess, bot: RuntimeProcess, shown: Shown
) -> None:
    simulator.admin.inject("drop", "userDataStream.subscribe.signature", seconds=30)
    simulator.admin.inject("disconnect", "ws-api")

    assert_ended_clean(bot, shown)


def test_sigterm_while_the_fate_of_an_order_is_unknown(
    simulator: SimulatorProcess, bot: RuntimeProcess, shown: Shown
) -> None:
    """The venue has taken the order and said nothing: the end still finds and cancels it."""
    bot.terminate()
    simulator.admin.inject("silence", "user", seconds=30)
    simulator.admin.inject("accept-then-5xx", "order.place", seconds=30)
    bot.start()
    until(lambda: len(ours_at_venue(bot)) == 4, "the venue has the orders")

    assert_ended_clean(bot, shown)


def test_orders_of_an_earlier_life_are_cancelled_even_before_the_barrier_is_passed(
    simulator: SimulatorProcess, bot: RuntimeProcess, shown: Shown
) -> None:
    bot.kill()
    assert len(ours_at_venue(bot)) == 4
    simulator.admin.inject("silence", "btcusdt@bookTicker", seconds=60)  # the barrier waits for the feed
    bot.start()
    bot.until(lambda state: "the feed" in state["message"], "it waits for the feed")

    assert_ended_clean(bot, shown)


def test_orders_of_an_earlier_life_are_cancelled_even_when_the_account_stream_never_came(
    simulator: SimulatorProcess, bot: RuntimeProcess, shown: Shown
) -> None:
    bot.kill()
    simulator.admin.inject("drop", "userDataStream.subscribe.signature", seconds=60)
    bot.start()
    bot.until(lambda state: "account stream" in state["message"], "it waits for the account stream")

    assert_ended_clean(bot, shown)


def test_orders_that_could_not_be_confirmed_end_with_exit_1(simulator: SimulatorProcess, bot: RuntimeProcess) -> None:
    bot.terminate()
    bot.options = BRIEFLY
    bot.start().until_quoting()
    simulator.admin.inject("http-5xx", "*", seconds=60)
    code, taken_s = bot.terminate()

    assert code == 1, bot.output()
    assert taken_s <= WITHIN_S
    assert len(left_in_journal(bot)) == 4, "the next start asks about them"
    (left,) = bot.logged("ShutdownIncomplete")
    assert len(left["ids"][MARKET]) == 4


def test_sigterm_insists_longer_than_a_venue_is_away(simulator: SimulatorProcess, bot: RuntimeProcess) -> None:
    simulator.admin.inject("http-5xx", "*", seconds=6)
    code, taken_s = bot.terminate(PATIENT_S)

    assert code == 0, bot.output()
    assert taken_s > WITHIN_S
    assert ours_at_venue(bot) == set()
    assert len(bot.logged("CancelAllFailed")) < 20, "a venue in trouble is not hammered"


def test_asked_a_second_time_it_ends_at_once_and_names_what_is_left(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    simulator.admin.inject("http-5xx", "*", seconds=60)
    process = bot.process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)  # as `timeout` does: the same request
    until(lambda: len(bot.logged("CancelAllFailed")) >= 3, "it insists")
    process.send_signal(signal.SIGINT)

    assert bot.wait(WITHIN_S) == 1, bot.output()
    (left,) = bot.logged("ShutdownIncomplete")
    assert len(left["ids"][MARKET]) == len(ours_at_venue(bot)) == 4


def test_orders_that_could_not_even_be_asked_about_end_with_exit_1(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    bot.kill()
    simulator.admin.inject("http-5xx", "*", seconds=60)
    bot.options = BRIEFLY
    code, _ = bot.start().terminate()

    assert code == 1, bot.output()
    assert len(left_in_journal(bot)) == 4


def test_stopped_by_command_with_on_stop_leave_keeps_orders_but_the_end_never_does(
    bot: RuntimeProcess,
    shown: Shown,
) -> None:
    bot.terminate()
    bot.spec = {"onStop": "Leave"}
    bot.start().until_quoting()

    assert_ended_clean(bot, shown)


def test_a_venue_that_is_away_does_not_keep_the_orders_at_another_one_in_the_market(
    simulator: SimulatorProcess, tmp_path: Path
) -> None:
    """Neither venue carries out the cancels over the websocket; one of them does not list orders either."""
    with quoting_at_two_venues(tmp_path, simulator, *BRIEFLY) as (bot, away):
        for request in ("GET /api/v3/openOrders", "order.cancel"):
            away.admin.inject("lost-request", request, seconds=60)
        until(lambda: bool(away.admin.injected()), "the bot waits for an answer to its sweep", 15)
        simulator.admin.inject("lost-request", "order.cancel", seconds=60)
        code, _ = bot.terminate()

        assert code == 1, bot.output()
        assert ours_at_venue(bot) == set(), bot.output()
        (left,) = bot.logged("ShutdownIncomplete")
        assert (left["orders"], left["venues"]) == ({"first": 4}, {"first": f"away ({away.rest})"})
