"""A bot that is scaled, or edited, while a halt is in force: whose markets move, who waits, and what is said of it."""

from dataclasses import replace

import msgspec
import pytest

from harness.bot_model import Cluster, bot, spec
from tradingbot_operator.api.v1alpha1 import HaltStatus, Phase
from tradingbot_operator.api.v1alpha1.tradingbot import MAX_HALTS
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.halted_markets import inherited
from tradingbot_operator.core.halts import Halts
from tradingbot_operator.core.observed import StopOrder
from tradingbot_runtime.config import DesiredState
from tradingbot_runtime.model.events import TradingState

SYMBOLS = ("ADAUSDT", "BTCUSDT", "ETHUSDT")  # of two slots, slot 0 has the first one; of three, slot 2 has all but eth
ALL = StopOrder("all", "0123456789", "audit", flatten=False, until_deleted=False, selected=True)


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster(bot(spec(SYMBOLS, replicas=2)))
    made.settle()
    assert dealt(made) == {0: {"adausdt"}, 1: {"btcusdt", "ethusdt"}}
    return made


def dealt(cluster: Cluster) -> dict[int, set[str]]:
    """By what the processes have, of those that there are."""
    reports = {n: pod.stream.report for n, pod in sorted(cluster.pods.items())}
    return {n: {market.market for market in report.markets} for n, report in reports.items() if report}


def states(cluster: Cluster) -> dict[int, str]:
    return {n: pod.stream.report.state for n, pod in sorted(cluster.pods.items()) if pod.stream.report}


def edit(cluster: Cluster, **changes: object) -> None:
    assert cluster.bot.spec
    cluster.respecify(cluster.bot.spec.model_copy(update=changes))


def resume(cluster: Cluster, *ids: str) -> None:
    metadata = cluster.bot.metadata.model_copy(update={"annotations": {names.RESUME: ",".join(ids)}})
    cluster.bot = replace(cluster.bot, metadata=metadata)
    cluster.settle()


def condition(cluster: Cluster, kind: str) -> tuple[str, str]:
    found = next(c for c in cluster.bot.status.conditions if c.type == kind)
    return found.status, found.reason


def waits(cluster: Cluster) -> tuple[str, str]:
    pending = cluster.bot.status.pending_change
    return (pending.reason, pending.message) if pending else ("", "")


def test_more_slots_get_nothing_of_those_that_are_halted(cluster: Cluster) -> None:
    """By a TradingHalt that is gone, and that nobody has resumed."""
    cluster.observed = replace(cluster.observed, stop_orders=(ALL,))
    cluster.settle()
    cluster.observed = replace(cluster.observed, stop_orders=())
    cluster.settle()
    edit(cluster, replicas=3)
    cluster.settle()

    assert dealt(cluster) == {0: {"adausdt"}, 1: {"btcusdt", "ethusdt"}, 2: set()}
    assert (states(cluster)[0], states(cluster)[1]) == (TradingState.HALTED, TradingState.HALTED)
    reason, message = waits(cluster)
    assert reason == Reason.HALTED
    assert message.split("; ") == [
        f"slot {slot} is halted (id all-01234567-{slot}): its markets stay with it until it is resumed"
        for slot in (0, 1)
    ]

    resume(cluster, "all-01234567-0", "all-01234567-1")
    assert dealt(cluster) == {0: set(), 1: {"ethusdt"}, 2: {"adausdt", "btcusdt"}}
    assert waits(cluster) == ("", "")
    assert condition(cluster, "Halted") == ("False", Reason.NOT_HALTED)


def test_a_slot_that_is_halted_does_not_go(cluster: Cluster) -> None:
    cluster.breach(1, "b", reason="ManualHalt")
    cluster.settle()
    edit(cluster, replicas=1)
    cluster.settle()

    assert dealt(cluster) == {0: {"adausdt"}, 1: {"btcusdt", "ethusdt"}}
    assert states(cluster) == {0: TradingState.ACTIVE, 1: TradingState.HALTED}
    assert (condition(cluster, "Halted"), condition(cluster, "Ready")) == (("True", "ManualHalt"), ("False", "Halted"))
    assert waits(cluster)[1] == "slot 1 is halted (id b): its markets stay with it until it is resumed"

    resume(cluster, "b")
    assert dealt(cluster) == {0: {"adausdt", "btcusdt", "ethusdt"}}
    assert states(cluster) == {0: TradingState.ACTIVE}


