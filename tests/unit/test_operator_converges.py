"""Whatever the API server answers, whenever the operator dies, and however late the watches tell: it converges.

The real reconciler, store, queue and sweep, in an API server and a cluster in memory. At no moment do two processes
trade one market, and when the faults are over the cluster is as the specs ask, and a second look writes nothing.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from harness.bot_world import KEYED, KEYS, LIVE, manifest
from harness.examples import examples
from harness.fake_api import Fault
from harness.fake_desk import NAMESPACE, FakeDesk, placed

BOTS = ("maker", "other")
SYMBOLS = {"maker": ("AAAUSDT", "BBBUSDT", "CCCUSDT"), "other": ("CCCUSDT", "DDDUSDT")}  # one of them is wanted by both
NUMBER = st.integers(0, 30)


class Converging(RuleBasedStateMachine):
    """`spec` of each bot is what a person has written last."""

    @initialize(settled=st.booleans())
    def start(self, settled: bool) -> None:  # noqa: FBT001 - drawn
        self.desk = FakeDesk()
        for document in (KEYS, KEYED):
            self.desk.api.add(placed(document))
        for name in BOTS:
            self.write(name)
        if settled:
            self.desk.settle()

    def write(self, name: str, **changes: Any) -> None:  # noqa: ANN401 - fields of the spec
        wanted = placed(manifest(name, symbols=SYMBOLS[name], replicas=2, **LIVE))
        key = ("TradingBot", NAMESPACE, name)
        if key not in self.desk.api.objects:
            self.desk.api.add(wanted)
        else:
            spec = self.desk.api.objects[key]["spec"] | changes
            self.desk.api.change(key, spec=spec)

    # -- people --------------------------------------------------------------------------------------------------

    @rule(name=st.sampled_from(BOTS), replicas=st.integers(0, 3))
    def scale(self, name: str, replicas: int) -> None:
        self.write(name, replicas=replicas)

    @rule(name=st.sampled_from(BOTS), spread=st.integers(5, 9))
    def respread(self, name: str, spread: int) -> None:
        self.write(name, strategy={"marketMaking": {"spreadBps": str(spread), "sizes": ["0.001"]}})

    @rule(name=st.sampled_from(BOTS), image=st.sampled_from(["runtime:2", "runtime:3"]))
    def upgrade(self, name: str, image: str) -> None:
        self.write(name, pod={"image": image})

    @rule(name=st.sampled_from(BOTS), state=st.sampled_from(["Running", "Stopped"]))
    def stop(self, name: str, state: str) -> None:
        self.write(name, desiredState=state)

    # -- the cluster ---------------------------------------------------------------------------------------------

    @rule(steps=st.integers(1, 5))
    def control(self, steps: int) -> None:
        for _ in range(steps):
            self.desk.control()
            self.desk.start_pods()
            self.desk.take_leases()

    @rule(number=NUMBER)
    def evict(self, number: int) -> None:
        if pods := self.desk.of_kind("Pod"):
            self.desk.api.remove(("Pod", NAMESPACE, pods[number % len(pods)]["metadata"]["name"]))

    @rule(number=NUMBER)
    def crash_a_container(self, number: int) -> None:
        if running := list(self.desk.running.values()):
            self.desk.crash(running[number % len(running)])

    @rule(number=NUMBER, connected=st.booleans())
    def stream(self, number: int, connected: bool) -> None:  # noqa: FBT001 - drawn
        if running := list(self.desk.running.values()):
            self.desk.connect(running[number % len(running)], connected=connected)

    @rule(rounds=st.integers(1, 12))
    def usual(self, rounds: int) -> None:
        """Some time in which nothing special happens."""
        for _ in range(rounds):
            self.desk.live()

    # -- the operator and what it meets --------------------------------------------------------------------------

    @rule(steps=st.integers(1, 8), faults=st.dictionaries(st.integers(1, 12), st.sampled_from(Fault), max_size=2))
    def work(self, steps: int, faults: dict[int, Fault]) -> None:
        self.desk.api.faults = {self.desk.api.requests + after: fault for after, fault in faults.items()}
        for _ in range(steps):
            self.desk.work()
        self.desk.api.faults.clear()

    @rule(kinds=st.frozensets(st.sampled_from(["StatefulSet", "ConfigMap", "Lease", "Role"]), max_size=2))
    def deny(self, kinds: frozenset[str]) -> None:
        """A quota or a policy, until it is another one."""
        self.desk.api.denied = kinds

    @rule(numbers=st.lists(NUMBER, min_size=1, max_size=6), twice=st.booleans())
    def hear(self, numbers: list[int], twice: bool) -> None:  # noqa: FBT001 - drawn
        for number in numbers:
            self.desk.hear(number, twice=twice)

    @rule(number=NUMBER)
    def lose(self, number: int) -> None:
        self.desk.lose(number)

    @rule()
    def sweep(self) -> None:
        self.desk.sweep()

    @rule()
    def operator_dies(self) -> None:
        self.desk.start_operator()

    @rule(seconds=st.integers(1, 70))
    def time(self, seconds: int) -> None:
        self.desk.time_s += seconds

    @invariant()
    def no_market_has_two_traders(self) -> None:
        if not hasattr(self, "desk"):
            return
        traders = list(self.desk.traders())
        instruments = [instrument for instrument, _ in traders]
        assert len(instruments) == len(set(instruments)), traders

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        self.desk.settle()
        for name in BOTS:
            self._is_as_its_spec_asks(name)
        before = list(self.desk.api.writes)
        self.desk.sweep()
        while self.desk.work():
            pass
        assert self.desk.api.writes == before, "a second look writes nothing"

    def _is_as_its_spec_asks(self, name: str) -> None:
        found = self.desk.api.objects[("TradingBot", NAMESPACE, name)]
        conditions = {c["type"]: (c["status"], c["reason"], c["message"]) for c in found["status"]["conditions"]}
        if conditions["SpecAccepted"][1] == "MarketTaken":
            return  # by the other one, which was there first
        assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
        assert conditions["Ready"][0] == "True", conditions
        pods = [pod for pod in self.desk.of_kind("Pod") if pod["metadata"]["name"].rpartition("-")[0] == name]
        assert len(pods) == found["spec"]["replicas"]
        wants = {market["execution"]["symbol"] for market in found["spec"]["markets"]}
        trades = {symbol for (_, symbol), slot in self.desk.traders() if slot.rpartition("-")[0] == name}
        assert trades == (wants if found["spec"]["replicas"] else set())


TestConverging = Converging.TestCase
TestConverging.settings = settings(max_examples=examples(60), stateful_step_count=30, deadline=None)
