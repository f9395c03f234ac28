"""A venue, or what is between it and the bot, that refuses everything with ever new codes."""

from itertools import count
from pathlib import Path

from harness.echoing_venue import echoing
from harness.exposition import samples_of
from harness.live_risk import LIVE_RISK
from harness.runtime_process import STILL, VENUE, making, manifest, runtime
from harness.shown import Shown
from harness.simulator import SimulatorProcess, book_ticker, until

REFUSALS = 20  # more take long: a bot that is refused waits longer each time
SERIES = 150
KINDS = 5  # what a code that nobody knows proves of orders and of questions
ERRORS = "tradingbot_venue_errors_total"
RESTLESS = {
    "strategy": {"marketMaking": making(hysteresis={"ticks": 0, "quantityShare": "0.5"})},
    "risk": {**LIVE_RISK, "maxPosition": "0.5", "maxRejectsPerMinute": 100_000, "maxOrdersPerMinute": 100_000},
}


def test_codes_that_a_venue_makes_up_are_no_series_and_are_in_the_log(tmp_path: Path, shown: Shown) -> None:
    with SimulatorProcess(*STILL) as simulator, echoing(simulator.rest) as venue, runtime(tmp_path, simulator) as bot:
        bot.documents = manifest(simulator, bot.name, **RESTLESS)
        bot.documents[0]["spec"]["endpoints"] = venue.endpoints
        bot.start().until_quoting()
        venue.turn("GET /api/v3/o*", methods="order.*", status=400, codes=count(-3000, -1))
        numbers = count(10**12)

        def refused() -> bool:
            number = next(numbers)
            price = 60_000 + 200 * (number // 4 % 2)
            simulator.admin.play([book_ticker(number, (f"{price}.00", "5"), (f"{price}.02", "5"))])
            return venue.hits >= REFUSALS

        until(refused, f"{REFUSALS} refusals", 40)
        until(lambda: bot.metric(ERRORS, venue=VENUE, kind="RefusedOther") > 1, "they are counted as one kind")
        series = samples_of(bot.get("/metrics")[1])
        venue.turn()  # its orders are withdrawn when it ends

    assert any(line["code"] <= -3000 for line in bot.logged("RequestRefused")), "the code itself is in the log"
    kinds = [line for line in series if line.startswith(ERRORS)]
    shown.at_most(f"kinds of {REFUSALS} errors whose codes no venue has", len(kinds), "kinds", KINDS)
    shown.at_most(f"series of a bot after {REFUSALS} codes that no venue has", len(series), "series", SERIES)
