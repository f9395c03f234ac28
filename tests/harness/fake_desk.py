"""A cluster in memory around `FakeApi`: the StatefulSets' controller, kubelet, the bots' processes, and one operator.

A process trades while it holds its slot's Lease and is neither drained nor halted. Whether two trade one market at the
same time is what a test wants to know.
"""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from harness import fake_pods
from harness.fake_api import Crash, FakeApi
from harness.fake_processes import FakeStreams, Process
from harness.slot_volume import Volume
from tradingbot_operator.api_errors import ApiError
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Installation, Manifest
from tradingbot_operator.handlers import Intake
from tradingbot_operator.lost_slots import LostSlots
from tradingbot_operator.made_once import MadeOnce
from tradingbot_operator.observation import Observer
from tradingbot_operator.queue import WorkQueue
from tradingbot_operator.reconcile import Key, Reconciler
from tradingbot_operator.recorder import Recorder
from tradingbot_operator.resync import Resync
from tradingbot_operator.store import Store

NAMESPACE = "n"
BEGAN = datetime(2026, 1, 2, tzinfo=UTC)
INSTALLATION = Installation("runtime:1", 8443, 8080, "0.1.0")
STEPS = 1000
QUIET_S = 70.0  # longer than anything is waited for by a bot that is well


def placed(document: Manifest) -> Manifest:
    """In the namespace of the desk."""
    return document | {"metadata": document["metadata"] | {"namespace": NAMESPACE}}


