"""What a real operator's /metrics says of a bot: as its status, and gone with it."""

from collections.abc import Callable
from functools import partial

import pytest

from harness.bot_world import API, VENUE, World, manifest
from harness.operator_process import eventually
from tradingbot_operator import metrics
from tradingbot_runtime.metric_families import Family

pytestmark = pytest.mark.controlplane
SHOWN: tuple[tuple[Family, dict[str, str], float], ...] = (
    (metrics.BOT_CONDITION, {"type": "Ready", "status": "True"}, 1),
    (metrics.BOT_CONDITION, {"type": "Ready", "status": "False"}, 0),
    (metrics.BOT_PHASE, {"phase": "Running"}, 1),
    (metrics.BOT_REPLICAS, {"kind": "desired"}, 2),
    (metrics.BOT_REPLICAS, {"kind": "ready"}, 2),
    (metrics.BOT_SLOTS, {"state": "Active"}, 2),
    (metrics.BOT_INFO, {"mode": "Paper", "strategy": "marketMaking"}, 1),
    (metrics.BOT_DESIRED_STATE, {"state": "Running"}, 1),
)


def test_a_bot_is_shown_as_it_is_until_it_is_gone(world: World) -> None:
    world.apply(VENUE, manifest(replicas=2, symbols=("BTCUSDT", "ETHUSDT")))
    world.converged()
    of_bot = partial(world.operator.metric, namespace=world.namespace, bot="maker")
    for family, labels, value in SHOWN:
        is_so = partial(_is, partial(of_bot, family.name, **labels), value)
        eventually(is_so, what=f"{family.name} {labels} is {value}")
    stored = world.get("TradingBot")
    assert stored
    generation = stored["metadata"]["generation"]
    assert of_bot("tradingbot_config_generation", kind="desired") == generation
    assert of_bot("tradingbot_config_generation", kind="observed") == generation

    world.node.breach("maker-1", "maker-1-1")
    eventually(lambda: of_bot("tradingbot_halted", reason="RiskBreachMaxLoss") == 1)
    assert of_bot("tradingbot_phase", phase="Halted") == 1

    resumed = {"metadata": {"annotations": {"tradingbot.dev/resume": "maker-1-1"}}}
    world.client.merge(API, "TradingBot", world.namespace, "maker", resumed)
    eventually(lambda: of_bot("tradingbot_halted") == 0)
    world.delete()
    world.gone()
    eventually(lambda: all(of_bot(family.name) == 0 for family in metrics.OF_BOTS), what="nothing of it is shown")


def _is(read: Callable[[], float], value: float) -> bool:
    return read() == value


def test_the_work_that_was_done_is_counted(world: World) -> None:
    world.apply(VENUE, manifest())
    world.converged()
    metric = world.operator.metric

    done = metric("controller_runtime_reconcile_total", controller="tradingbot", result="success")
    assert done > 0
    assert metric("controller_runtime_reconcile_time_seconds_count", controller="tradingbot") >= done
    assert metric("workqueue_work_duration_seconds_count") >= done
    assert metric("workqueue_queue_duration_seconds_count") >= done
    assert metric("workqueue_adds_total") >= done
    assert metric("rest_client_requests_total", code="2xx", method="PATCH", kind="StatefulSet") > 0
    assert metric("tradingbot_operator_ready") == 1
    assert metric("process_resident_memory_bytes") > 0
