"""Markets on their way between slots: whatever dies in the middle, whoever trades one has its whole account."""

from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.bot_model import KEYED, Cluster, bot, spec
from harness.examples import examples
from harness.live_risk import LIVE_RISK
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.outcome import Outcome

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
LIVE: dict[str, Any] = {"mode": "Live", "risk": LIVE_RISK}
SLOT = st.integers(0, 3)


class HandOver(RuleBasedStateMachine):
    """`traded` is the truth: how often a market was traded, by whatever slot."""

    @initialize(replicas=st.integers(1, 3))
    def begin(self, replicas: int) -> None:
        self.traded = dict.fromkeys((symbol.lower() for symbol in SYMBOLS), 0)
        self.cluster = Cluster(bot(spec(SYMBOLS, replicas=replicas, **LIVE)), venues={"venue": KEYED})
        self.cluster.settle()
        self.trade()

    @rule(replicas=st.integers(0, 4))
    def scale(self, replicas: int) -> None:
        wanted = self.cluster.bot.spec
        assert wanted
        self.cluster.respecify(wanted.model_copy(update={"replicas": replicas}))

    @rule(symbols=st.sets(st.sampled_from(SYMBOLS), min_size=1))
    def choose_markets(self, symbols: set[str]) -> None:
        """One that is taken away, and comes back later, comes back with its account."""
        assert self.cluster.bot.spec
        replicas = self.cluster.bot.spec.replicas
        self.cluster.respecify(spec(tuple(sorted(symbols)), replicas=replicas, **LIVE))

    @rule(steps=st.integers(1, 6))
    def reconcile(self, steps: int) -> None:
        for _ in range(steps):
            self.cluster.step()

    @rule(writes=st.integers(0, 4))
    def die_while_writing(self, writes: int) -> None:
        """The operator, after so many objects."""
        outcome = self.cluster.decide()
        self.cluster.carry_out(Outcome(self.cluster.bot.status, apply=outcome.apply[:writes]))

    @rule(slot=SLOT)
    def kill(self, slot: int) -> None:
        """A pod is gone; its controller makes another one on the same volume when it moves next."""
        self.cluster.pods.pop(slot, None)

    @rule(slot=SLOT, connected=st.booleans())
    def cut(self, slot: int, connected: bool) -> None:  # noqa: FBT001 - drawn
        if (pod := self.cluster.pods.get(slot)) is not None:
            self.cluster.pods[slot] = replace(pod, stream=replace(pod.stream, connected=connected))

    @rule()
    def trade(self) -> None:
        for slot, markets in self.cluster.traded().items():
            for market in markets:
                volume = self.cluster.volumes[slot]
                assert volume.accounts[market] == self.traded[market], f"slot {slot} has not all of {market}"
                volume.trade(market)
                self.traded[market] += 1

    @precondition(lambda self: hasattr(self, "cluster"))
    @invariant()
    def no_market_has_two_slots(self) -> None:
        trading = [market for markets in self.cluster.traded().values() for market in markets]
        assert len(trading) == len(set(trading)), self.cluster.traded()

    def teardown(self) -> None:
        if not hasattr(self, "cluster"):
            return
        for slot in self.cluster.pods:
            self.cut(slot, connected=True)
        self.cluster.respecify(spec(SYMBOLS, replicas=2, **LIVE))
        self.cluster.settle(80)
        self.trade()
        assert {market for markets in self.cluster.traded().values() for market in markets} == set(self.traded)
        assert not any(volume.held for volume in self.cluster.volumes.values())


TestHandOver = HandOver.TestCase
TestHandOver.settings = settings(max_examples=examples(100), stateful_step_count=25, deadline=None)


def scaled_down(**seen: float) -> Cluster:
    """From two slots to one, and the pod that goes is not there; `seen` is what else is observed."""
    cluster = Cluster(bot(spec(SYMBOLS, replicas=2, **LIVE)), venues={"venue": KEYED})
    cluster.settle()
    cluster.respecify(spec(SYMBOLS, replicas=1, **LIVE))
    cluster.step()
    cluster.pods.pop(1)
    cluster.observed = replace(cluster.observed, **seen)  # type: ignore[arg-type]  # names of its numbers
    return cluster


def test_a_slot_that_goes_is_waited_for_until_it_has_said_what_became_of_its_markets() -> None:
    cluster = scaled_down()
    (config_map, *_) = [child for key, child in cluster.children.items() if key[0] == "ConfigMap"]

    assert cluster.decide().apply == () or "closed.json" not in config_map["data"]
    assert cluster.children["StatefulSet", "maker"]["spec"]["replicas"] == 2
    cluster.settle()
    assert cluster.children["StatefulSet", "maker"]["spec"]["replicas"] == 1
    assert not cluster.volumes[0].held


def test_one_that_never_comes_back_is_given_up_after_the_deadline_and_its_markets_halt_for_a_person() -> None:
    cluster = scaled_down(reconciling_for_s=601.0)
    told = [event for _ in range(12) for event in cluster.step().events if event.reason is Reason.HANDED_OVER]

    assert cluster.children["StatefulSet", "maker"]["spec"]["replicas"] == 1
    assert told
    assert all(event.warning and "slot 1 is gone" in event.message for event in told)
    assert {halt.reason for halt in cluster.volumes[0].held.values()} == {"JournalLost"}


def test_a_hand_over_is_told_with_what_is_handed_over() -> None:
    cluster = Cluster(bot(spec(SYMBOLS, replicas=1, **LIVE)), venues={"venue": KEYED})
    cluster.settle()
    cluster.respecify(spec(SYMBOLS, replicas=2, **LIVE))
    told = [event for _ in range(12) for event in cluster.step().events if event.reason is Reason.HANDED_OVER]

    assert told
    assert all(
        event.message.startswith("slot 1 takes market ") and event.message.endswith(": 0 trades") for event in told
    )
    assert not any(event.warning for event in told)
