"""A feed that is late and steady, and one that was not read for a while: nothing is quoted on what is old."""

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.live_risk import LIVE_RISK
from harness.runtime_process import RuntimeProcess, making, rows, runtime
from harness.simulator import Json, SimulatorProcess, until
from tradingbot_runtime.inputs.folder import inputs_folder
from tradingbot_runtime.inputs.replay import replay

LIVELY = ("--seed", "7", "--volatility", "5", "--orders-per-10s", "100000", "--weight-per-minute", "1000000",
          "--venue", "deltadefi")  # fmt: skip
STALE_AFTER_S = 1.0
DELAY_MS = 2500  # less than what ends a connection whose pongs do not come
STOPPED_FOR_UPDATES = 60
FEEDS = {
    "Binance": ({"venue": "simulator", "symbol": "BTCUSDT"}, "btcusdt@bookTicker"),
    "DeltaDeFi": ({"venue": "deltadefi", "symbol": "ADAUSDM"}, "/market/depth/ADAUSDM"),
}


@pytest.fixture(params=FEEDS)
def venue(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bot(tmp_path: Path, venue: str) -> Iterator[RuntimeProcess]:
    """Reference and execution are one feed."""
    with SimulatorProcess(*LIVELY, "--symbol", "BTCUSDT", "--symbol", "ADAUSDT") as simulator:
        place = FEEDS[venue][0]
        documents = [_venue(simulator, venue), _bot(place)]
        keys = {"TRADINGBOT_DELTADEFI_API_KEY": simulator.deltadefi_api_key,
                "TRADINGBOT_DELTADEFI_TRADING_PASSWORD": simulator.trading_password}  # fmt: skip
        with runtime(tmp_path / "bot", simulator, documents=documents, environment=keys) as made:
            until_both_sides(made.start())
            yield made


def _venue(simulator: SimulatorProcess, kind: str) -> Json:
    stream = simulator.stream if kind == "Binance" else simulator.deltadefi_stream
    endpoints = {"rest": simulator.rest, "stream": stream}
    if kind == "Binance":
        endpoints["websocketApi"] = simulator.websocket_api
    limit = {"ordersPerSecond": "100", "burst": 100, "cancelReserve": "0.3"}
    return {"apiVersion": "tradingbot.dev/v1alpha1", "kind": "Venue", "metadata": {"name": FEEDS[kind][0]["venue"]},
            "spec": {"environment": "Simulated", "type": kind, "endpoints": endpoints, "rateLimit": limit}}  # fmt: skip


def _bot(place: Json) -> Json:
    sizes = ["0.001"] if place["symbol"] == "BTCUSDT" else ["20"]
    risk: dict[str, Any] = LIVE_RISK | {"maxPosition": "1000", "maxOrder": "100", "staleAfter": f"{STALE_AFTER_S:g}s"}
    spec = {"mode": "Live", "markets": [{"name": "btc", "reference": place, "execution": place}], "risk": risk,
            "strategy": {"marketMaking": making(sizes=sizes, layers=1, spreadBps="25")}}  # fmt: skip
    return {"apiVersion": "tradingbot.dev/v1alpha1", "kind": "TradingBot", "metadata": {"name": "late"}, "spec": spec}


def until_both_sides(bot: RuntimeProcess) -> Json:
    def both(state: Json) -> bool:
        orders = state["markets"].get("btc", {"orders": []})["orders"]
        return state["reason"] == "Trading" and {o["side"] for o in orders if o["state"] == "Open"} == {"buy", "sell"}

    return bot.until(both, "both sides rest", 30.0)


def accepted(bot: RuntimeProcess) -> float:
    return bot.metric("tradingbot_orders_total", outcome="OrderAccepted")


def heard(bot: RuntimeProcess) -> float:
    return bot.metric("tradingbot_frames_total", outcome="ok")


def test_a_feed_that_is_late_and_steady_is_as_old_as_that_and_nothing_is_quoted_on_it(
    bot: RuntimeProcess, venue: str
) -> None:
    bot.simulator.admin.inject("delay", FEEDS[venue][1], seconds=60, delay_ms=DELAY_MS)
    (late,) = bot.until_logged("FeedLate")
    assert late["market"] == "btc"
    assert STALE_AFTER_S < late["late_s"] < DELAY_MS / 1000 + 1, late
    assert late["message"] == f"late by {late['late_s']:.1f} s"
    bot.until(lambda s: s["markets"]["btc"]["orders"] == [], "all is withdrawn")
    before, frames = accepted(bot), heard(bot)

    def steady_and_late(state: Json) -> bool:
        market = state["markets"]["btc"]
        assert market["orders"] == market["quotes"] == [], "nothing is quoted on old prices"
        return bool(heard(bot) > frames + 40) and bool(market["feedAgeSeconds"] > STALE_AFTER_S)

    state = bot.until(steady_and_late, "frames come all the while", 15.0)
    assert state["markets"]["btc"]["feedLateSeconds"] == pytest.approx(DELAY_MS / 1000, abs=1.0)
    assert bot.metric("tradingbot_feed_late_seconds") == pytest.approx(DELAY_MS / 1000, abs=1.0)
    said = f"FeedStale: market data of btc is late by {late['late_s']:.1f} s"
    until(lambda: bot.not_ready() == [said], "the slot is not ready, and says why", 15.0)
    assert accepted(bot) == before

    bot.simulator.admin.clear_faults()
    until_both_sides(bot)
    assert bot.not_ready() == []
    assert bot.terminate()[0] == 0
    outcome = replay(inputs_folder(bot.journal))
    assert (outcome.differences, outcome.unreadable, outcome.missed) == ([], [], 0)


def updates(bot: RuntimeProcess, venue: str) -> int:
    """The venue's newest update as it tells it by REST: what is made from now on is no older."""
    if venue == "DeltaDeFi":
        return int(bot.simulator.admin.deltadefi()["depth"]["ADAUSDM"]["timestamp"])
    with urllib.request.urlopen(f"{bot.simulator.rest}/api/v3/depth?symbol=BTCUSDT&limit=5", timeout=5) as answer:  # noqa: S310 - http, on loopback
        return int(json.load(answer)["lastUpdateId"])


def placed_on(bot: RuntimeProcess, since: int) -> list[int]:
    """The updates on which orders were placed."""
    kept = rows(bot.journal, f"SELECT payload FROM events WHERE kind = 'Decided' AND seq > {since}")  # noqa: S608 - a number
    decisions = [json.loads(text) for (text,) in kept]
    return [made["update_id"] for made in decisions if any(one["type"] == "Place" for one in made["commands"])]


def test_what_has_waited_in_the_socket_while_the_process_stood_still_is_not_acted_on(
    bot: RuntimeProcess, venue: str
) -> None:
    assert bot.process is not None
    decided = "SELECT coalesce(max(seq), 0) FROM events WHERE kind = 'Decided'"
    os.kill(bot.process.pid, signal.SIGSTOP)
    try:
        began, last = updates(bot, venue), rows(bot.journal, decided)[0][0]
        enough = 4000 if venue == "DeltaDeFi" else STOPPED_FOR_UPDATES
        until(lambda: updates(bot, venue) >= began + enough, "the market goes on", 20.0)
        now = updates(bot, venue)
    finally:
        os.kill(bot.process.pid, signal.SIGCONT)
    until(lambda: bool(placed_on(bot, last)), "it quotes again")

    assert min(placed_on(bot, last)) >= now, "on nothing that was made before it went on"
