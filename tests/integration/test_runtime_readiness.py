"""/readyz: true while a slot does what it should, and false, with the reason, while it cannot."""

from pathlib import Path

from harness.live_risk import LIVE_RISK
from harness.runtime_process import RuntimeProcess, runtime
from harness.simulator import Json, SimulatorProcess, until

TICKER = "btcusdt@bookTicker"


def test_a_slot_whose_venue_is_away_is_not_ready_and_says_why_until_it_has_compared(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    until(lambda: bot.not_ready() == [], "it is ready")
    simulator.admin.inject("drop", "userDataStream.subscribe.signature", seconds=60)
    simulator.admin.inject("disconnect", "ws-api")
    until(lambda: bot.not_ready() != [], "it is not ready")
    (reason,) = bot.not_ready()
    assert reason.startswith("Reconciling: venue simulator: "), reason

    simulator.admin.clear_faults()
    until(lambda: bot.not_ready() == [], "it is ready again", 20)
    assert bot.state()["state"] == "Active"


def test_a_slot_that_trades_by_its_websocket_stops_when_its_questions_have_had_no_answer_for_long(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    # All but the depth, which a feed that connects anew would wait for.
    simulator.admin.inject("http-5xx", "GET /api/v3/[!d]*", seconds=120)
    until(lambda: bot.not_ready() != [], "it is not ready", 60)
    (reason,) = bot.not_ready()
    assert reason.startswith("Reconciling: venue simulator: the open orders of market btc are not known since "), reason
    assert "/api/v3/openOrders" in reason
    assert "503" in reason
    (venue,) = bot.state()["venues"].values()
    assert not venue["reachable"]
    assert "are not known since" in venue["message"]
    until(lambda: not simulator.admin.open_orders(), "what cannot be watched is withdrawn")

    simulator.admin.clear_faults()
    until(lambda: bot.not_ready() == [], "it is ready again", 20)
    assert bot.state()["state"] == "Active"


def test_a_feed_that_is_silent_for_a_moment_leaves_a_slot_ready_and_one_that_stays_away_does_not(
    simulator: SimulatorProcess, bot: RuntimeProcess
) -> None:
    simulator.admin.inject("silence", TICKER, seconds=60)
    until(lambda: not simulator.admin.open_orders(), "stale: the quotes are withdrawn", 5)
    assert bot.not_ready() == [], "stale for a moment: a hiccup"

    (withdrawn,) = bot.until_logged("QuotesWithdrawn")
    assert (withdrawn["market"], withdrawn["reason"]) == ("btc", "FeedStale")
    assert 1 <= withdrawn["age_s"] < 2, "at once: staleAfter is 1s"

    until(lambda: bot.not_ready() == ["FeedStale: no market data of btc"], "it is not ready", 15)
    assert bot.state()["state"] == "Active", "the next tick is traded on"
    simulator.admin.clear_faults()
    bot.until_quoting()
    until(lambda: bot.not_ready() == [], "it is ready again", 5)
    assert [len(bot.until_logged(event)) for event in ("QuotesWithdrawn", "FeedBack")] == [1, 1]


def test_a_slot_whose_every_order_risk_refuses_says_so_by_the_limits_name(
    simulator: SimulatorProcess, tmp_path: Path
) -> None:
    with runtime(tmp_path, simulator, spec={"risk": LIVE_RISK | {"maxOrder": "0.0001"}}) as bot:
        bot.start().until(lambda s: s["reason"] == "MaxOrder", "it says why it cannot quote", 30)
        assert bot.state()["state"] == "Active"
        assert bot.market()["hindered"].startswith("MaxOrder: no order passes this check: the sizes in spec.strategy")
        assert simulator.admin.open_orders() == []

        def told() -> list[Json]:
            return [entry for entry in bot.logged("StandingChanged") if entry["reason"] == "MaxOrder"]

        until(lambda: bool(told()), "it is logged")
        assert ["risk.maxOrder" in entry["message"] for entry in told()] == [True]


def test_a_stopped_slot_is_ready_also_when_it_sees_no_market(simulator: SimulatorProcess, tmp_path: Path) -> None:
    with runtime(tmp_path, simulator, spec={"desiredState": "Stopped"}) as bot:
        bot.start().until(lambda s: s["state"] == "Stopped", "it is stopped")
        simulator.admin.inject("silence", TICKER, seconds=60)
        bot.until(lambda s: s["markets"]["btc"]["feedAgeSeconds"] > 7, "no market data for long", 20)
        assert bot.not_ready() == []
