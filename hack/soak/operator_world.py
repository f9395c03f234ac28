"""Two bots, three markets and one exchange on the local cluster, and what must be true of them whatever happens."""

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any

import faketime_image

from harness.kind_cluster import World, eventually, world
from tradingbot_operator.core.names import SELECTOR
from tradingbot_runtime.core.continuity import JOURNAL_LOST
from tradingbot_runtime.core.order_ids import OrderKey, decode
from tradingbot_runtime.simulator.exchange import HISTORY

Json = dict[str, Any]
BOTS = {"pair": ("BTCUSDT", "ETHUSDT"), "single": ("ADAUSDT",)}
SIMULATE = ("simulate", "--host", "0.0.0.0", "--port", "9000", "--volatility", "1", "--orders-per-10s", "100000",  # noqa: S104 - in a pod
            "--weight-per-minute", "1000000")  # fmt: skip
SLOTS_MOST = 3
LOOK_S = 0.5
SIZES = {"BTCUSDT": "0.001", "ETHUSDT": "0.01", "ADAUSDT": "50"}
EQUAL_S = 60  # trades go on meanwhile
SETTLED_S = 300  # a slot whose pod was taken away by force waits for its Lease: two minutes


def manifest(demo: World, name: str) -> Json:
    """The demo's bot with other markets; sizes are those of the first one."""
    bot: Json = json.loads(json.dumps(demo.manifests["TradingBot"]))
    bot["metadata"]["name"], symbols = name, BOTS[name]
    places = [{"venue": "simulator", "symbol": symbol} for symbol in symbols]
    bot["spec"]["markets"] = [
        {"name": place["symbol"].lower(), "reference": place, "execution": place} for place in places
    ]
    bot["spec"]["replicas"] = len(symbols)
    bot["spec"]["pod"] = {"image": faketime_image.IMAGE}
    making = bot["spec"]["strategy"]["marketMaking"]
    making |= {"layers": 2, "sizes": [SIZES[symbols[-1]]], "inventorySkew": None, "hysteresis": {"ticks": 50}}
    del making["inventorySkew"]
    bot["spec"]["risk"] |= {"maxPosition": "5000", "maxOrder": "100", "maxDailyLoss": "100000", "maxDrawdown": "0.5",
                            "maxRejectsPerMinute": 10000}  # fmt: skip
    return bot


@contextmanager
def soaked() -> Iterator[World]:
    """A namespace with a simulator of the three markets, made up, and both bots."""
    with world("soak") as made:
        (container,) = made.manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
        container["args"] = [
            *SIMULATE,
            *(word for symbols in BOTS.values() for each in symbols for word in ("--symbol", each)),
        ]
        made.kubectl("apply", "-f", "-", stdin=json.dumps(made.manifests["Deployment"]))
        made.kubectl("rollout", "status", "deployment/simulator", "--timeout=120s")
        for name in BOTS:
            made.kubectl("apply", "-f", "-", stdin=json.dumps(manifest(made, name)))
        yield made


def keys(orders: Iterable[Json]) -> Iterator[tuple[str, OrderKey]]:
    for order in orders:
        if (key := decode(str(order["clientOrderId"]))) is not None:
            yield str(order["symbol"]), key


def doubled(open_orders: Iterable[Json]) -> list[str]:
    """Markets in which two slots have orders at one moment."""
    holders: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for symbol, key in keys(open_orders):
        holders[symbol].add((key.bot, key.slot))
    return [
        f"{symbol}: slots {sorted(found)} have orders at once" for symbol, found in holders.items() if len(found) > 1
    ]


def interleaved(all_orders: Iterable[Json]) -> list[str]:
    """Markets in which a process has placed an order after another one that came later had begun."""
    placed: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for symbol, key in keys(sorted(all_orders, key=lambda order: int(order["orderId"]))):
        placed[symbol].append((key.bot, key.slot, key.epoch))
    turns = {symbol: [process for process, _ in groupby(found)] for symbol, found in placed.items()}
    return [f"{symbol}: {process} came back after another process" for symbol, found in turns.items()
            for process, times in Counter(found).items() if times > 1]  # fmt: skip


def given_twice(all_orders: Iterable[Json]) -> list[str]:
    counted = Counter(str(order["clientOrderId"]) for order in all_orders)
    return [f"order id {name} was given {times} times" for name, times in counted.items() if times > 1]


def _nothing() -> None:
    """Just waiting."""


