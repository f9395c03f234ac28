"""A bug that one bot brings out: it is that bot's trouble, it is told, and its halts and all the others go on."""

import asyncio
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from harness.bot_world import API, KEYED, KEYS, LIVE, manifest
from harness.fake_desk import NAMESPACE, FakeDesk, placed
from harness.operator_telemetry import telemetry
from tradingbot_operator.app import Leading, _work
from tradingbot_operator.canary import KIND as CANARY
from tradingbot_operator.contained import Broken
from tradingbot_operator.core.broken import GOES_ON_AFTER
from tradingbot_operator.core.observed import Trouble
from tradingbot_operator.queue import Priority
from tradingbot_operator.telemetry import ERROR, SUCCESS

HALT = {"apiVersion": API, "kind": "TradingHalt", "metadata": {"name": "stop", "uid": "0123456789"},
        "spec": {"reason": "audit"}}  # fmt: skip
SECRET = "nobody may read this"  # noqa: S105 - in an error's words


class Desk:
    """Two bots that trade, and a worker that meets a bug with the first one."""

    def __init__(self) -> None:
        self.desk = FakeDesk()
        for document in (KEYS, KEYED, manifest("maker", **LIVE), manifest("other", symbols=("ETHUSDT",), **LIVE)):
            self.desk.api.add(placed(document))
        self.desk.settle()
        shown = telemetry(0.0)
        health = replace(shown.health, queue=self.desk.queue, clock=lambda: self.desk.time_s)
        self.parts = Leading(self.desk.store, self.desk.recorder, health, shown.reconciliations, asyncio.Event())
        self.broken_uid = self.get("StatefulSet")["metadata"]["uid"]
        observer = replace(self.desk.reconciler.observer, refused_pods=self._bug)
        self.reconciler = replace(self.desk.reconciler, observer=observer)

    def _bug(self, stateful_set: str) -> Trouble | None:
        if stateful_set == self.broken_uid:
            raise RuntimeError(SECRET)
        return None

    def get(self, kind: str, name: str = "maker") -> dict[str, Any]:
        return dict(self.desk.api.objects[kind, NAMESPACE, name])

    def condition(self, kind: str, name: str = "maker") -> tuple[str, str, str]:
        found = next(c for c in self.get("TradingBot", name)["status"]["conditions"] if c["type"] == kind)
        return found["status"], found["reason"], found["message"]

    def result(self, result: str) -> int:
        return self.parts.tally.results["tradingbot", result]

    def work(self, met: Callable[[], bool]) -> None:
        """A worker as the leader has them, until the condition is met."""

        async def run() -> None:
            self.desk.queue._wake = asyncio.Event()  # noqa: SLF001 - of this loop
            worker = asyncio.create_task(_work(self.parts, self.reconciler, Broken(self.reconciler)))
            async with asyncio.timeout(10):
                while not met() and not worker.done():  # noqa: ASYNC110 - the worker has its turn
                    await asyncio.sleep(0)
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
            if worker.done() and not worker.cancelled() and (error := worker.exception()):
                raise error

        asyncio.run(run())

    def look(self, name: str = "maker") -> None:
        """One more reconciliation of it."""
        before = sum(self.parts.tally.results.values())
        self.desk.queue.add(("TradingBot", NAMESPACE, name), Priority.CHILD)
        self.work(lambda: sum(self.parts.tally.results.values()) > before and not self.desk.queue.machine.unfinished())


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def desk(logged: list[MutableMapping[str, Any]]) -> Desk:
    assert logged == []
    return Desk()


def test_it_is_counted_told_without_a_word_of_the_object_and_tried_again(
    desk: Desk, logged: list[MutableMapping[str, Any]]
) -> None:
    desk.look()

    (broke,) = [line for line in logged if line["event"] == "ReconcileBroke"]
    assert (broke["object"], broke["bot"], broke["exc_info"]) == ("TradingBot/maker", "maker", True)

    status, reason, message = desk.condition("Ready")
    assert (status, reason, desk.result(ERROR)) == ("False", "OperatorError", 1)
    assert "RuntimeError at " in message
    assert SECRET not in str(desk.get("TradingBot"))
    assert desk.condition("Stalled")[0] == "False"
    assert desk.condition("Available")[0] == "True", "what was known before stays"
    assert desk.desk.queue.machine.next_due() is not None
    assert any(event["reason"] == "OperatorError" for event in desk.desk.recorder._waiting)  # noqa: SLF001 - unposted


