"""A cluster in memory for pure decisions: what an outcome asks for is done, and what the pods report is at hand."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from harness.seen_venues import seen_venues
from harness.slot_volume import Volume
from harness.spoken import assert_bot_speaks
from tradingbot_operator.api.v1alpha1 import ObjectMeta, TradingBotStatus
from tradingbot_operator.core import names
from tradingbot_operator.core.decision import decide
from tradingbot_operator.core.observed import Bot, Installation, Manifest, Observed, Pod, Stream
from tradingbot_operator.core.outcome import ConfigureSlot, DrainSlot, Finalizer, HaltSlot, Outcome, ResumeSlot
from tradingbot_operator.core.ownership import OWNED, owned_fields
from tradingbot_operator.core.picture import with_leases
from tradingbot_runtime.config import SlotConfig, TradingBotSpec, VenueSpec
from tradingbot_runtime.model.control import Halt, MarketReport, SlotReport
from tradingbot_runtime.model.events import TradingState

INSTALLATION = Installation("runtime:1", 8443, 8080, "0.1.0")
VENUE = VenueSpec.model_validate({"environment": "Testnet", "type": "Binance"})
KEYED = VenueSpec.model_validate(
    {"environment": "Testnet", "type": "Binance", "credentialsSecretRef": {"name": "keys"}}
)


def spec(symbols: tuple[str, ...] = ("BTCUSDT",), **changes: Any) -> TradingBotSpec:  # noqa: ANN401 - fields of the spec
    markets = [{"name": symbol.lower(), "reference": {"venue": "venue", "symbol": symbol},
                "execution": {"venue": "venue", "symbol": symbol}} for symbol in symbols]  # fmt: skip
    making = {"spreadBps": "8", "sizes": ["1"]}
    return TradingBotSpec.model_validate({"strategy": {"marketMaking": making}, "markets": markets} | changes)


def hedged_spec(**changes: Any) -> TradingBotSpec:  # noqa: ANN401 - fields of the spec
    """One market at `venue`, hedged at `there`."""
    market = {"name": "btc", "reference": {"venue": "there", "symbol": "BTCUSDT"},
              "execution": {"venue": "venue", "symbol": "BTCUSDT"}}  # fmt: skip
    cross = {"size": "1", "edgeBps": "5"}
    return TradingBotSpec.model_validate({"strategy": {"crossExchange": cross}, "markets": [market]} | changes)


def bot(wanted: TradingBotSpec | None = None, **metadata: Any) -> Bot:  # noqa: ANN401 - fields of the metadata
    known = {"name": "maker", "namespace": "n", "uid": "bot-uid", "creationTimestamp": "2026-01-02T00:00:00Z"}
    return Bot(ObjectMeta.model_validate(known | metadata), TradingBotStatus(), wanted or spec())


def report_of(config: SlotConfig, pod_uid: str, **changes: Any) -> SlotReport:  # noqa: ANN401 - fields of the report
    markets = tuple(MarketReport(market=m.name, position="0", open_orders=2, unknown_orders=0) for m in config.markets)
    whole = SlotReport(slot=config.slot, pod_uid=pod_uid, state=TradingState.ACTIVE, reason="Running", message="",
                       ready=True, config_hash=config.config_hash(), epoch=1, markets=markets,
                       venues=seen_venues(config))  # fmt: skip
    return msgspec.structs.replace(whole, **changes)


def _drained(report: SlotReport, reason: str) -> SlotReport:
    flat = tuple(msgspec.structs.replace(m, open_orders=0) for m in report.markets)
    return msgspec.structs.replace(report, state=TradingState.DRAINED, markets=flat, reason="Draining", message=reason)


def fields(applied: Any) -> Manifest:  # noqa: ANN401 - any JSON
    """As the API server notes what an applier set; every list is owned as a whole."""
    return {f"f:{name}": fields(value) for name, value in applied.items()} if isinstance(applied, dict) else {}


@dataclass(slots=True)
class Cluster:
    """Decides, does it, and lets the StatefulSet's controller and the pods do their part."""

    bot: Bot
    venues: Mapping[str, VenueSpec | None] = field(default_factory=lambda: {"venue": VENUE})
    children: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    pods: dict[int, Pod] = field(default_factory=dict)
    volumes: dict[int, Volume] = field(default_factory=dict)  # by slot
    installation: Installation = INSTALLATION
    made_for: dict[str, str] = field(default_factory=dict)  # by revision: the settings of its template
    restart_hashes: dict[str, str] = field(default_factory=dict)  # by revision
    uids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    observed: Observed = field(default_factory=lambda: Observed(now="2026-01-02T00:00:10Z"))
    broken: Callable[[str], bool] = lambda _: False  # by the template's settings: pods of it do not get ready

    def decide(self) -> Outcome:
        seen = replace(self.observed, venues=self.venues, children=self.children,
                       pods=tuple(self.pods[n] for n in sorted(self.pods)))  # fmt: skip
        return decide(self.bot, seen, self.installation)

    def step(self) -> Outcome:
        """One reconciliation, carried out; then the others move."""
        return self.carry_out(self.decide())

    def carry_out(self, outcome: Outcome) -> Outcome:
        leases = {int(lease["metadata"]["name"].rpartition("-")[2]): f"lease-{next(self.uids)}"
                  for lease in outcome.leases}  # fmt: skip
        if outcome.finalizer is Finalizer.ADD:
            metadata = self.bot.metadata.model_copy(update={"finalizers": (names.FINALIZER,)})
            self.bot = replace(self.bot, metadata=metadata)
        if outcome.control_secret_due:
            self._store({"kind": "Secret", "metadata": {"name": "maker-control", "annotations": {
                names.RENEW_AFTER: "2026-12-01T00:00:00Z"}}})  # fmt: skip
        for child in outcome.apply:
            self._store(child)
        self._halt(outcome)
        self._obey(outcome)
        if outcome.replace is not None:
            self.pods = {n: pod for n, pod in self.pods.items() if pod.uid != outcome.replace.uid}
        self.bot = replace(self.bot, status=with_leases(outcome.status, leases))
        assert_bot_speaks(self.bot.status)
        self._controller()
        return outcome

    def settle(self, steps: int = 40) -> int:
        """Reconcile until nothing is left to do; the number of steps it took."""
        for taken in range(steps):
            before, pods = self.bot.status, dict(self.pods)
            outcome = self.step()
            idle = not (
                outcome.halts
                or outcome.apply
                or outcome.leases
                or outcome.commands
                or outcome.control_secret_due
                or outcome.replace
            )
            if idle and self.bot.status == before and self.pods == pods:  # a report wakes the operator once more
                return taken
        raise AssertionError(f"still busy after {steps} steps")

    def respecify(self, wanted: TradingBotSpec) -> None:
        metadata = self.bot.metadata.model_copy(update={"generation": self.bot.metadata.generation + 1})
        self.bot = replace(self.bot, spec=wanted, metadata=metadata)

    def config(self, slot: int) -> SlotConfig:
        data = self.children[("ConfigMap", "maker-slots")]["data"]
        return SlotConfig.model_validate_json(data[f"slot-{slot}.json"])

    def traded(self) -> dict[int, set[str]]:
        """What the running processes trade, by slot; for each market only one may."""
        reports = {n: pod.stream.report for n, pod in self.pods.items()}
        return {n: {m.market for m in report.markets if m.open_orders} for n, report in reports.items() if report}

    def _store(self, child: Manifest) -> None:
        key = (child["kind"], child["metadata"]["name"])
        old = self.children.get(key)
        kept = ("uid", "creationTimestamp")
        made = {"uid": f"child-{next(self.uids)}", "creationTimestamp": self.observed.now}
        metadata = child["metadata"] | {key: old["metadata"][key] if old else made[key] for key in kept}
        if child["kind"] == "StatefulSet":
            metadata["generation"] = (old["metadata"]["generation"] if old else 0) + 1
        status = {"status": old["status"]} if old and "status" in old else {}
        entry = {"manager": names.FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields(child)}
        owned = owned_fields({"metadata": {"managedFields": [entry]}})
        self.children[key] = child | {"metadata": metadata, OWNED: owned} | status

    def _obey(self, outcome: Outcome) -> None:
        by_name = {pod.name: n for n, pod in self.pods.items()}
        for command in outcome.commands:
            n = by_name[command.pod]
            pod = self.pods[n]
            assert pod.stream.report
            match command:
                case DrainSlot():
                    stream = replace(pod.stream, report=_drained(pod.stream.report, command.reason), draining_for_s=0.1,
                                     reported_since_drain=True, drain_reason=command.reason)  # fmt: skip
                case ConfigureSlot():
                    config = SlotConfig.model_validate_json(command.document)
                    self.volumes[n].take(config)
                    taken = report_of(config, pod.uid, account_uid=pod.stream.report.account_uid)
                    if pod.stream.draining_for_s is not None:  # for good
                        taken = _drained(taken, pod.stream.drain_reason)
                    stream = replace(pod.stream, report=taken, sent_hash=command.config_hash)
            self.pods[n] = replace(pod, stream=stream)
            self.report(n)

    def _halt(self, outcome: Outcome) -> None:
        by_name = {pod.name: n for n, pod in self.pods.items()}
        for order in outcome.halts:
            n = by_name[order.pod]
            stream = self.pods[n].stream
            match order:
                case HaltSlot(halt=halt):
                    self.volumes[n].latch(Halt(id=halt.id, reason=halt.reason, at_ns=0, message="", by=halt.by))
                    stream = replace(stream, halts_ordered=stream.halts_ordered | {halt.id})
                case ResumeSlot(halt_id=halt_id):
                    self.volumes[n].release(halt_id)
                    stream = replace(stream, resumes_ordered=stream.resumes_ordered | {halt_id})
            self.pods[n] = replace(self.pods[n], stream=stream)
            self.report(n)

    def breach(self, n: int, halt_id: str, reason: str = "RiskBreachMaxLoss") -> None:
        """The slot halts by itself."""
        self.volumes[n].latch(Halt(id=halt_id, reason=reason, at_ns=0, message="", value="120 USDT", limit="100 USDT"))
        self.report(n)

    def report(self, n: int) -> None:
        """The slot says what it holds."""
        pod, volume = self.pods[n], self.volumes[n]
        if pod.stream.report is None:
            return
        trades = pod.stream.report.state in {TradingState.ACTIVE, TradingState.HALTED}
        state = TradingState.HALTED if volume.held else TradingState.ACTIVE
        drained = pod.stream.report.state is TradingState.DRAINED
        trading = () if drained else [market.market for market in pod.stream.report.markets]
        told = msgspec.structs.replace(
            pod.stream.report, halts=tuple(volume.held.values()), resumed=volume.released,
            state=state if trades else pod.stream.report.state, closed=volume.closed(n, trading),
        )  # fmt: skip
        if trades:  # one that is halted is not ready, and has withdrawn its orders
            orders = 0 if volume.held else 2
            markets = tuple(msgspec.structs.replace(m, open_orders=orders) for m in told.markets)
            told = msgspec.structs.replace(told, ready=not volume.held, markets=markets)
        self.pods[n] = replace(pod, stream=replace(pod.stream, report=told))

    def _controller(self) -> None:
        """One step of the StatefulSet's controller: it deletes or creates at most one pod."""
        stored = self.children.get(("StatefulSet", "maker"))
        if stored is None:
            return
        annotations = stored["spec"]["template"]["metadata"]["annotations"]
        update, before = names.digest(stored["spec"]["template"]), stored.get("status", {})
        current = before.get("currentRevision", update)
        self.made_for[update] = annotations[names.TEMPLATE_INPUTS]
        self.restart_hashes[update] = annotations[names.RESTART_HASH]
        replicas, partition = stored["spec"]["replicas"], stored["spec"]["updateStrategy"]["rollingUpdate"]["partition"]
        for n in sorted(self.pods, reverse=True):
            if n >= replicas or (n >= partition and self.pods[n].revision != update):
                del self.pods[n]
                break
        given = self.children["ConfigMap", "maker-slots"]["data"]
        for n in range(replicas):
            if n not in self.pods and names.slot_document(n) in given:  # else its process ends until it is there
                revision = update if n >= partition or current == update else current
                self.pods[n] = self._started(n, revision, self.restart_hashes[revision])
                self.volumes.setdefault(n, Volume()).take(self.config(n))
                self.report(n)
        done = len(self.pods) == replicas and all(pod.revision == update for pod in self.pods.values())
        ready = sum(1 for pod in self.pods.values() if pod.ready)
        status = {"observedGeneration": stored["metadata"]["generation"], "updateRevision": update,
                  "currentRevision": update if done and ready == replicas else current,
                  "readyReplicas": ready}  # fmt: skip
        self.children[("StatefulSet", "maker")] = stored | {"status": status}

    def _started(self, n: int, revision: str, restart_hash: str) -> Pod:
        uid = f"pod-{next(self.uids)}"
        account = self.children[("ServiceAccount", "maker")]["metadata"]["uid"]
        works = not self.broken(self.made_for[revision])
        report = report_of(self.config(n), uid, account_uid=account)
        stream = Stream(report=report, connected=True) if works else Stream()
        return Pod(f"maker-{n}", uid, n, started=works, ready=works, revision=revision, restart_hash=restart_hash,
                   inputs=self.made_for[revision], created=self.observed.now, stream=stream)  # fmt: skip
