"""More halts than a configuration or a status may have: what is written can be read, and each slot stays halted."""

from dataclasses import replace

from harness.bot_model import KEYED, Cluster, bot, spec
from harness.live_risk import LIVE_RISK
from tradingbot_operator.api.v1alpha1.tradingbot import MAX_HALTS
from tradingbot_operator.core import names
from tradingbot_operator.core.halts import halts
from tradingbot_operator.core.observed import Observed, StopOrder
from tradingbot_runtime.config.slot import HALTS_MOST

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
MANY = tuple(StopOrder(f"h{n}", f"{n:08}", "audit", flatten=False, until_deleted=False, selected=True)
             for n in range(HALTS_MOST + 1))  # fmt: skip


def live(replicas: int) -> Cluster:
    cluster = Cluster(bot(spec(SYMBOLS, mode="Live", risk=LIVE_RISK, replicas=replicas)), venues={"venue": KEYED})
    cluster.settle()
    return cluster


def test_a_bot_with_more_halts_than_its_configuration_takes_gives_no_market_away() -> None:
    """What was written can be read: it is not taken for a bot that has never traded."""
    cluster = live(2)
    had = {n: [market.name for market in cluster.config(n).markets] for n in (0, 1)}
    cluster.observed = replace(cluster.observed, stop_orders=MANY)
    cluster.step()
    cluster.step()
    generation = cluster.config(0).generation

    cluster.respecify(spec(SYMBOLS, mode="Live", risk=LIVE_RISK, replicas=3))
    cluster.step()

    assert {n: [market.name for market in cluster.config(n).markets] for n in (0, 1)} == had
    assert cluster.config(2).markets == []
    assert [len(cluster.config(n).halts) for n in range(3)] == [HALTS_MOST] * 3
    assert cluster.config(0).generation >= generation > 1, "it is the same bot as before"


def test_as_halts_are_released_the_next_ones_come_into_the_configuration() -> None:
    cluster = live(1)
    cluster.observed = replace(cluster.observed, stop_orders=MANY)
    cluster.step()
    cluster.step()
    first = {halt.id for halt in cluster.config(0).halts}
    cluster.observed = replace(cluster.observed, stop_orders=())
    resumed = cluster.bot.metadata.model_copy(update={"annotations": {names.RESUME: ",".join(first)}})
    cluster.bot = replace(cluster.bot, metadata=resumed)

    cluster.step()

    (left,) = cluster.config(0).halts
    assert left.id not in first
    assert len(cluster.config(0).resumed) == HALTS_MOST


def test_of_more_halts_than_a_status_takes_every_slot_has_some() -> None:
    slots = range(20)
    held = halts(bot(), Observed(now="2026-01-02T00:00:00Z", stop_orders=MANY), {}, slots)

    assert len(held.in_force) == MAX_HALTS
    assert {halt.slot for halt in held.in_force} == set(slots)
