"""What a real Prometheus makes of a bot's /metrics: how many series, how long a scrape, and a thousand of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.prometheus import Prometheus
from harness.runtime_process import STILL, RuntimeProcess, making, runtime
from harness.shown import Shown
from harness.simulator import SimulatorProcess, trade, until
from tradingbot_runtime.metric_families import Kind
from tradingbot_runtime.telemetry import FAMILIES

RARE = {  # what this bot may have no reason to show
    "tradingbot_risk_refused_total", "tradingbot_spans_dropped_total",
    "tradingbot_halts_held", "tradingbot_halts_latched_total", "tradingbot_lease_valid_seconds",
    "tradingbot_control_messages_total", "tradingbot_venue_errors_total", "tradingbot_hedge_residual",
    "tradingbot_hedge_stress",
}  # fmt: skip
BOTS = 1_000
SERIES = 150
SCRAPE_MS = 20
SCRAPES = 15
EVERY_S = 30  # of the thousand, which are one process
OF_A_BOT = '{job="bots", __name__!~"up|scrape_.*"}'


@pytest.fixture
def traded(tmp_path: Path) -> Iterator[RuntimeProcess]:
    """A bot that has every series which one of one market has in the usual course of things."""
    strategy = {"marketMaking": making(sizes=["0.001", "0.002"])}
    with SimulatorProcess(*STILL) as venue, runtime(tmp_path / "bot", venue, spec={"strategy": strategy}) as bot:
        bot.start().until_quoting()
        both = [trade(1, "59000.00", "5", buyer_is_maker=True), trade(2, "61000.00", "5", buyer_is_maker=False)]
        venue.admin.play(both)
        bot.until(lambda state: set(state["markets"]["btc"]["fills"]) == {"buy", "sell"}, "it has bought and sold")
        yield bot


def address(bot: RuntimeProcess) -> str:
    return f"127.0.0.1:{bot.port}"


def test_a_scrape_takes_no_time(traded: RuntimeProcess, tmp_path: Path, shown: Shown) -> None:
    with Prometheus(tmp_path / "prometheus", {"bots": [(address(traded), {})]}) as prometheus:
        took = "quantile_over_time(0.5, scrape_duration_seconds[1m])"
        scraped = "count_over_time(scrape_duration_seconds[1m])"
        until(lambda: (prometheus.value(scraped) or 0) >= SCRAPES, f"{SCRAPES} scrapes", 3 * SCRAPES)
        took_s = prometheus.value(took)

    assert took_s
    shown.at_most(f"scrape of one bot, by Prometheus: median of {SCRAPES}", took_s * 1000, "ms", SCRAPE_MS)


def test_a_thousand_bots_are_scraped_each_with_few_series(traded: RuntimeProcess, tmp_path: Path, shown: Shown) -> None:
    """The thousand are one process under a thousand names: what Prometheus has to take in is the same."""
    targets = [(address(traded), {"bot": f"bot-{number}"}) for number in range(BOTS)]
    with Prometheus(tmp_path / "prometheus", {"bots": targets}, every_s=EVERY_S) as prometheus:
        until(lambda: prometheus.value("count(up == 1)") == BOTS, "all have been scraped", 4 * EVERY_S)
        series = prometheus.value(f"max(count by (bot) ({OF_A_BOT}))")
        names = {labels["__name__"] for labels, _ in prometheus.ask(f"count by (__name__) ({OF_A_BOT})")}

    assert series
    shown.at_most(f"series of each of {BOTS:,} bots of one market", series, "series", SERIES)
    declared = {f"{family.name}_count" if family.kind is Kind.HISTOGRAM else family.name for family in FAMILIES}
    ours = {name for name in names if name.startswith("tradingbot_") and not name.endswith(("_sum", "_bucket"))}
    assert ours <= declared
    assert declared - RARE <= ours
