"""The sample of crossExchange as real processes: each fill is hedged, once, whatever happens in between."""

import copy
import os
import subprocess
import sys
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

import pytest
import yaml

from harness.cross_exchange import HEDGE, QUOTED, SAMPLE, bot_on, market, nothing_left, quoting
from harness.met_orders import executed_at_deltadefi, trade_through
from harness.runtime_process import RuntimeProcess, rows
from harness.simulator import Json, SimulatorProcess, trade, until

RESTLESS = ("--volatility", "10", "--steps-per-second", "40", "--seed", "3")
SMALL = Decimal(1)  # ADA: what is worth less than the hedge's venue takes waits for the next fill
FAST: Json = {"hedgeTimeout": "2s"}


def through(runtime: RuntimeProcess, price: str, *, buyer_is_maker: bool) -> None:
    """Somebody trades at DeltaDeFi down, or up, to `price`: our quotes there fill."""
    admin = runtime.simulator.admin
    trade_through(admin, price, lambda: executed_at_deltadefi(admin), buyer_is_maker=buyer_is_maker)


def sell_through(runtime: RuntimeProcess) -> None:
    through(runtime, "0.3000", buyer_is_maker=True)


def hedged(runtime: RuntimeProcess, position: str = "100.00", within_s: float = 15.0) -> Json:
    """Wait until our fills are hedged to the last lot, and nothing is on its way."""

    def done(state: Json) -> bool:
        quoted, hedge = market(state), market(state, HEDGE)
        return (
            quoted.get("position") == position
            and abs(Decimal(quoted.get("residual", "1000"))) < SMALL
            and not hedge["orders"]
        )

    return runtime.until(done, "the fill is hedged", within_s)


def executed_quantity(runtime: RuntimeProcess, side: str) -> Decimal:
    orders = runtime.simulator.admin.deltadefi_orders()
    return sum((Decimal(o["executed_base_qty"]) for o in orders if o["side"].lower() == side), Decimal())


def sold_at_hedge(runtime: RuntimeProcess) -> list[Decimal]:
    """What each of our orders at the hedge's venue has sold, by the venue itself."""
    orders = (o for o in runtime.simulator.admin.all_orders() if o["clientOrderId"].startswith(runtime.prefix))
    return [Decimal(o["executedQty"]) * (1 if o["side"] == "SELL" else -1) for o in orders if Decimal(o["executedQty"])]


def test_a_fill_is_hedged_and_sigterm_leaves_both_venues_empty(tmp_path: Path) -> None:
    with bot_on(tmp_path) as runtime:
        quoting(runtime)
        sell_through(runtime)
        state = hedged(runtime)

        assert sold_at_hedge(runtime) == [Decimal("99.9")], "DeltaDeFi takes its fee of 0.1 ADA from what we bought"
        assert market(state)["hedge"] == "Hedged"
        assert Decimal(market(state)["profit"]) > 0, "the profit is that of both markets"
        assert runtime.metric("tradingbot_hedge_residual", market=QUOTED) == pytest.approx(0)
        (leg,) = {row[0][26:28] for row in rows(runtime.journal, "SELECT order_id FROM orders WHERE market = ?", HEDGE)}
        assert leg == "01", "the id of an order says which leg it belongs to"
        quoting(runtime)
        assert runtime.terminate()[0] == 0
        assert nothing_left(runtime)


def test_fills_of_both_sides_are_hedged_and_a_replay_decides_the_same(tmp_path: Path) -> None:
    with bot_on(tmp_path) as runtime:
        for _ in range(3):
            quoting(runtime)
            sell_through(runtime)
            hedged(runtime, "100.00")
            quoting(runtime)
            through(runtime, "0.4000", buyer_is_maker=False)
            hedged(runtime, "0.00")
        assert runtime.terminate()[0] == 0
        command = (sys.executable, "-m", "tradingbot_runtime", "replay", str(runtime.journal))
        replayed = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ)

        assert replayed.returncode == 0, replayed.stdout + replayed.stderr
        sent = rows(runtime.journal, "SELECT count(*) FROM orders WHERE market = ?", HEDGE)[0][0]
        assert sent == 6


@pytest.mark.parametrize("fault", ["lost-answer", "accept-then-5xx", "lost-request"])
def test_a_hedge_whose_answer_is_lost_is_never_doubled(tmp_path: Path, fault: str) -> None:
    with bot_on(tmp_path) as runtime:
        quoting(runtime)
        runtime.simulator.admin.inject("silence", "user", seconds=3)
        runtime.simulator.admin.inject(fault, "order.place")
        sell_through(runtime)
        runtime.until(
            lambda _: runtime.metric("tradingbot_orders_total", market=HEDGE, outcome="OutcomeLost"), "no answer"
        )
        hedged(runtime, within_s=30.0)

        assert sum(sold_at_hedge(runtime)) == Decimal("99.9")


