"""`cancel-all` with nothing but the journal of a bot that is dead: the venue is proved empty, others' orders stay."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from harness.runtime_process import CANCEL_ALL_S, STILL, RuntimeProcess, cancel_all, making, ours_at_venue, runtime
from harness.simulator import SimulatorProcess
from harness.two_venues import quoting_at_two_venues
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal.journal import CONFIG


def change(bot: RuntimeProcess, statement: str, *parameters: object) -> None:
    """What its journal says, behind its back."""
    with closing(sqlite3.connect(bot.journal)) as database, database:
        database.execute(statement, parameters)


def test_a_dead_bots_orders_are_withdrawn_and_another_bots_stay(
    dead: RuntimeProcess, tmp_path: Path, simulator: SimulatorProcess
) -> None:
    spec = {"strategy": {"marketMaking": making(spreadBps="30")}}
    with runtime(tmp_path / "other", simulator, spec=spec) as other:
        other.start()
        other.until_quoting()
        before = ours_at_venue(other)

        ended = cancel_all(dead)

        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert ours_at_venue(dead) == set()
        assert ended.stdout.count("cancelled") == 4
        assert "no order of ours at venue simulator; 4 of others left alone" in ended.stdout
        assert len(ours_at_venue(other)) == len(before) == 4
    again = cancel_all(dead)
    assert (again.returncode, again.stdout.count("cancelled")) == (0, 0)


def test_an_order_that_the_venue_refuses_to_cancel_keeps_no_other_one_in_the_market(
    dead: RuntimeProcess, simulator: SimulatorProcess
) -> None:
    simulator.admin.inject("market-closed", "DELETE /api/v3/order", count=1)

    ended = cancel_all(dead)

    lines = [line for line in ended.stdout.splitlines() if "cancelled" in line]
    assert ["not cancelled" in line for line in lines] == [True, False, False, False, False], ended.stdout
    assert "Market is closed." in lines[0]
    assert (ended.returncode, ours_at_venue(dead)) == (0, set())


def test_a_venue_that_does_not_answer_is_not_proved_empty(tmp_path: Path) -> None:
    with SimulatorProcess(*STILL) as simulator, runtime(tmp_path / "bot", simulator) as bot:
        bot.start()
        bot.until_quoting()
        bot.kill()
        simulator.admin.inject("http-5xx", "*", count=1_000_000)

        ended = cancel_all(bot, "--within", "2")

        assert ended.returncode == 1, ended.stdout
        assert "not proved empty within 2 s" in ended.stdout


@pytest.mark.parametrize("refused", ["key", "credentials"])
def test_a_venue_that_cannot_be_asked_does_not_keep_the_orders_at_another_one_in_the_market(
    tmp_path: Path, simulator: SimulatorProcess, refused: str
) -> None:
    """Its key is refused, which may pass; or there is none at all, which will not."""
    with quoting_at_two_venues(tmp_path / "bot", simulator) as (bot, away):
        bot.kill()
        secret = "not the key" if refused == "key" else ""
        ended = cancel_all(bot, "--within", "3", environment={"TRADINGBOT_AWAY_SECRET_KEY": secret})

        assert ours_at_venue(bot) == set(), ended.stdout + ended.stderr
        assert "btc: no order of ours at venue simulator" in ended.stdout
        assert len(away.admin.open_orders()) == 4
        if refused == "key":
            assert ended.returncode == 1, ended.stdout + ended.stderr
            assert "not proved empty within 3 s: market first: " in ended.stdout
            assert "market btc" not in ended.stdout.splitlines()[-1], "what is empty is not waited for"
        else:
            assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1), ended.stderr


def test_a_configuration_that_a_later_version_would_refuse_still_tells_where_the_orders_are(
    dead: RuntimeProcess,
) -> None:
    with Journal(dead.journal) as journal:
        kept = json.loads(str(journal.meta(CONFIG)))
        kept["venues"]["simulator"]["rateLimit"]["cancelReserve"] = "1"
        kept["risk"] |= {"maxOrder": "1000000", "a limit of then": "3"}
        journal.put(CONFIG, json.dumps(kept))

    ended = cancel_all(dead)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ours_at_venue(dead) == set()
    assert ended.stdout.count("cancelled") == 4


def test_nobody_has_to_read_what_it_says(dead: RuntimeProcess) -> None:
    """As with `| head -1`."""
    command = (sys.executable, "-m", "tradingbot_runtime", "cancel-all", str(dead.journal))
    keys = {"TRADINGBOT_SIMULATOR_API_KEY": dead.simulator.api_key,
            "TRADINGBOT_SIMULATOR_SECRET_KEY": dead.simulator.secret}  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **keys}) as process:
        assert process.stdout
        process.stdout.close()

        assert process.wait(CANCEL_ALL_S) == 0
    assert ours_at_venue(dead) == set()


def test_an_order_that_the_venue_says_nothing_of_is_named_although_none_is_listed(
    dead: RuntimeProcess, simulator: SimulatorProcess
) -> None:
    simulator.admin.inject("http-5xx", "GET /api/v3/order", count=1_000_000)
    left = ours_at_venue(dead)

    ended = cancel_all(dead, "--within", "3")

    assert (ended.returncode, ours_at_venue(dead)) == (1, set()), ended.stdout + ended.stderr
    assert ended.stdout.count("cancelled") == 4
    assert all(f"order {order_id} " in ended.stdout.splitlines()[-1] for order_id in left)


def test_of_a_lost_order_it_says_what_the_venue_says_of_it_now(dead: RuntimeProcess) -> None:
    """What became of it is the position's question; whether something is in the market is the exit code's."""
    change(dead, "UPDATE orders SET state = 'Lost' WHERE side = 'buy' AND closed = 0")

    ended = cancel_all(dead)

    assert (ended.returncode, ours_at_venue(dead)) == (0, set()), ended.stdout + ended.stderr
    assert ended.stdout.count("Lost in the journal: the venue says Canceled, 0.00000 of 0.00") == 2


@pytest.mark.parametrize(("state", "code"), [("Open", 1), ("Lost", 0)])
def test_an_order_in_a_market_that_the_configuration_has_no_more_is_somebody_elses_to_look_for(
    dead: RuntimeProcess, state: str, code: int
) -> None:
    change(dead, "UPDATE orders SET state = ?, market = 'former' WHERE side = 'buy' AND closed = 0", state)

    ended = cancel_all(dead)

    assert ended.returncode == code, ended.stdout + ended.stderr
    assert ("former: not asked about 2 orders: the configuration has no such market" in ended.stdout) == bool(code)


def test_a_bot_that_went_on_in_mode_paper_with_other_markets_has_left_orders(dead: RuntimeProcess) -> None:
    change(dead, "UPDATE orders SET market = 'former' WHERE closed = 0")
    with Journal(dead.journal) as journal:
        kept = json.loads(str(journal.meta(CONFIG)))
        journal.put(CONFIG, json.dumps(kept | {"mode": "Paper"}))

    ended = cancel_all(dead)

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "former: not asked about 4 orders" in ended.stdout


def test_what_cannot_be_used_is_one_line(dead: RuntimeProcess, tmp_path: Path) -> None:
    missing = subprocess.run((sys.executable, "-m", "tradingbot_runtime", "cancel-all", str(tmp_path / "none")),
                             check=False, capture_output=True, text=True, timeout=CANCEL_ALL_S)  # fmt: skip

    assert (missing.returncode, missing.stderr) == (2, f"{tmp_path / 'none'}: there is no such journal\n")
    command = (sys.executable, "-m", "tradingbot_runtime", "cancel-all", str(dead.journal))
    without_keys = subprocess.run(command, check=False, capture_output=True, text=True, timeout=CANCEL_ALL_S)
    assert without_keys.returncode == 2
    assert len(without_keys.stderr.splitlines()) == 1
    assert cancel_all(dead).returncode == 0