def traded(all_orders: Iterable[Json]) -> dict[str, Decimal]:
    """By symbol, what the bots have bought less what they have sold, by the exchange."""
    found = dict.fromkeys((symbol for symbols in BOTS.values() for symbol in symbols), Decimal(0))
    for order in all_orders:
        if decode(str(order["clientOrderId"])) is not None:
            found[order["symbol"]] += Decimal(order["executedQty"]) * (1 if order["side"] == "BUY" else -1)
    return found


@dataclass
class Watch:
    """Looks all the time, through whatever happens; an API server that is away shows nothing."""

    demo: World
    held: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in BOTS})  # halts that were seen
    released: dict[str, set[str]] = field(
        default_factory=lambda: {name: set() for name in BOTS}
    )  # a person asked for it
    losses: set[str] = field(default_factory=set)  # halts of slots that do not know their whole position
    wrong: list[str] = field(default_factory=list)
    looks: int = 0
    _end: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watching(self) -> Iterator["Watch"]:
        thread = threading.Thread(target=self._run, name="watch")
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            thread.join(60)

    def _run(self) -> None:
        while not self._end.wait(LOOK_S):
            state = self.demo.raw("services/simulator:9000/proxy/simulator/state")
            if state is None:
                continue
            self.looks += 1
            self._note(doubled(state["openOrders"]))

    def _note(self, found: Iterable[str]) -> None:
        self.wrong += [each for each in found if each not in self.wrong]

    def halts(self) -> None:
        """Each halt that was seen and not resumed is still there."""
        for name in BOTS:
            halts = self.status(name).get("halts", ())
            now = {halt["id"] for halt in halts}
            self.losses |= {halt["message"] for halt in halts if halt["reason"] == JOURNAL_LOST}
            self._note(f"{name}: halt {lost} is gone" for lost in self.held[name] - now - self.released[name])
            self.held[name] |= now

    def halted(self, name: str) -> set[str]:
        """Ids of the halts of slots that there are to be."""
        found = self.demo.get(f"tb/{name}")
        halts = found.get("status", {}).get("halts", ())
        return {str(halt["id"]) for halt in halts if halt["slot"] < found["spec"]["replicas"]}

    def orders(self) -> None:
        found = self.demo.every_order()
        self._note((*interleaved(found), *given_twice(found)))

    def positions(self) -> dict[str, Decimal]:
        """By symbol, as the slots have them that trade it."""
        pods = self.demo.get("pods", "-l", SELECTOR)["items"]
        states = [self.demo.slot(pod["metadata"]["name"]) for pod in pods]
        return {market["symbol"]: Decimal(market["position"]) for state in states
                for market in state.get("markets", {}).values()}  # fmt: skip

    def positions_differ(self) -> str:
        """From what the exchange says; empty: they do not."""
        told: dict[str, dict[str, Decimal]] = {}

        def equal() -> bool:
            orders = self.demo.every_order()
            told.update(slots=self.positions(), exchange=traded(orders))
            return told["slots"] == told["exchange"] or len(orders) >= HISTORY  # it has forgotten some

        try:
            eventually(equal, EQUAL_S, "the slots' positions are what the exchange says")
        except AssertionError:
            return f"positions differ: {told}"
        return ""

    def epochs(self) -> dict[str, int]:
        """Of the process in each pod; of those that trade."""
        pods = self.demo.get("pods", "-l", SELECTOR)["items"]
        states = {pod["metadata"]["name"]: self.demo.slot(pod["metadata"]["name"]) for pod in pods}
        return {pod: int(state["epoch"]) for pod, state in states.items() if state.get("state") == "Active"}

    def placed(self) -> int:
        """Orders that the venue has had so far."""
        return len(self.demo.every_order())

    def has_placed_more_than(self, before: int) -> bool:
        return self.placed() > before

    def status(self, name: str) -> Json:
        return dict(self.demo.get(f"tb/{name}").get("status", {}))

    def is_ready(self, name: str) -> bool:
        found = {c["type"]: c["status"] for c in self.status(name).get("conditions", ())}
        return found.get("Ready") == "True"

    def settled(self, meanwhile: Callable[[], None] = _nothing) -> float:
        """The seconds until every bot is Ready."""

        def ready() -> bool:
            meanwhile()
            return all(map(self.is_ready, BOTS))

        return eventually(ready, SETTLED_S, lambda: f"every bot is Ready; {[self.status(name) for name in BOTS]}")
