"""A halt holds until a person resumes it: no scaling, no edit and no other leader lets a market trade that it holds."""

from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from harness.bot_model import KEYED, Cluster, bot, spec
from harness.examples import examples
from harness.live_risk import LIVE_RISK
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import StopOrder
from tradingbot_operator.core.outcome import Outcome
from tradingbot_operator.core.record import configured, record
from tradingbot_runtime.config import DesiredState

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT", "EEEUSDT")
LIVE: dict[str, Any] = {"mode": "Live", "risk": LIVE_RISK}
SLOT = st.integers(0, 3)


class HaltedMarkets(RuleBasedStateMachine):
    """`covers`: by market, the halts that hold it; `resumed`: what a person has named. The operator knows neither."""

    ids = Bundle("ids")
    orders = Bundle("orders")

    @initialize(replicas=st.integers(1, 3))
    def begin(self, replicas: int) -> None:
        self.covers: dict[str, set[str]] = {symbol.lower(): set() for symbol in SYMBOLS}
        self.source: dict[str, int] = {}
        self.resumed: set[str] = set()
        self.count = 0
        self.cluster = Cluster(bot(spec(SYMBOLS, replicas=replicas, **LIVE)), venues={"venue": KEYED})
        self.cluster.settle()

    @rule(replicas=st.integers(0, 4))
    def scale(self, replicas: int) -> None:
        self._edit(replicas=replicas)

    @rule(stops=st.booleans())
    def stop(self, stops: bool) -> None:  # noqa: FBT001 - drawn
        self._edit(desired_state=DesiredState.STOPPED if stops else DesiredState.RUNNING)

    @rule(symbols=st.sets(st.sampled_from(SYMBOLS), min_size=1))
    def choose_markets(self, symbols: set[str]) -> None:
        self._edit(markets=spec(tuple(sorted(symbols))).markets)

    @rule(target=ids, slot=SLOT, path=st.lists(st.integers(0, 4), min_size=1, max_size=3))
    def breach_and_scale(self, slot: int, path: list[int]) -> object:
        """To each size until nothing moves any more, while everybody is heard."""
        found = self._breach(slot)
        for replicas in path:
            self._edit(replicas=replicas)
            for other in self.cluster.pods:
                self.cut(other, connected=True)
            self.reconcile(12)
        return found

    @rule(target=ids, slot=SLOT)
    def breach(self, slot: int) -> object:
        return self._breach(slot)

    def _breach(self, slot: int) -> object:
        pod = self.cluster.pods.get(slot)
        if pod is None or not pod.stream.connected:
            return multiple()
        self.count += 1
        halt_id = f"maker-{slot}-{self.count}"
        self._covered(slot, halt_id, self._has(slot))
        self.cluster.breach(slot, halt_id)
        self.cluster.step()  # it was heard
        return halt_id

    @rule(target=orders, until_deleted=st.booleans())
    def lay(self, until_deleted: bool) -> StopOrder:  # noqa: FBT001 - drawn
        self.count += 1
        order = StopOrder(f"stop{self.count}", f"{self.count:08d}", "audit", flatten=False, until_deleted=until_deleted,
                          selected=True)  # fmt: skip
        self._order(*self.cluster.observed.stop_orders, order)
        had = {slot: self._has(slot) for slot in range(4)}
        self.cluster.step()
        for halt in self.cluster.bot.status.halts:
            if halt.trading_halt == order.name:  # a slot that went with this step is none of these
                self._covered(halt.slot, halt.id, had[halt.slot] | self._has(halt.slot))
        return order

    @rule(target=ids, order=consumes(orders))
    def delete(self, order: StopOrder) -> object:
        laid = [f"{order.name}-{order.uid}-{slot}" for slot in range(4)]
        self._order(*(other for other in self.cluster.observed.stop_orders if other != order))
        if order.until_deleted:
            self.resumed |= set(laid)
        self.cluster.step()
        return multiple(*laid)

    @rule(some=st.lists(ids, max_size=3))
    def resume(self, some: list[str]) -> None:
        self._annotate(some)
        self.cluster.step()

    @rule(steps=st.integers(1, 6))
    def reconcile(self, steps: int) -> None:
        for _ in range(steps):
            self.cluster.step()
            self.no_market_is_given_without_the_halts_that_hold_it()

    @rule(writes=st.integers(0, 8))
    def die_while_writing(self, writes: int) -> None:
        """Another leader goes on from what was written, and has told no slot anything."""
        outcome = self.cluster.decide()
        self.cluster.carry_out(Outcome(self.cluster.bot.status, apply=outcome.apply[:writes]))
        for slot, pod in self.cluster.pods.items():
            stream = replace(pod.stream, halts_ordered=frozenset(), resumes_ordered=frozenset(), sent_hash="")
            self.cluster.pods[slot] = replace(pod, stream=stream)

    @rule(slot=SLOT)
    def kill(self, slot: int) -> None:
        self.cluster.pods.pop(slot, None)

    @rule(slot=SLOT, connected=st.booleans())
    def cut(self, slot: int, connected: bool) -> None:  # noqa: FBT001 - drawn
        if (pod := self.cluster.pods.get(slot)) is not None:
            fresh = replace(pod.stream, connected=connected, halts_ordered=frozenset(), resumes_ordered=frozenset())
            self.cluster.pods[slot] = replace(pod, stream=fresh)

    @invariant()
    def no_market_is_given_without_the_halts_that_hold_it(self) -> None:
        if not hasattr(self, "cluster"):
            return
        for slot, config in configured(self._config_map()).items():
            latched = {latch.id for latch in config.halts}
            for market in config.markets:
                assert self.covers[market.name] - self.resumed <= latched, (slot, market.name)
        for slot, markets in self.cluster.traded().items():  # one that nobody hears has yet to be told of its own
            for name in markets:
                others = {halt_id for halt_id in self.covers[name] if self.source[halt_id] != slot}
                assert not others - self.resumed, (slot, name)

    def teardown(self) -> None:
        """A person resumes all that the status names; then it is as if nothing had been halted."""
        if not hasattr(self, "cluster"):
            return
        self._order()
        self._edit(replicas=2, desired_state=DesiredState.RUNNING, markets=spec(SYMBOLS).markets)
        for slot in self.cluster.pods:
            self.cut(slot, connected=True)
        self.cluster.settle(80)
        for _ in range(3):  # what a volume still knows is told when its slot is back
            self._annotate([halt.id for halt in self.cluster.bot.status.halts])
            self.cluster.settle(80)
        fresh = Cluster(bot(spec(SYMBOLS, replicas=2, **LIVE)), venues={"venue": KEYED})
        fresh.settle()
        assert self.cluster.bot.status.halts == ()
        assert self.cluster.traded() == fresh.traded()

    def _covered(self, slot: int, halt_id: str, markets: set[str]) -> None:
        self.source[halt_id] = slot
        for market in markets:
            self.covers[market].add(halt_id)

    def _has(self, slot: int) -> set[str]:
        """Markets of the slot, and what it has yet to let go of."""
        config = configured(self._config_map()).get(slot)
        releasing = record(self._config_map()).releasing
        return {market.name for market in (config.markets if config else ())} | {
            name.partition("/")[2].lower() for name, of in releasing.items() if of == slot}  # fmt: skip

    def _config_map(self) -> dict[str, Any]:
        return self.cluster.children["ConfigMap", "maker-slots"]

    def _edit(self, **changes: object) -> None:
        assert self.cluster.bot.spec
        self.cluster.respecify(self.cluster.bot.spec.model_copy(update=changes))

    def _annotate(self, ids: list[str]) -> None:
        self.resumed |= {name for name in ids if not self._stands(name)}
        metadata = self.cluster.bot.metadata.model_copy(update={"annotations": {names.RESUME: ",".join(ids)}})
        self.cluster.bot = replace(self.cluster.bot, metadata=metadata)

    def _stands(self, halt_id: str) -> bool:
        return any(halt_id.startswith(f"{order.name}-") for order in self.cluster.observed.stop_orders)

    def _order(self, *orders: StopOrder) -> None:
        self.cluster.observed = replace(self.cluster.observed, stop_orders=orders)


TestHaltedMarkets = HaltedMarkets.TestCase
TestHaltedMarkets.settings = settings(max_examples=examples(100), stateful_step_count=30, deadline=None)