def test_a_slot_whose_lease_was_deleted_does_not_go(cluster: Cluster) -> None:
    pod = cluster.pods[1]
    assert pod.stream.report
    report = msgspec.structs.replace(pod.stream.report, state=TradingState.FENCED, reason="LeaseNotHeld")
    cluster.pods[1] = replace(pod, stream=replace(pod.stream, report=report))
    cluster.observed = replace(cluster.observed, leases={1: None})
    cluster.step()
    edit(cluster, replicas=1)
    cluster.settle()

    assert cluster.children["StatefulSet", "maker"]["spec"]["replicas"] == 2
    assert dealt(cluster)[0] == {"adausdt"}
    assert "its markets stay with it" in waits(cluster)[1]


def test_what_is_below_a_halted_slot_stays_and_idles() -> None:
    cluster = Cluster(bot(spec(SYMBOLS, replicas=3)))
    cluster.settle()
    cluster.breach(2, "b")
    cluster.settle()
    edit(cluster, replicas=1)
    cluster.settle()

    assert dealt(cluster) == {0: {"ethusdt"}, 1: set(), 2: {"adausdt", "btcusdt"}}
    assert states(cluster)[2] is TradingState.HALTED


def test_a_slot_that_is_halted_takes_nothing(cluster: Cluster) -> None:
    cluster.breach(0, "a")
    cluster.settle()
    edit(cluster, replicas=1)
    cluster.settle()

    assert dealt(cluster) == {0: {"adausdt"}, 1: {"btcusdt", "ethusdt"}}
    assert states(cluster)[1] is TradingState.ACTIVE
    assert waits(cluster)[1] == "slot 0 is halted (id a): it takes no other market until it is resumed"
    edit(cluster, markets=spec((*SYMBOLS, "AAAUSDT", "CCCUSDT", "DDDUSDT")).markets, replicas=2)
    cluster.settle()
    assert dealt(cluster)[0] == {"adausdt"}, "what is new goes to those that are not halted"


@pytest.mark.parametrize("change", [{"replicas": 0}, {"replicas": 1, "desired_state": DesiredState.STOPPED}])
def test_a_bot_that_is_to_trade_nothing_waits_for_nobody(cluster: Cluster, change: dict[str, object]) -> None:
    """Its halts hold all the same, and lie on whoever gets the markets."""
    cluster.breach(1, "b")
    cluster.settle()
    edit(cluster, **change)
    cluster.settle()
    assert 1 not in cluster.pods
    assert (condition(cluster, "Halted"), cluster.bot.status.phase) == (("True", "RiskBreachMaxLoss"), Phase.HALTED)

    edit(cluster, replicas=1, desired_state=DesiredState.RUNNING)
    cluster.settle()
    assert states(cluster) == {0: TradingState.HALTED}
    assert dealt(cluster) == {0: {"adausdt", "btcusdt", "ethusdt"}}
    assert [(halt.id, halt.slot, halt.value) for halt in cluster.bot.status.halts] == [
        ("b", 0, "120 USDT"), ("b", 1, "120 USDT")]  # fmt: skip

    resume(cluster, "b")
    assert states(cluster) == {0: TradingState.ACTIVE}
    assert cluster.bot.status.halts == ()


def test_a_bot_that_comes_back_as_it_went_is_halted_where_it_was(cluster: Cluster) -> None:
    cluster.breach(1, "b")
    cluster.settle()
    for replicas in (0, 2):
        edit(cluster, replicas=replicas)
        cluster.settle()

    assert states(cluster) == {0: TradingState.ACTIVE, 1: TradingState.HALTED}
    assert dealt(cluster) == {0: {"adausdt"}, 1: {"btcusdt", "ethusdt"}}