def test_a_fill_that_nobody_saw_is_hedged_once_by_the_next_process(tmp_path: Path) -> None:
    with bot_on(tmp_path) as runtime:
        quoting(runtime)
        runtime.kill()
        sell_through(runtime)
        runtime.start()

        def done(state: Json) -> bool:
            left = abs(Decimal(market(state).get("residual", "1000")))
            return bool(sold_at_hedge(runtime)) and left < SMALL and not market(state, HEDGE)["orders"]

        runtime.until(done, "it is hedged", 20.0)
        bought, sold = (executed_quantity(runtime, side) for side in ("buy", "sell"))  # others trade there, too
        held = bought * Decimal("0.999") - sold  # DeltaDeFi's fee of a buy is taken from what was bought
        assert sum(sold_at_hedge(runtime)) == held.quantize(Decimal("0.1"), ROUND_DOWN)
        assert len(sold_at_hedge(runtime)) == 1


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request"])
def test_a_process_killed_between_fill_and_hedge_leaves_exactly_one_hedge(tmp_path: Path, fault: str) -> None:
    """Its intent is in the journal; whether the order reached the venue, only the venue knows."""
    with bot_on(tmp_path) as runtime:
        quoting(runtime)
        runtime.simulator.admin.inject("silence", "user", seconds=60)
        runtime.simulator.admin.inject(fault, "order.place", count=1)
        sell_through(runtime)
        until(lambda: bool(rows(runtime.journal, "SELECT 1 FROM orders WHERE market = ?", HEDGE)), "the hedge's intent")
        runtime.kill()
        runtime.simulator.admin.clear_faults()
        runtime.start()
        hedged(runtime)

        assert sum(sold_at_hedge(runtime)) == Decimal("99.9")
        assert len(sold_at_hedge(runtime)) == 1


def test_a_silent_feed_of_the_hedge_withdraws_the_quotes(tmp_path: Path) -> None:
    with bot_on(tmp_path) as runtime:
        quoting(runtime)
        runtime.simulator.admin.inject("silence", "adausdt@bookTicker", seconds=8)
        runtime.until(lambda s: not market(s)["orders"], "the quotes are gone")

        assert runtime.simulator.admin.deltadefi()["openOrders"] == []
        quoting(runtime)


def test_a_hedge_that_is_refused_is_late_reported_and_reduces_what_is_quoted(tmp_path: Path) -> None:
    with bot_on(tmp_path, **FAST) as runtime:
        quoting(runtime)
        runtime.simulator.admin.inject("429", "order.place", seconds=20, retry_after_s=1)
        sell_through(runtime)
        runtime.until(lambda s: market(s).get("hedge") == "Wider", "the hedge is late", 20.0)
        state = runtime.until(lambda s: market(s).get("hedge") == "Reducing", "it does not work", 20.0)

        assert {quote["side"] for quote in market(state)["quotes"]} <= {"sell"}
        assert [line["stress"] for line in runtime.until_logged("HedgeLate", 2)] == ["Wider", "Reducing"]
        told = runtime.until(lambda s: "HedgeLate" in market(s)["hindered"], "a person is told")
        assert told["reason"] == "HedgeLate"
        runtime.simulator.admin.clear_faults()
        runtime.until(lambda s: market(s).get("hedge") == "Hedged", "hedging works again", 30.0)
        assert runtime.until_logged("HedgeInTime")
        assert sum(sold_at_hedge(runtime)) <= Decimal("99.9")


def test_a_hedge_at_a_venue_without_immediate_orders_is_cancelled_where_it_rests_and_sent_again(tmp_path: Path) -> None:
    """DeltaDeFi's book is thin: what nobody there takes at once rests, and leaves after half the timeout."""
    with bot_on(tmp_path, swapped=True, size="20", **FAST) as runtime:
        quoting(runtime)
        admin = runtime.simulator.admin
        until(lambda: len(admin.open_orders()) == 2, "both quotes rest at Binance")
        frame = trade(1, "0.3000", "100000", buyer_is_maker=True, symbol="ADAUSDT")
        admin.play([frame])
        runtime.until(lambda s: market(s)["fills"].get("buy"), "our bid is met")
        runtime.until(
            lambda s: Decimal(market(s, HEDGE).get("position", "0")) <= -15 and abs(Decimal(market(s)["residual"])) < 5,
            "the fill is hedged at DeltaDeFi, down to what that venue takes no order for", 40.0,
        )  # fmt: skip

        assert runtime.terminate()[0] == 0
        assert nothing_left(runtime)


def test_in_mode_paper_both_markets_are_on_paper(tmp_path: Path) -> None:
    with SimulatorProcess(*RESTLESS, "--symbol", "ADAUSDT") as simulator:
        binance, other, bot = copy.deepcopy(list(yaml.safe_load_all(SAMPLE.read_text())))
        binance["spec"]["endpoints"] = {"rest": simulator.rest, "stream": simulator.stream,
                                        "websocketApi": simulator.websocket_api}  # fmt: skip
        other["spec"] = binance["spec"]
        bot["spec"]["mode"] = "Paper"
        bot["spec"]["markets"][0]["execution"]["symbol"] = "ADAUSDT"
        free = {"edgeBps": "0", "makerFeeBps": "0", "takerFeeBps": "0"}  # so close that something fills soon
        bot["spec"]["strategy"]["crossExchange"] |= free
        runtime = RuntimeProcess(tmp_path, simulator, documents=[binance, other, bot])
        try:
            runtime.start()
            runtime.until(
                lambda s: market(s)["fills"] and market(s, HEDGE)["fills"] and abs(Decimal(market(s)["residual"])) < 30,
                "paper fills are hedged on paper", 40.0,
            )  # fmt: skip

            assert simulator.admin.all_orders() == []
        finally:
            if runtime.running:
                runtime.terminate()