def test_halts_reach_it_and_everybody_else_is_reconciled(desk: Desk) -> None:
    desk.desk.api.add(placed(HALT))
    desk.desk.intake.take("TradingHalt", "ADDED", desk.get("TradingHalt", "stop"))

    desk.work(lambda: all(process.volume.held for process in desk.desk.running.values()))
    desk.look()
    desk.look("other")

    assert len(desk.desk.running) == 2
    assert desk.condition("Halted")[:2] == ("True", "GlobalHalt")
    assert desk.condition("Halted", "other")[:2] == ("True", "GlobalHalt")
    assert [halt["id"] for halt in desk.get("TradingBot")["status"]["halts"]] == [
        f"stop-{desk.get('TradingHalt', 'stop')['metadata']['uid'][:8]}-0"]  # fmt: skip
    assert desk.result(SUCCESS) >= 1


def test_one_that_goes_on_stalls_the_bot_and_one_that_is_over_leaves_no_trace(desk: Desk) -> None:
    for _ in range(GOES_ON_AFTER):
        desk.look()
    assert desk.condition("Stalled")[:2] == ("True", "OperatorError")

    desk.broken_uid = ""
    desk.look()
    desk.look()

    assert desk.condition("Ready")[:2] == ("True", "Trading")
    assert desk.condition("Stalled")[:2] == ("False", "Converged")
    assert desk.desk.queue.machine.failures(("TradingBot", NAMESPACE, "maker")) == 0


def test_a_bug_in_what_is_told_of_it_ends_nobody_either(desk: Desk) -> None:
    def unreadable(_: str) -> Any:  # noqa: ANN401 - never
        raise RuntimeError(SECRET)

    desk.reconciler = replace(desk.reconciler, observer=replace(desk.reconciler.observer, stream=unreadable))

    desk.look()

    assert desk.result(ERROR) == 1
    assert desk.condition("Ready")[:2] == ("True", "Trading"), "nobody could say otherwise"


def test_a_bug_of_the_operator_itself_ends_its_process(desk: Desk) -> None:
    canary = replace(desk.parts.health.canary)
    canary.came_back = Falling()
    desk.parts = replace(desk.parts, health=replace(desk.parts.health, canary=canary))
    desk.desk.queue.add((CANARY, NAMESPACE, "canary"), Priority.CHILD)

    with pytest.raises(RuntimeError, match="the whole"):
        desk.work(lambda: False)


class Falling(dict[str, float]):
    """What the canary remembers cannot be written any more."""

    def __setitem__(self, *_: object) -> None:
        raise RuntimeError("the whole")


def test_an_operator_that_does_nothing_but_fail_is_restarted_and_one_that_fails_with_one_bot_is_not(desk: Desk) -> None:
    desk.look()
    health = desk.parts.health
    most_s = health.resync_s + 2 * health.stuck_after_s
    desk.desk.time_s += most_s + 1
    later = telemetry(desk.desk.time_s, listed=desk.desk.time_s).health

    assert (
        replace(later, bugs=health.bugs).unhealthy() == f"reconciliations do nothing but fail, for {most_s + 1:.0f} s"
    )
    desk.look("other")
    assert replace(later, bugs=health.bugs).unhealthy() == ""


def test_a_sweep_that_cannot_read_one_bots_claims_reads_the_others(desk: Desk) -> None:
    """No API server has such a ConfigMap: what one does have is read, whatever is in it."""
    desk.desk.api.change(("ConfigMap", NAMESPACE, "maker-slots"), data=["no mapping"])
    desk.desk.store.claims.clear()

    asyncio.run(desk.desk.resync.sweep())

    assert list(desk.desk.store.claims) == [(NAMESPACE, "other")]