def test_what_is_resumed_while_no_slot_runs_trades_when_the_bot_is_back(cluster: Cluster) -> None:
    cluster.breach(1, "b")
    cluster.settle()
    edit(cluster, replicas=0)
    cluster.settle()
    resume(cluster, "b")
    edit(cluster, replicas=1)
    cluster.settle()

    assert states(cluster) == {0: TradingState.ACTIVE}
    assert cluster.bot.status.halts == ()


def test_a_market_on_its_way_goes_back_to_the_slot_that_halts_meanwhile(cluster: Cluster) -> None:
    edit(cluster, replicas=3)
    cluster.step()
    assert cluster.config(0).markets == []
    cluster.breach(0, "a")
    cluster.settle()

    assert dealt(cluster)[0] == {"adausdt"}
    assert states(cluster)[0] is TradingState.HALTED


def test_nobody_trades_what_a_slot_had_that_halts_when_it_is_drained_already(cluster: Cluster) -> None:
    edit(cluster, replicas=1)
    cluster.step()
    assert states(cluster)[1] is TradingState.DRAINED
    cluster.breach(1, "b")
    cluster.settle()

    assert cluster.traded() == {0: {"adausdt"}, 1: set()}
    resume(cluster, "b")
    assert cluster.traded() == {0: {"adausdt", "btcusdt", "ethusdt"}}


def test_a_market_that_was_taken_out_and_comes_back_is_still_halted(cluster: Cluster) -> None:
    cluster.breach(1, "b")
    cluster.settle()
    for symbols in (("ADAUSDT",), SYMBOLS):
        edit(cluster, markets=spec(symbols).markets)
        cluster.settle()

    assert states(cluster) == {0: TradingState.ACTIVE, 1: TradingState.HALTED}
    assert dealt(cluster) == {0: {"adausdt"}, 1: {"btcusdt", "ethusdt"}}


@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_without_the_configmap_the_status_says_what_a_halt_holds(cluster: Cluster, replicas: int) -> None:
    """Somebody has deleted it: the market of a halted slot is no new one, to go to whoever is not halted."""
    cluster.breach(1, "b")
    cluster.settle()
    del cluster.children["ConfigMap", "maker-slots"]
    edit(cluster, replicas=replicas)
    cluster.settle()
    assert not {"btcusdt", "ethusdt"} & {market for markets in cluster.traded().values() for market in markets}


def test_without_the_configmap_a_halt_of_a_slot_that_is_gone_holds_all(cluster: Cluster) -> None:
    cluster.breach(1, "b")
    cluster.settle()
    edit(cluster, replicas=0)
    cluster.settle()
    del cluster.children["ConfigMap", "maker-slots"]
    edit(cluster, replicas=1)
    cluster.settle()
    assert states(cluster) == {0: TradingState.HALTED}


def test_of_more_halts_than_a_status_takes_every_slot_keeps_one() -> None:
    """One that is cut off would not be in the slot's configuration."""
    many = [HaltStatus(id=f"h{n}", slot=0, reason="ManualHalt", at="2026-01-02T00:00:00Z") for n in range(MAX_HALTS)]
    last = HaltStatus(id="last", slot=1, reason="ManualHalt", at="2026-01-03T00:00:00Z")

    kept = Halts(tuple(many)).sorted_with([last])
    assert (len(kept), kept[-1]) == (MAX_HALTS, last)


def test_a_halt_whose_id_the_next_slot_has_released_before_comes_by_another_one() -> None:
    """Its runtime would not latch the same again."""
    halt = HaltStatus(id="b", slot=1, reason="ManualHalt", at="2026-01-02T00:00:00Z")
    cluster = Cluster(bot(spec(SYMBOLS)))
    cluster.settle()
    pod = cluster.pods[0]
    assert pod.stream.report
    report = msgspec.structs.replace(pod.stream.report, resumed=("b",))
    pods = [replace(pod, stream=replace(pod.stream, report=report))]
    markets = {"venue/ADAUSDT": frozenset({1})}

    found = inherited(Halts((halt,)), markets, {0: cluster.config(0)}, pods)
    assert [(one.slot, one.id) for one in found.in_force] == [(0, "b.2"), (1, "b")]
    assert inherited(found, markets, {0: cluster.config(0)}, pods) == found
