"""The sample bot on DeltaDeFi as real processes: it quotes, fills, leaves nothing behind, and outlives trouble."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.deltadefi_bot import MARKET, SAMPLE, SIMULATOR, at_venue, bot_on, held, resting, sell_through
from harness.live_risk import LIVE_RISK
from harness.mounted_config import configuration
from harness.runtime_process import RuntimeProcess, cancel_all
from harness.shown import Shown
from harness.simulator import SimulatorProcess, until

SUBMIT, BUILD = "POST /order/submit", "POST /order/build"


def journal(runtime: RuntimeProcess, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{runtime.journal}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def ours(runtime: RuntimeProcess) -> set[str]:
    """The venue's ids of our orders that may be in the market."""
    return {row[0] for row in journal(runtime, "SELECT venue_order_id FROM orders WHERE closed = 0")}


def net_of_fees(runtime: RuntimeProcess) -> Decimal:
    """ADA by the journal's trades."""
    fills = [json.loads(row[0]) for row in journal(runtime, "SELECT payload FROM fills")]
    lots = sum(fill["quantity"] * (1 if fill["side"] == "buy" else -1) for fill in fills)
    fees = sum(fill["fee"] for fill in fills if fill["fee_asset"] == "ADA")
    return Decimal(lots).scaleb(-2) - Decimal(fees).scaleb(-8)


def test_the_sample_quotes_fills_and_leaves_the_venue_empty(tmp_path: Path) -> None:
    with bot_on(tmp_path) as runtime:
        before = held(runtime, "ada")
        resting(runtime)
        sell_through(runtime)
        runtime.until(lambda s: s["markets"][MARKET]["fills"].get("buy"), "our bids are filled")
        resting(runtime)

        assert runtime.terminate()[0] == 0
        assert at_venue(runtime) == []
        assert held(runtime, "ada") - before == net_of_fees(runtime), "what we think that we have is what there is"


def test_without_journal_and_client_ids_every_order_of_the_account_in_the_slots_market_is_withdrawn(
    tmp_path: Path,
) -> None:
    with bot_on(tmp_path) as runtime:
        resting(runtime)
        runtime.kill()
        assert at_venue(runtime)

        ended = cancel_all(runtime, slot_config=configuration(runtime))

        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert at_venue(runtime) == []


def test_forty_resting_orders_are_gone_within_five_seconds_of_sigterm_at_five_calls_a_second(
    tmp_path: Path, shown: Shown
) -> None:
    documents = list(yaml.safe_load_all(SAMPLE.read_text()))
    making = {"spreadBps": "12", "layers": 20, "stepBps": "6", "sizes": ["10"], "hysteresis": {"ticks": 40}}
    risk = LIVE_RISK | {"maxPosition": "2000", "maxOrder": "100", "maxOpenOrders": 50, "staleAfter": "3s"}
    with bot_on(tmp_path, documents=documents, strategy={"marketMaking": making}, risk=risk) as runtime:
        resting_all = runtime.until(lambda s: len(s["markets"].get(MARKET, {"orders": []})["orders"]) == 40,
                                    "forty orders", 40.0)  # fmt: skip
        assert resting_all["state"] == "Active"
        code, took_s = runtime.terminate()

        assert (code, at_venue(runtime)) == (0, [])
        shown.at_most("SIGTERM with 40 resting orders on DeltaDeFi's budget -> venue empty", took_s, "s", 5.0)


@pytest.mark.parametrize("fault", ["lost-answer", "accept-then-5xx", "accept-then-drop", "lost-request"])
def test_a_submit_whose_answer_is_lost_is_one_order_and_not_two(tmp_path: Path, fault: str) -> None:
    with bot_on(tmp_path) as runtime:
        resting(runtime)
        runtime.simulator.admin.inject(fault, SUBMIT)
        sell_through(runtime)  # what is filled is to be replaced
        runtime.until(lambda s: s["markets"][MARKET]["fills"].get("buy"), "our bids are filled")
        runtime.until(
            lambda _: runtime.metric("tradingbot_order_messages_total", message="OutcomeLost"), "an answer is lost"
        )
        runtime.until(lambda _: runtime.metric("tradingbot_unknown_orders") == 0, "what became of it is known", 30.0)
        resting(runtime)

        until(lambda: {order["id"] for order in at_venue(runtime)} <= ours(runtime), "every order there is one of ours")
        assert runtime.terminate()[0] == 0
        assert at_venue(runtime) == []


