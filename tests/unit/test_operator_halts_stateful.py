"""No halt is lost and none is released that nobody named, whatever happens to pods, volumes, streams and the status."""

from collections.abc import Collection
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from harness.bot_model import Cluster, bot, spec
from harness.examples import examples
from harness.slot_volume import Volume
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import StopOrder

SLOTS = 2
SLOT = st.integers(0, SLOTS - 1)


class Halting(RuleBasedStateMachine):
    """`held`: what must hold, by slot; `named`: what a person has released. The operator knows neither."""

    ids = Bundle("ids")
    orders = Bundle("orders")

    @initialize()
    def start(self) -> None:
        self.cluster = Cluster(bot(spec(("AAAUSDT", "BBBUSDT"), replicas=SLOTS)))
        self.cluster.settle()
        self.held: dict[int, set[str]] = {slot: set() for slot in range(SLOTS)}
        self.released: set[str] = set()
        self.count = 0
        self.text, self.refused = "", set[str]()

    @rule(target=ids, slot=SLOT)
    def breach(self, slot: int) -> str:
        self.count += 1
        halt_id = f"maker-{slot}-{self.count}"
        if slot in self.cluster.pods and self.cluster.pods[slot].stream.connected:
            self.cluster.breach(slot, halt_id)
            self.held[slot].add(halt_id)
            self.cluster.step()  # it was heard: what was not, a lost volume may take along
        return halt_id

    @rule(some=st.lists(ids, max_size=3))
    def resume(self, some: list[str]) -> None:
        """The annotation is replaced; what it names is released once the operator has seen it."""
        self._resume(some, refused=())

    @rule(some=st.lists(ids, max_size=2), order=orders)
    def resume_what_stands(self, some: list[str], order: StopOrder) -> None:
        """It is refused, and stays so when the TradingHalt goes; the rest of the annotation counts."""
        laid = [f"{order.name}-{order.uid}-{slot}" for slot in range(SLOTS)]
        self._resume([*some, *laid], refused=laid)

    def _resume(self, some: list[str], refused: Collection[str]) -> None:
        text = ",".join(some)
        self.refused = {*refused, *(self.refused if text == self.text else ())}
        self.text = text
        self._annotate(text)
        consented = set(some) - self.refused
        self.released |= consented
        for held in self.held.values():
            held.difference_update(consented)
        self.cluster.step()

    @rule(target=orders, until_deleted=st.booleans())
    def lay(self, until_deleted: bool) -> StopOrder:  # noqa: FBT001 - drawn
        self.count += 1
        order = StopOrder(f"stop{self.count}", f"{self.count:08d}", "audit", flatten=False, until_deleted=until_deleted,
                          selected=True)  # fmt: skip
        self._order(*self.cluster.observed.stop_orders, order)
        for slot, held in self.held.items():
            held.add(f"{order.name}-{order.uid}-{slot}")
        self.cluster.step()
        return order

    @rule(target=ids, order=consumes(orders))
    def delete(self, order: StopOrder) -> object:
        laid = [f"{order.name}-{order.uid}-{slot}" for slot in range(SLOTS)]
        self._order(*(o for o in self.cluster.observed.stop_orders if o != order))
        if order.until_deleted:
            for slot, halt_id in enumerate(laid):
                self.held[slot].discard(halt_id)
                self.released.add(halt_id)
        self.cluster.step()
        return multiple(*laid)

    @rule(slot=SLOT, keeps_its_volume=st.booleans())
    def new_pod(self, slot: int, keeps_its_volume: bool) -> None:  # noqa: FBT001 - drawn
        self.cluster.pods.pop(slot, None)
        if not keeps_its_volume:
            self.cluster.volumes[slot] = Volume()

    @rule(slot=SLOT, connected=st.booleans())
    def stream(self, slot: int, connected: bool) -> None:  # noqa: FBT001 - drawn
        if slot in self.cluster.pods:
            pod = self.cluster.pods[slot]
            fresh = replace(pod.stream, connected=connected, halts_ordered=frozenset(), resumes_ordered=frozenset())
            self.cluster.pods[slot] = replace(pod, stream=fresh)

    @rule()
    def lose_the_halts_of_the_status(self) -> None:
        self.cluster.bot = replace(self.cluster.bot, status=self.cluster.bot.status.model_copy(update={"halts": ()}))
        self.cluster.step()  # else a TradingHalt that is deleted at this very moment leaves its halts to a person

    @rule()
    def step(self) -> None:
        self.cluster.step()

    @invariant()
    def nothing_is_released_that_nobody_named(self) -> None:
        for slot, volume in self.cluster.volumes.items():
            assert set(volume.released) <= self.released, slot

    @rule()
    def settle(self) -> None:
        for slot in tuple(self.cluster.pods):
            self.stream(slot, connected=True)
        self.cluster.settle()
        for slot, held in self.held.items():
            assert set(self.cluster.volumes[slot].held) == held, f"the runtime of slot {slot}"
            assert {halt.id for halt in self.cluster.bot.status.halts if halt.slot == slot} == held, "the status"
            assert {latch.id for latch in self.cluster.config(slot).halts} == held, "the configuration"

    def teardown(self) -> None:
        self.settle()

    def _annotate(self, text: str) -> None:
        metadata = self.cluster.bot.metadata.model_copy(update={"annotations": {names.RESUME: text}})
        self.cluster.bot = replace(self.cluster.bot, metadata=metadata)

    def _order(self, *orders: StopOrder) -> None:
        self.cluster.observed = replace(self.cluster.observed, stop_orders=orders)


TestHalting = Halting.TestCase
TestHalting.settings = settings(max_examples=examples(60), stateful_step_count=30, deadline=None)
