"""What a slot that is lost has its orders withdrawn in: all that it may have, whatever it is to have next."""

from dataclasses import replace
from typing import Any

import pytest

from harness.bot_model import KEYED, Cluster, bot, hedged_spec, spec
from harness.live_risk import LIVE_RISK
from tradingbot_operator.core import names
from tradingbot_operator.core.dead_man import MARGIN_S
from tradingbot_operator.core.observed import Manifest, Silence
from tradingbot_runtime.config import SlotConfig, TradingBotSpec

SYMBOLS = ("ADAUSDT", "BTCUSDT", "ETHUSDT")  # the first one is slot 0's of two, and slot 2's of three
RUN_OUT = Silence(holder="pod-1", renewal="0123456789abcdef", duration_s=120, unrenewed_for_s=120 + MARGIN_S + 0.1)
LIVE: dict[str, Any] = {"mode": "Live", "risk": LIVE_RISK}


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster(bot(spec(SYMBOLS, replicas=2, **LIVE)), venues={"venue": KEYED, "there": KEYED})
    made.settle()
    return made


def lose(cluster: Cluster) -> None:
    """Nobody hears slot 0 any more, and its Lease has run out."""
    pod = cluster.pods[0]
    cluster.pods[0] = replace(pod, stream=replace(pod.stream, connected=False, lost_for_s=120))
    cluster.observed = replace(cluster.observed, silences={0: RUN_OUT})


def edit(cluster: Cluster, wanted: TradingBotSpec) -> None:
    """While slot 0 is not heard; several looks later."""
    lose(cluster)
    cluster.observed = replace(cluster.observed, silences={})
    cluster.respecify(wanted)
    for _ in range(3):
        cluster.step()
    lose(cluster)


def withdrawn(cluster: Cluster) -> list[str]:
    """By the configuration that the Job brings along."""
    (job,) = cluster.decide().withdraw
    config = brought(job)
    assert set(config.venues) == {leg.execution.venue for leg in config.legs}
    return [f"{leg.execution.venue}/{leg.execution.symbol}" for leg in config.legs]


def brought(job: Manifest) -> SlotConfig:
    pod = job["spec"]["template"]
    (item,) = next(v["downwardAPI"]["items"] for v in pod["spec"]["volumes"] if v["name"] == "slots")
    key = item["fieldRef"]["fieldPath"].removeprefix("metadata.annotations['").removesuffix("']")
    assert item["path"] == "slot-0.json"
    return SlotConfig.model_validate_json(pod["metadata"]["annotations"][key])


def test_markets_that_are_on_their_way_elsewhere_are_its_own_until_it_has_let_go(cluster: Cluster) -> None:
    edit(cluster, spec(SYMBOLS, replicas=3, **LIVE))
    assert cluster.config(0).markets == []
    assert withdrawn(cluster) == ["venue/ADAUSDT"]

    cluster.step()
    (ready,) = [found for found in cluster.bot.status.conditions if found.type == "Ready"]
    assert ready.message.startswith("slot 0: nobody hears it, and its Lease has run out")


def test_a_plan_that_takes_some_of_its_markets_leaves_it_the_orders_in_all(cluster: Cluster) -> None:
    edit(cluster, spec(("AAAUSDT", "CCCUSDT", "DDDUSDT", *SYMBOLS), replicas=2, **LIVE))
    known = set(withdrawn(cluster))

    assert {"venue/ADAUSDT"} < known
    assert known == {"venue/ADAUSDT"} | {f"venue/{market.execution.symbol}" for market in cluster.config(0).markets}


def test_of_a_market_that_no_spec_has_any_more_the_instrument_is_enough(cluster: Cluster) -> None:
    edit(cluster, spec(("BTCUSDT", "ETHUSDT"), replicas=2, **LIVE))

    assert withdrawn(cluster) == ["venue/ADAUSDT"]


def test_a_slot_that_has_let_go_of_all_has_nothing_left(cluster: Cluster) -> None:
    cluster.respecify(spec(SYMBOLS, replicas=3, **LIVE))
    cluster.settle()
    assert cluster.config(0).markets == []
    lose(cluster)

    assert cluster.decide().withdraw == ()


def test_hands_off_a_bot_that_is_to_be_scaled_the_slots_orders_are_withdrawn_and_its_markets_shown(
    cluster: Cluster,
) -> None:
    metadata = cluster.bot.metadata.model_copy(update={"annotations": {names.RECONCILE: names.DISABLED}})
    cluster.bot = replace(cluster.bot, metadata=metadata)
    cluster.respecify(spec(SYMBOLS, replicas=3, **LIVE))
    lose(cluster)
    assert withdrawn(cluster) == ["venue/ADAUSDT"]
    cluster.step()

    shown = {slot.ordinal: set(slot.markets) for slot in cluster.bot.status.slots}
    assert shown == {0: {"adausdt"}, 1: {"btcusdt", "ethusdt"}, 2: set()}
    (ready,) = [found for found in cluster.bot.status.conditions if found.type == "Ready"]
    assert "slot 0: nobody hears it" in ready.message


def test_what_it_hedges_with_is_withdrawn_as_well() -> None:
    cluster = Cluster(bot(hedged_spec(**LIVE)), venues={"venue": KEYED, "there": KEYED})
    cluster.settle()
    edit(cluster, hedged_spec(**LIVE).model_copy(update={"replicas": 2}))
    assert cluster.config(0).markets == []

    assert sorted(withdrawn(cluster)) == ["there/BTCUSDT", "venue/BTCUSDT"]
