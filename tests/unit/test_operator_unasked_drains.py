"""A slot is taken away because it was asked to drain, and never because it says that it has."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from harness.bot_model import Cluster, bot, spec
from tradingbot_operator.core.accounts import DRAINING
from tradingbot_operator.core.outcome import DrainSlot
from tradingbot_operator.core.slots import DRAIN_FOR_SCALING
from tradingbot_runtime.model.events import TradingState

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT", "EEEUSDT", "FFFUSDT")


def settled() -> Cluster:
    cluster = Cluster(bot(spec(SYMBOLS, replicas=3)))
    cluster.settle()
    assert all(cluster.config(n).markets for n in range(3))
    return cluster


def say(cluster: Cluster, n: int, **changes: Any) -> None:  # noqa: ANN401 - fields of the report
    pod = cluster.pods[n]
    assert pod.stream.report
    told = msgspec.structs.replace(pod.stream.report, **changes)
    cluster.pods[n] = replace(pod, stream=replace(pod.stream, report=told))


@pytest.mark.parametrize(("reason", "message"), [("Ending", "SIGTERM"), (DRAINING, DRAIN_FOR_SCALING), ("", "")])
@pytest.mark.parametrize("slot", [0, 2])
def test_what_a_slot_says_unasked_drains_nobody(slot: int, reason: str, message: str) -> None:
    cluster = settled()
    uids = {n: pod.uid for n, pod in cluster.pods.items()}
    say(cluster, slot, state=TradingState.DRAINED, reason=reason, message=message, ready=False)

    for _ in range(5):
        outcome = cluster.decide()
        assert not any(
            isinstance(command, DrainSlot) and command.pod != f"maker-{slot}" for command in outcome.commands
        )
        cluster.carry_out(outcome)

    assert cluster.children["StatefulSet", "maker"]["spec"]["replicas"] == 3
    assert {n: uid for n, uid in uids.items() if n != slot} == {
        n: pod.uid for n, pod in cluster.pods.items() if n != slot}  # fmt: skip
    ready = next(c for c in cluster.bot.status.conditions if c.type == "Ready")
    assert ready.reason != "StoppedAsRequested"


def test_the_next_leader_knows_who_was_asked_by_what_was_written() -> None:
    cluster = settled()
    cluster.respecify(spec(SYMBOLS, replicas=2))
    while not any(isinstance(command, DrainSlot) for command in cluster.step().commands):
        pass
    pod = cluster.pods[2]
    cluster.pods[2] = replace(pod, stream=replace(pod.stream, draining_for_s=None, drain_reason=""))
    cluster.respecify(spec(SYMBOLS, replicas=3))

    outcome = cluster.decide()

    assert cluster.config(2).markets == []
    assert DrainSlot("maker-2", DRAIN_FOR_SCALING) in outcome.commands
    assert all(command.pod == "maker-2" for command in outcome.commands if isinstance(command, DrainSlot))