def test_a_killed_bot_knows_its_orders_again(tmp_path: Path) -> None:
    with bot_on(tmp_path) as runtime:
        resting(runtime)
        left = {order["id"] for order in at_venue(runtime)}
        runtime.kill()
        sell_through(runtime)  # while nobody looks
        runtime.start()
        runtime.until(lambda s: s["markets"].get(MARKET, {}).get("fills", {}).get("buy"), "what happened is found out")
        resting(runtime)

        known = {row[0] for row in journal(runtime, "SELECT venue_order_id FROM orders")}
        assert left <= known
        until(lambda: {order["id"] for order in at_venue(runtime)} <= ours(runtime), "every order there is one of ours")
        assert runtime.terminate()[0] == 0
        assert at_venue(runtime) == []


def met_a_lock(runtime: RuntimeProcess) -> None:
    """With orders in the market; it does not end by itself."""
    resting(runtime)
    runtime.simulator.admin.lock_trading(600)
    sell_through(runtime)
    runtime.until(lambda s: s["state"] == "VenueLocked", "the lock is seen", 30.0)


def test_a_locked_venue_is_not_called_and_quoted_again_afterwards(tmp_path: Path) -> None:
    with bot_on(tmp_path) as runtime:
        met_a_lock(runtime)
        placed = runtime.simulator.admin.deltadefi()["ordersPlaced"]
        refused = runtime.metric("tradingbot_venue_errors_total", kind="TradingLocked")
        runtime.simulator.admin.unlock_trading()
        # A refusal ends the long pause between two looks at the lock: three healthy answers, two seconds apart.
        runtime.until(lambda s: s["state"] != "VenueLocked", "the end of the lock is seen", 10.0)
        resting(runtime)

        assert runtime.metric("tradingbot_venue_errors_total", kind="TradingLocked") == refused <= 4
        assert runtime.simulator.admin.deltadefi()["ordersPlaced"] > placed


def test_after_a_lock_the_venue_is_asked_what_happened_before_anything_new_is_sent(tmp_path: Path) -> None:
    """Its answers take a while: what it would send meanwhile, it would send on a guess."""
    with bot_on(tmp_path) as runtime:
        met_a_lock(runtime)
        runtime.simulator.admin.inject("delay", "GET /accounts/*", seconds=600, delay_ms=1_500)
        placed = runtime.simulator.admin.deltadefi()["ordersPlaced"]
        runtime.simulator.admin.unlock_trading()
        after = runtime.until(lambda s: s["state"] != "VenueLocked", "the end of the lock is seen", 30.0)
        assert (after["state"], runtime.simulator.admin.deltadefi()["ordersPlaced"]) == ("Reconciling", placed)
        assert "it was locked" in after["message"]

        runtime.simulator.admin.clear_faults()
        resting(runtime)
        assert runtime.simulator.admin.deltadefi()["ordersPlaced"] > placed


def test_a_halt_during_a_lock_says_that_nothing_is_withdrawn_until_it_is(tmp_path: Path) -> None:
    with bot_on(tmp_path) as runtime:
        met_a_lock(runtime)
        (runtime.folder / "HALT").touch()
        said = runtime.until(lambda s: s["state"] == "Halted", "it is halted")["message"]
        assert said.startswith("until a person resumes; nothing is withdrawn while it is locked: venue"), said
        assert at_venue(runtime)

        runtime.simulator.admin.unlock_trading()
        until(lambda: at_venue(runtime) == [], "what rested is withdrawn", 30.0)
        runtime.until(lambda s: s["message"] == "until a person resumes", "and no more is said of the lock")