class FakeDesk:
    """`api` and `running` outlive the operator, whose store and queue do not."""

    def __init__(self) -> None:
        self.api = FakeApi(on_gone=self._ended)
        self.running: dict[str, Process] = {}  # by the pod's uid
        self.volumes: dict[str, Volume] = {}  # by slot
        self.templates: dict[str, dict[str, Manifest]] = {}  # by the StatefulSet's uid, by revision
        self.time_s = 0.0
        self.start_operator()

    # -- the operator --------------------------------------------------------------------------------------------

    def start_operator(self) -> None:
        """A new process: it knows what a LIST tells, and nothing else."""
        clock, now = (lambda: self.time_s), (lambda: BEGAN + timedelta(seconds=self.time_s))
        self.api.told.clear()
        for process in self.running.values():
            process.answered, process.answer = "", None  # that was another connection
        self.store, self.queue = Store(), WorkQueue[Key](clock, lambda: 0.5)
        self.streams = FakeStreams(self.running, self.changed)
        cluster, streams = self.api, self.streams
        recorder = self.recorder = Recorder(cluster, "test", now)  # type: ignore[arg-type]  # in the place of a Cluster
        observer = Observer(self.store, streams.view, now, lambda: 1e9)
        once = MadeOnce(cluster, self.store, recorder, observer, now, lambda _: None)  # type: ignore[arg-type]  # as above
        self.reconciler = Reconciler(cluster, self.store, self.queue, streams, recorder, observer, INSTALLATION, once,  # type: ignore[arg-type]  # as above
                                     LostSlots(cluster, clock))  # type: ignore[arg-type]  # as above  # fmt: skip
        self.resync = Resync(cluster, self.store, self.queue, clock)  # type: ignore[arg-type]  # as above
        self.intake = Intake(self.store, self.queue, streams.kick, lambda *_: None)
        self.listed = False

    def sweep(self) -> None:
        """LIST everything; a failure is tried again by whoever asks next."""
        self._guarded(self._sweep())

    async def _sweep(self) -> None:
        await self.resync.sweep()
        self.listed = True

    def hear(self, number: int, *, twice: bool = False) -> None:
        """The oldest news of one watch, perhaps not for the last time. Watches are not in step with each other."""
        if not self.api.told or not self.listed:
            return
        kinds = sorted({kind for kind, _, _ in self.api.told})
        news = next(news for news in self.api.told if news[0] == kinds[number % len(kinds)])
        if not twice:
            self.api.told.remove(news)
        self.intake.take(*news)

    def lose(self, number: int) -> None:
        """A watch breaks, and what it had is for the next sweep."""
        if self.api.told:
            kind, _, _ = self.api.told[number % len(self.api.told)]
            self.api.told = [news for news in self.api.told if news[0] != kind]

    def work(self) -> bool:
        """One key; whether there was one."""
        if not self.listed:
            self.sweep()
            return True
        taken = self.queue.machine.take(self.time_s)
        if taken is None:
            return False
        self._guarded(self._carry_out(*taken))
        return True

    async def _carry_out(self, key: Key, priority: object) -> None:
        try:
            await self.reconciler.reconcile(key)
            await self.recorder.post_waiting()
        except ApiError:
            self.queue.retry(key, priority)  # type: ignore[arg-type]  # as it was taken
        else:
            self.queue.succeeded(key)
        finally:
            self.queue.done(key)

    def _guarded(self, work: object) -> None:
        try:
            asyncio.run(work)  # type: ignore[arg-type]  # a coroutine
        except ApiError:
            pass
        except Crash:
            self.api.faults.clear()
            self.start_operator()

    # -- controller and kubelet ----------------------------------------------------------------------------------

    def control(self) -> bool:
        """One step of the StatefulSets' controller; whether it did anything."""
        did = [self._control(stored) for stored in self.of_kind("StatefulSet")]
        return any(did)

    def _control(self, stored: Manifest) -> bool:
        name, spec = stored["metadata"]["name"], stored["spec"]
        update, before = names.digest(spec["template"]), stored.get("status", {})
        current = before.get("currentRevision", update)
        partition = spec["updateStrategy"]["rollingUpdate"]["partition"]
        templates, pods = self._templates(stored, update), self._pods(stored)
        wrong = [n for n, pod in pods.items() if n >= spec["replicas"] or (n >= partition and _revision(pod) != update)]
        if wrong:
            self.api.remove(("Pod", NAMESPACE, f"{name}-{max(wrong)}"))
            return True
        for n in range(spec["replicas"]):
            if n not in pods:
                is_new = n >= partition or current == update
                revision = update if is_new else current
                self._create_pod(stored, n, revision, templates[revision])
                return True
        ready = sum(1 for pod in pods.values() if pod.get("status"))
        done = ready == spec["replicas"] and all(_revision(pod) == update for pod in pods.values())
        status = {"observedGeneration": stored["metadata"]["generation"], "updateRevision": update,
                  "currentRevision": update if done else current, "readyReplicas": ready}  # fmt: skip
        changed = status != before
        self.api.change(("StatefulSet", NAMESPACE, name), status=status)
        return bool(changed)

    def _templates(self, stored: Manifest, update: str) -> Mapping[str, Manifest]:
        """Of this StatefulSet, by revision: it keeps what it had."""
        kept = self.templates.setdefault(stored["metadata"]["uid"], {})
        kept[update] = stored["spec"]["template"]
        return kept

    def _create_pod(self, stored: Manifest, n: int, revision: str, template: Manifest) -> None:
        owner = {"kind": "StatefulSet", "name": stored["metadata"]["name"], "uid": stored["metadata"]["uid"]}
        labels = template["metadata"]["labels"] | {"controller-revision-hash": revision}
        metadata = {"name": f"{stored['metadata']['name']}-{n}", "namespace": NAMESPACE, "labels": labels,
                    "annotations": template["metadata"]["annotations"], "ownerReferences": [owner]}  # fmt: skip
        self.api.add({"kind": "Pod", "metadata": metadata, "spec": template["spec"]})

    def _pods(self, stored: Manifest) -> dict[int, Manifest]:
        uid = stored["metadata"]["uid"]
        mine = (pod for pod in self.of_kind("Pod") if pod["metadata"]["ownerReferences"][0]["uid"] == uid)
        return {int(pod["metadata"]["name"].rpartition("-")[2]): pod for pod in mine}

    def start_pods(self) -> bool:
        """kubelet: what has its volumes is started."""
        started = [self._start(pod) for pod in self.of_kind("Pod") if pod["metadata"]["uid"] not in self.running]
        return any(started)

    def _start(self, pod: Manifest) -> bool:
        name = pod["metadata"]["name"]
        bot, slot = fake_pods.bot_and_slot(name)
        config_map = self.api.objects.get(("ConfigMap", NAMESPACE, f"{bot}-slots"))
        account = self.api.objects.get(("ServiceAccount", NAMESPACE, bot))
        secret = self.api.objects.get(("Secret", NAMESPACE, f"{bot}-control"))
        config = fake_pods.slot_config(config_map, slot) if config_map else None
        if config is None or account is None or secret is None:
            return False
        volume = self.volumes.setdefault(name, Volume())
        volume.take(config)
        process = Process(name, pod["metadata"]["uid"], config, account["metadata"]["uid"], volume)
        self.running[process.uid] = process
        self.api.change(("Pod", NAMESPACE, name), status=fake_pods.running("10.0.0.1"))
        return True

    def take_leases(self) -> bool:
        """The start gates: who finds his slot's Lease free has it."""
        taken = [self._take_lease(process) for process in self.running.values() if not process.holds_lease]
        return any(taken)

    def _take_lease(self, process: Process) -> bool:
        key = ("Lease", NAMESPACE, process.slot)
        lease = self.api.objects.get(key)
        holder = ((lease or {}).get("spec") or {}).get("holderIdentity") or process.uid
        if lease is None or (holder != process.uid and holder in self.running):
            return False  # of a holder that is dead it runs out
        self.api.change(key, spec={"holderIdentity": process.uid, "leaseTransitions": 1})
        process.holds_lease = True
        self.changed(process)
        return True

    def crash(self, process: Process) -> None:
        """The container dies, and kubelet starts it anew: with the configuration of today, and its Lease."""
        del self.running[process.uid]
        pod = self.api.objects.get(("Pod", NAMESPACE, process.slot))
        if pod is not None and self._start(pod):
            self.running[process.uid].holds_lease = process.holds_lease
            self.changed(process)

    def _ended(self, gone: Manifest) -> None:
        """A pod that is gone has had its grace: its process gave the Lease back, unless somebody has it by now."""
        process = self.running.pop(gone["metadata"]["uid"], None) if gone["kind"] == "Pod" else None
        key = ("Lease", NAMESPACE, process.slot) if process else None
        if process and key in self.api.objects and process.holds_lease:
            self.api.change(key, spec={"holderIdentity": "", "leaseTransitions": 1})

    def connect(self, process: Process, *, connected: bool) -> None:
        """A connection that comes back is another one: what was sent over the one before may be lost."""
        process.answered = process.answered if process.connected == connected else ""
        process.connected = connected
        self.changed(process)

    def changed(self, process: Process) -> None:
        """It reports, where it is heard."""
        bot, _ = fake_pods.bot_and_slot(process.slot)
        if process.connected:
            self.queue.add(("TradingBot", NAMESPACE, bot), 2)  # type: ignore[arg-type]  # CHILD

    def of_kind(self, kind: str) -> list[Manifest]:
        return [manifest for (k, _, _), manifest in self.api.objects.items() if k == kind]

    def traders(self) -> Iterator[tuple[tuple[str, str], str]]:
        """(instrument, slot) of every process that trades it now."""
        for process in self.running.values():
            for instrument in process.trades:
                yield instrument, process.slot

    # -- to the end ----------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """No faults any more: everybody does his part until nobody has anything to do."""
        self.api.faults.clear()
        self.api.denied = frozenset()
        for process in self.running.values():
            self.connect(process, connected=True)
        for _ in range(2):  # what a watch has lost is found by a sweep; the second one finds nothing
            self.sweep()
            self._until_quiet()

    def live(self) -> bool:
        """Everybody does the next thing that he has to do; whether anybody did."""
        while self.api.told and self.listed:
            self.hear(0)
        return self.work() or self.control() or self.start_pods() or self.take_leases()

    def _until_quiet(self) -> None:
        changes, since_s = self.api.changes, self.time_s
        for _ in range(STEPS):
            busy = self.live()
            if self.api.changes != changes:
                changes, since_s = self.api.changes, self.time_s
            if not busy:
                if self.time_s - since_s > QUIET_S:
                    return
                due = self.queue.machine.next_due()
                self.time_s = self.time_s + 1 if due is None else max(due, self.time_s + 0.1)
        raise AssertionError(f"still busy; last writes: {self.api.writes[-10:]}")


def _revision(pod: Manifest) -> str:
    return str(pod["metadata"]["labels"]["controller-revision-hash"])
