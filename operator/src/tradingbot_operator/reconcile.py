"""One level-triggered reconciliation: read, decide, write. What it does depends on what is, never on what happened."""

from dataclasses import dataclass, field

import structlog

from tradingbot_operator.api.v1alpha1 import TradingBotStatus
from tradingbot_operator.api_errors import ApiError, NotFound
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core import names
from tradingbot_operator.core.decision import CREDENTIALS_RECHECK_S, decide
from tradingbot_operator.core.observed import Bot, Installation, Manifest
from tradingbot_operator.core.outcome import ConfigureSlot, DrainSlot, Finalizer, Outcome
from tradingbot_operator.core.picture import with_leases
from tradingbot_operator.core.venue import VenueSeen, venue_status
from tradingbot_operator.lost_slots import LostSlots
from tradingbot_operator.made_once import MadeOnce
from tradingbot_operator.observation import Asked, Observer, read_bot, read_venue
from tradingbot_operator.queue import Priority, WorkQueue
from tradingbot_operator.recorder import Recorder
from tradingbot_operator.runtime_client import RuntimeClient
from tradingbot_operator.statuses import Statuses
from tradingbot_operator.store import Name, Store, name_of, slim
from tradingbot_operator.taken_names import refuse_taken
from tradingbot_operator.venue_users import is_going, users
from tradingbot_runtime.logs import of_bot

Key = tuple[str, str, str]  # kind, namespace, name

SECRET_RECHECK_S = 30.0
ANSWER_S = 0.5  # without an answer by then the status says that it is waited for