def test_sigterm_waits_for_the_end_of_a_lock_without_sending_a_cancel_and_leaves_the_venue_empty(
    tmp_path: Path,
) -> None:
    with bot_on(tmp_path) as runtime:
        met_a_lock(runtime)
        runtime.simulator.admin.lock_trading(6)
        assert at_venue(runtime)
        code, took_s = runtime.terminate(30.0)

        assert (code, at_venue(runtime)) == (0, []), runtime.output()
        assert took_s > 5
        assert runtime.logged("ShutdownWaitsForVenue")
        assert runtime.logged("CancelAllFailed") == [], "nothing was sent that a locked venue refuses"


def test_a_wrong_password_ends_the_bot_with_one_line(tmp_path: Path) -> None:
    with SimulatorProcess(*SIMULATOR) as simulator:
        found = list(yaml.safe_load_all(SAMPLE.read_text()))
        found[0]["spec"]["endpoints"] = {"rest": simulator.rest, "stream": simulator.stream,
                                         "websocketApi": simulator.websocket_api}  # fmt: skip
        found[1]["spec"]["endpoints"] = {"rest": simulator.rest, "stream": simulator.deltadefi_stream}
        keys = {"TRADINGBOT_DELTADEFI_API_KEY": simulator.deltadefi_api_key,
                "TRADINGBOT_DELTADEFI_TRADING_PASSWORD": "not it"}  # fmt: skip
        runtime = RuntimeProcess(tmp_path, simulator, documents=found, environment=keys)

        assert runtime.launch().wait() == 2
        assert [ended["exit_code"] for ended in runtime.logged("Ended")] == [2]
        (line,) = runtime.errors()
        assert "the trading password does not open the account's operation key" in line


def test_the_simulator_said_no_to_nothing_that_the_bot_should_know(tmp_path: Path) -> None:
    """Prices, quantities, minimum: whatever is sent is within the venue's rules."""
    with bot_on(tmp_path) as runtime:
        resting(runtime)
        until(lambda: runtime.metric("tradingbot_orders_total", outcome="OrderAccepted") >= 4, "orders are accepted")
        assert runtime.metric("tradingbot_orders_total", outcome="OrderRejected") == 0


def test_a_dead_bots_orders_are_withdrawn_by_its_journal_alone(tmp_path: Path) -> None:
    far = {"spreadBps": "200", "maxSpreadBps": "400", "layers": 2, "stepBps": "6", "sizes": ["10"]}  # none is filled
    with bot_on(tmp_path, strategy={"marketMaking": far}) as runtime:
        resting(runtime)
        runtime.kill()
        left = len(at_venue(runtime))
        assert left >= 2

        command = (sys.executable, "-m", "tradingbot_runtime", "cancel-all", str(runtime.journal))
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60,
                               env={**os.environ, **runtime.environment})  # fmt: skip

        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert at_venue(runtime) == []
        assert ended.stdout.count("cancelled") == left


def test_a_maker_alone_in_an_empty_book_starts_and_quotes_both_sides(tmp_path: Path) -> None:
    with bot_on(tmp_path, "--deltadefi-share", "0") as runtime:
        resting(runtime)
        alone = {order["id"] for order in at_venue(runtime)}
        assert alone <= ours(runtime)
        (first,) = journal(
            runtime, "SELECT CAST(payload AS TEXT) FROM events WHERE kind = 'Decided' ORDER BY seq LIMIT 1"
        )[0]
        seen = json.loads(first)
        assert (seen["venue_bid"], seen["venue_ask"], seen["venue_known"]) == (None, None, True)

        sell_through(runtime)  # at the other market: nobody trades at this one
        runtime.until(
            lambda _: runtime.metric("tradingbot_orders_total", outcome="OrderAccepted") >= len(alone), "told"
        )
        assert runtime.terminate()[0] == 0
        assert at_venue(runtime) == []