log = structlog.get_logger("reconcile")


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Carries out what `decide` says. Raises ApiError when the API server did not; then the key is tried again."""

    cluster: Cluster
    store: Store
    queue: WorkQueue[Key]
    runtime: RuntimeClient
    recorder: Recorder
    observer: Observer
    installation: Installation
    made_once: MadeOnce
    lost: LostSlots
    statuses: Statuses = field(init=False)

    def __post_init__(self) -> None:
        statuses = Statuses(self.cluster, self.store, self.queue, self.runtime, self.recorder, self.observer)
        object.__setattr__(self, "statuses", statuses)

    async def reconcile(self, key: Key) -> None:
        kind, namespace, name = key
        carry_out = {"Venue": self._venue, "TradingHalt": self._trading_halt, "TradingBot": self._bot}[kind]
        await carry_out((namespace, name))

    async def _bot(self, name: Name) -> None:
        manifest = self.store.get("TradingBot", name)
        if manifest is None:
            self._forget(name)
            return
        bot = read_bot(manifest)
        self._streams(bot)
        asked = await self._ask(bot)
        await self.made_once.find_control_secret(bot)
        # From here to `claims` nothing awaits: two bots that want one market must not both be told yes.
        outcome = decide(bot, self.observer.observe(bot, asked), self.installation)
        if outcome.holds is not None:
            self._claim(name, outcome.holds)
        await self._carry_out(bot, manifest, outcome)
        if outcome.requeue_after_s is not None:
            priority = Priority.HALT if bot.metadata.deleting else Priority.CHILD
            self.queue.add_after(("TradingBot", *name), outcome.requeue_after_s, priority)

    async def carry_out_halts(self, bot: Bot, outcome: Outcome) -> None:
        """And what is said, and nothing else."""
        await self._halt(bot, outcome)
        self._tell(bot, outcome)
        await self.statuses.say(bot, outcome.status)

    def _claim(self, name: Name, holds: frozenset[str]) -> None:
        before = self.store.claims.get(name, frozenset())
        self.store.claims[name] = holds
        if before - holds:
            self._wake_rivals(name)

    def _wake_rivals(self, name: Name) -> None:
        for other in self.store.all("TradingBot", name[0]):
            if name_of(other) != name:
                self.queue.add(("TradingBot", *name_of(other)), Priority.CHILD)

    def _forget(self, name: Name) -> None:
        self.runtime.keep_only(name, ())
        self.made_once.forget_identity(name)
        self.lost.forget(name)
        self.recorder.history.forget(name)
        self.queue.forget(("TradingBot", *name))
        if self.store.claims.pop(name, None):
            self._wake_rivals(name)

    def _streams(self, bot: Bot) -> None:
        """A stream to each pod whose container has started; none to those that are gone."""
        pods = self.observer.pods((bot.namespace, bot.name))
        for pod in pods:
            status = pod.get("status") or {}
            if status.get("podIP") and status.get("phase") == "Running":
                metadata = pod["metadata"]
                self.runtime.ensure((bot.namespace, bot.name), metadata["uid"], metadata["name"], status["podIP"])
        self.runtime.keep_only((bot.namespace, bot.name), {pod["metadata"]["uid"] for pod in pods})

    async def _ask(self, bot: Bot) -> Asked:
        """A watch lags behind what was applied a moment ago: nothing is called missing that was not asked for."""
        since_start_s = self.observer.since_start_s()
        slots = self.observer.silent_slots(bot) if bot.metadata.deleting else self.observer.slots_without_lease(bot)
        leases = {
            slot: await self.cluster.get("Lease", bot.namespace, names.slot_lease(bot.name, slot)) for slot in slots
        }
        jobs = {slot.ordinal: await self.cluster.get("Job", bot.namespace, slot.withdrawal.job)
                for slot in bot.status.slots if slot.withdrawal}  # fmt: skip
        silences = await self.lost.look(bot, self.observer.lost_slots(bot, since_start_s))
        if bot.metadata.deleting:
            return Asked(leases=leases, silences=silences, jobs=jobs, since_start_s=since_start_s)
        venues = {name: await self.cluster.get("Venue", bot.namespace, name)
                  for name in self.observer.unknown_venues(bot)}  # fmt: skip
        there = {name: venue for name, venue in venues.items() if venue is not None}
        secrets = {name: await self.cluster.metadata("Secret", bot.namespace, name)
                   for name in self.observer.needed_secrets(bot, there)}  # fmt: skip
        return Asked(there, frozenset(name for name, metadata in secrets.items() if metadata is None), leases,
                     silences, jobs, since_start_s)  # fmt: skip

    async def _carry_out(self, bot: Bot, manifest: Manifest, outcome: Outcome) -> None:
        told = await self._halt(bot, outcome)
        if told and self.queue.waiting(Priority.HALT):  # their runtimes first: to write takes longer than to order
            self.queue.add(("TradingBot", bot.namespace, bot.name), Priority.HALT)
            return
        leases: dict[int, str] = {}
        try:
            await self._do(bot, manifest, outcome, leases)
        except ApiError as error:
            await self.statuses.say_undone(bot, outcome, leases, error)
            raise
        if outcome.finalizer is Finalizer.REMOVE:
            return
        if not leases and not halts_changed(bot.status, outcome.status) and self._answer_is_near(bot, outcome):
            self.queue.add_after(("TradingBot", bot.namespace, bot.name), ANSWER_S, Priority.CHILD)
            return
        self._tell(bot, outcome)
        await self.statuses.say(bot, with_leases(outcome.status, leases))

    async def _do(self, bot: Bot, manifest: Manifest, outcome: Outcome, leases: dict[int, str]) -> None:
        """All that the status will say was done. `leases` are those that were made, also where the rest is refused."""
        if outcome.finalizer is Finalizer.REMOVE:
            self._tell(bot, outcome)
            await self._set_finalizer(manifest, names.FINALIZER, wanted=False)
            return
        if outcome.finalizer is Finalizer.ADD:
            await self._set_finalizer(manifest, names.FINALIZER, wanted=True)
        await self.made_once.withdrawals(bot, outcome)  # before what may be refused: these orders are open
        await refuse_taken(self.cluster, self.store, bot, outcome.apply)
        if outcome.control_secret_due:
            await self.made_once.control_secret(bot)
        for slot, lease in _by_slot(outcome).items():
            leases[slot] = await self.made_once.lease(bot, lease)
        await self._apply(bot, outcome)
        for gone in outcome.prune:
            await self.cluster.delete(gone.kind, bot.namespace, gone.name, gone.uid)
        await self._command(bot, outcome)
        await self._replace(bot, outcome)

    async def _apply(self, bot: Bot, outcome: Outcome) -> None:
        """The store has the answers, so that the watch tells nothing new: what pods are judged by is read again."""
        made_anew = any(self.store.get(child["kind"], name_of(child)) is None for child in outcome.apply)
        for child in outcome.apply:
            self.store.put(child["kind"], slim(child["kind"], await self.cluster.apply(child)))
        if made_anew and self.observer.pods((bot.namespace, bot.name)):
            self.queue.add(("TradingBot", bot.namespace, bot.name), Priority.CHILD)

    async def _set_finalizer(self, manifest: Manifest, finalizer: str, *, wanted: bool) -> None:
        kind, before = manifest["kind"], manifest["metadata"].get("finalizers") or []
        others = [name for name in before if name != finalizer]
        try:
            stored = await self.cluster.set_finalizers(manifest, [*others, finalizer] if wanted else others)
        except NotFound:
            return
        self.store.put(kind, slim(kind, stored))

    async def _halt(self, bot: Bot, outcome: Outcome) -> bool:
        """Whether there were orders, and all have left: those that have not are for the status and a fresh pod."""
        uids = self._uids(bot)
        for order in outcome.halts:
            await self.runtime.order(uids.get(order.pod, ""), order)
        left = (self.runtime.ordered(uids.get(order.pod, ""), order) for order in outcome.halts)
        return bool(outcome.halts) and all(left)

    async def _replace(self, bot: Bot, outcome: Outcome) -> None:
        if (pod := outcome.replace) is None:
            return
        log.info("PodReplaced", **of_bot(bot.namespace, bot.name), pod=pod.name)
        if (ending := await self.cluster.delete(pod.kind, bot.namespace, pod.name, pod.uid)) is not None:
            self.store.put(pod.kind, slim(pod.kind, ending))  # before the watch tells: only one at a time goes

    def _uids(self, bot: Bot) -> dict[str, str]:
        return {pod["metadata"]["name"]: pod["metadata"]["uid"]
                for pod in self.observer.pods((bot.namespace, bot.name))}  # fmt: skip

    async def _command(self, bot: Bot, outcome: Outcome) -> None:
        uids = self._uids(bot)
        for command in outcome.commands:
            uid = uids.get(command.pod, "")  # it may have gone since the decision
            match command:
                case DrainSlot():
                    await self.runtime.drain(uid, command.reason, flatten=command.flatten)
                case ConfigureSlot():
                    await self.runtime.configure(uid, command.document, command.config_hash)

    def _answer_is_near(self, bot: Bot, outcome: Outcome) -> bool:
        """Whether every command is a configuration that has just left. A pod answers within milliseconds.

        What would be said before it, in a status and two Events, is half of what a change costs the API server.
        """
        uids = self._uids(bot)
        return bool(outcome.commands) and all(
            isinstance(command, ConfigureSlot)
            and self.runtime.view(uids.get(command.pod, "")).sent_hash == command.config_hash
            for command in outcome.commands
        )

    def _tell(self, bot: Bot, outcome: Outcome) -> None:
        for announcement in outcome.events:
            self.recorder.tell(bot, announcement)

    async def _venue(self, name: Name) -> None:
        manifest = self.store.get("Venue", name)
        if manifest is None:
            return
        spec = read_venue(manifest)
        secret = getattr(spec, "credentials_secret_ref", None)
        seen = VenueSeen(
            spec=spec,
            bots=users(self.store, manifest),
            heard=tuple(self.runtime.venue_reports(*name)),
            # Secrets are not watched; that one is there is asked for, and nothing of what is in it.
            secret_missing=secret is not None and await self.cluster.metadata("Secret", name[0], secret.name) is None,
            deleting=is_going(manifest),
            settling=(settles_in_s := self.installation.start_grace_s - self.observer.since_start_s()) > 0,
        )
        kept = names.IN_USE in (manifest["metadata"].get("finalizers") or ())
        if seen.deleting and not seen.bots:
            if kept:
                await self._set_finalizer(manifest, names.IN_USE, wanted=False)
                self.store.forget("Venue", name)  # it is gone with that, perhaps before a watch has told of it
            return
        if not kept and not seen.deleting:
            await self._set_finalizer(manifest, names.IN_USE, wanted=True)
        status = venue_status(manifest, seen, self.observer.timestamp())
        if status is not None:
            await self.statuses.write("Venue", name, status)
        if seen.settling:
            self.queue.add_after(("Venue", *name), settles_in_s, Priority.CHILD)
        if secret is not None:  # nothing tells that it is gone, or there
            again_s = CREDENTIALS_RECHECK_S if seen.secret_missing else SECRET_RECHECK_S
            self.queue.add_after(("Venue", *name), again_s, Priority.RESYNC)

    async def _trading_halt(self, name: Name) -> None:
        manifest = self.store.get("TradingHalt", name)
        if manifest is None or "deletionTimestamp" in manifest["metadata"]:
            return
        status = self.observer.trading_halt_status(manifest)
        if status is not None:
            await self.statuses.write("TradingHalt", name, status)


def halts_changed(before: TradingBotStatus, after: TradingBotStatus) -> bool:
    """Also what has become of a resume: whatever is in the way of the rest, that is recorded."""
    return (before.halts, before.answered_resume) != (after.halts, after.answered_resume)


def _by_slot(outcome: Outcome) -> dict[int, Manifest]:
    return {int(lease["metadata"]["name"].rpartition("-")[2]): lease for lease in outcome.leases}
