"""From stored objects to what a decision looks at: the one place where manifests are parsed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tradingbot_operator.api.v1alpha1 import ConditionStatus, ObjectMeta, OnDelete, TradingBotStatus, TradingHaltSpec
from tradingbot_operator.core import names
from tradingbot_operator.core.claims import accounts, reaches_an_account
from tradingbot_operator.core.conditions import ConditionType
from tradingbot_operator.core.deleted_leases import slots_halted_by_deletion
from tradingbot_operator.core.observed import (
    Bot,
    Manifest,
    Observed,
    Pod,
    Silence,
    StopOrder,
    Stream,
    Trouble,
    owned_by,
)
from tradingbot_operator.core.trading_halts import HaltedBot, Selection, holds_everywhere, selects, trading_halt_status
from tradingbot_operator.pod_reading import never_held, read_pod, since
from tradingbot_operator.rivals import rivals
from tradingbot_operator.store import Name, Store, name_of
from tradingbot_operator.venue_users import accepted_of, is_going
from tradingbot_operator.windows import closed, schedule_problems
from tradingbot_runtime.config import Mode, Rollout, TradingBotSpec, VenueSpec, as_written, problems
from tradingbot_runtime.model.events import TradingState

M = TypeVar("M", bound=BaseModel)
UNHEARD_AFTER_S = 10.0  # of a leader's time: its streams need some to come up
CHILD_KINDS = frozenset({"ConfigMap", "Secret", "Service", "ServiceAccount", "Role", "RoleBinding", "StatefulSet",
                         "PodDisruptionBudget", "NetworkPolicy"})  # fmt: skip


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(nanos: int) -> str:
    return timestamp(datetime.fromtimestamp(nanos // 1_000_000_000, UTC))


def read_bot(manifest: Manifest) -> Bot:
    """A spec that cannot be used is a finding, not an error."""
    metadata = ObjectMeta.model_validate(manifest["metadata"])
    status = read_status(manifest.get("status") or {})
    try:
        return Bot(metadata, status, as_written(TradingBotSpec, manifest.get("spec") or {}))
    except ValidationError as error:
        return Bot(metadata, status, None, tuple(problems(error, TradingBotSpec, "spec")))


def read_status(content: Manifest) -> TradingBotStatus:
    """What another version of the operator wrote and we cannot read is written anew, except for the slots.

    They say which Leases were created: one that somebody deleted must not come back because of an upgrade.
    """
    for part in (content, {"slots": content.get("slots") or []}):
        try:
            return TradingBotStatus.model_validate(part)
        except ValidationError:
            continue
    return TradingBotStatus()


def read_venue(manifest: Manifest) -> VenueSpec | tuple[str, ...]:
    """The spec, or what is wrong with it."""
    try:
        return as_written(VenueSpec, manifest.get("spec") or {})
    except ValidationError as error:
        return tuple(problems(error, VenueSpec, "spec"))


def read_trading_halt(manifest: Manifest) -> TradingHaltSpec:
    """One that this version cannot read halts everything: it was written to stop bots."""
    try:
        return as_written(TradingHaltSpec, manifest.get("spec") or {})
    except ValidationError as error:
        return TradingHaltSpec(reason=f"not readable: {'; '.join(problems(error, TradingHaltSpec, 'spec'))}"[:256])


def concerned(halt: Manifest, bots: Iterable[Manifest]) -> Iterator[Manifest]:
    """Those of `bots` that the TradingHalt selects, or has halted."""
    uid, selector = halt["metadata"]["uid"], read_trading_halt(halt).selector
    for bot in bots:
        held = (bot.get("status") or {}).get("halts") or ()
        if selects(selector, bot["metadata"].get("labels") or {}) or any(h.get("tradingHaltUID") == uid for h in held):
            yield bot


@dataclass(frozen=True, slots=True)
class Asked:
    """What the API server itself was asked for: what no watch tells, or has not told yet."""

    venues: Mapping[str, Manifest] = field(default_factory=dict)  # by name; not in the store, but there
    missing_secrets: frozenset[str] = frozenset()
    leases: Mapping[int, Manifest | None] = field(default_factory=dict)  # by slot
    silences: Mapping[int, Silence] = field(default_factory=dict)  # by slot that nobody hears
    jobs: Mapping[int, Manifest | None] = field(default_factory=dict)  # by slot whose orders one withdraws
    since_start_s: float = 1e9  # before the asking: who is not asked about yet is not judged yet, and looked at again


@dataclass(frozen=True, slots=True)
class Observer:
    """Reads the store; the streams and the time are given to it."""

    store: Store
    stream: Callable[[str], Stream]  # by the pod's uid
    now: Callable[[], datetime]
    since_start_s: Callable[[], float]
    refused_pods: Callable[[str], Trouble | None] = lambda _: None  # by the StatefulSet's uid

    def timestamp(self) -> str:
        return timestamp(self.now())

    def pods(self, bot: Name) -> list[Manifest]:
        return [child for (kind, _), child in self.store.children(bot).items() if kind == "Pod"]

    def unknown_venues(self, bot: Bot) -> frozenset[str]:
        """Venues that this spec names and no watch has told of: they may be there all the same."""
        if bot.spec is None:
            return frozenset()
        return frozenset(name for name in bot.spec.venue_names() if not self.store.get("Venue", (bot.namespace, name)))

    def needed_secrets(self, bot: Bot, found: Mapping[str, Manifest]) -> frozenset[str]:
        """Secrets whose existence this spec depends on; `found` are the Venues that were asked for."""
        if bot.spec is None or bot.spec.mode is not Mode.LIVE:
            return frozenset()
        venues = self._venues(bot, self._told_venues(bot, found))
        used = (venues.get(leg.execution.venue) for leg in bot.spec.legs)
        return frozenset(v.credentials_secret_ref.name for v in used if v and v.credentials_secret_ref)

    def silent_slots(self, bot: Bot) -> list[int]:
        """Slots whose pods cannot say themselves what they have left in the market."""
        return [pod.ordinal for pod in self._read_pods(bot) if not pod.stream.connected]

    def slots_without_lease(self, bot: Bot) -> list[int]:
        """Slots that do not trade because they have no Lease: somebody else may have it, or nobody."""
        heard = ((pod.ordinal, pod.stream.report) for pod in self._read_pods(bot) if pod.stream.connected)
        fenced = {slot for slot, report in heard if report and report.state is TradingState.FENCED}
        return sorted(fenced | slots_halted_by_deletion(bot))

    def lost_slots(self, bot: Bot, since_start_s: float) -> list[int]:
        """Slots that have run, and of which nobody has heard for a while."""
        config_map = self.store.children((bot.namespace, bot.name)).get(("ConfigMap", names.slots_config_map(bot.name)))
        if since_start_s < UNHEARD_AFTER_S or not reaches_an_account(bot, config_map):
            return []
        heard = {pod.ordinal for pod in self._read_pods(bot)
                 if pod.stream.connected or pod.is_yet_to_be_tried(since_start_s)}  # fmt: skip
        return [slot.ordinal for slot in bot.status.slots if slot.config_hash and slot.ordinal not in heard]

    def _read_pods(self, bot: Bot) -> list[Pod]:
        found = (read_pod(pod, bot.name, self.stream(pod["metadata"]["uid"]), self.now())
                 for pod in self.pods((bot.namespace, bot.name)))  # fmt: skip
        return sorted((pod for pod in found if pod), key=lambda pod: pod.ordinal)

    def halting(self, bot: Bot) -> Observed:
        """What a halt depends on, and no more."""
        pods = tuple(pod for pod in self._read_pods(bot) if pod.bot_uid in ("", bot.metadata.uid))
        return Observed(now=self.timestamp(), pods=pods, stop_orders=self._stop_orders(bot))

    def observe(self, bot: Bot, asked: Asked) -> Observed:
        name = (bot.namespace, bot.name)
        children = self.store.children(name)
        now = self.now()
        pods = self._read_pods(bot)
        rollout, wrong = self._rollout(bot)
        own = {key: child for key, child in children.items() if key[0] in CHILD_KINDS and owned_by(child, bot)}
        venues = self._told_venues(bot, asked.venues)
        return Observed(
            now=timestamp(now),
            venues=self._venues(bot, venues),
            going_venues=self._going(bot, venues),
            missing_secrets=asked.missing_secrets,
            accounts=(of := accounts(venues)),
            rivals=rivals(self.store, bot, of),
            claimed=self.store.claims.get(name, frozenset()),
            children=own,
            pods=tuple(pod for pod in pods if pod.bot_uid in ("", bot.metadata.uid)),
            pods_refused=self.refused_pods(found["metadata"]["uid"])
            if (found := own.get(("StatefulSet", bot.name)))
            else None,
            stop_orders=self._stop_orders(bot),
            leases={slot: lease["metadata"]["uid"] if lease else None for slot, lease in asked.leases.items()},
            leases_never_held=frozenset(
                slot.ordinal for slot in bot.status.slots if never_held(asked.leases.get(slot.ordinal), slot.lease_uid)
            ),
            silences=asked.silences,
            jobs=asked.jobs,
            former=(
                *(f"pod {pod.name}" for pod in pods if pod.bot_uid not in ("", bot.metadata.uid)),
                *(f"{kind} {child}" for kind, child in children if kind == "StatefulSet" and (kind, child) not in own),
            ),
            closed=closed(rollout, now) if rollout else None,
            schedule_problems=wrong,
            since_start_s=asked.since_start_s,
            # Time in which nobody led was no time to drain in.
            deleting_for_s=min(since(bot.metadata.deletion_timestamp, now), asked.since_start_s),
            reconciling_for_s=since(_reconciling_since(bot), now),
        )

    def _rollout(self, bot: Bot) -> tuple[Rollout | None, tuple[str, ...]]:
        """By which restarts are let through, today's or the last valid one; and what is wrong with today's."""
        wrong = schedule_problems(bot.spec.rollout) if bot.spec else ()
        if bot.spec is not None and not wrong:
            return bot.spec.rollout, wrong
        accepted = accepted_of(self.store, (bot.namespace, bot.name))
        return (accepted.spec.rollout if accepted else None), wrong

    def trading_halt_status(self, manifest: Manifest) -> Manifest | None:
        """The status to write; None when the stored one says the same."""
        selector, uid = read_trading_halt(manifest).selector, manifest["metadata"]["uid"]
        there = list(self.store.all("TradingBot", manifest["metadata"]["namespace"]))
        selected = tuple(
            HaltedBot(name_of(bot)[1], holds_everywhere(bot.get("status") or {}, uid))
            for bot in there
            if selects(selector, bot["metadata"].get("labels") or {})
        )
        metadata, before = ObjectMeta.model_validate(manifest["metadata"]), manifest.get("status") or {}
        return trading_halt_status(metadata, before, Selection(selector, selected, len(there)), self.timestamp())

    def _told_venues(self, bot: Bot, found: Mapping[str, Manifest]) -> tuple[Manifest, ...]:
        """`found` were asked for. A watch may have told of one by now: that is newer, and comes last."""
        return (*found.values(), *self.store.all("Venue", bot.namespace))

    def _venues(self, bot: Bot, told: Iterable[Manifest]) -> dict[str, VenueSpec | None]:
        going = self._going(bot, told)
        read = {name: read_venue(venue) for venue in told if (name := name_of(venue)[1]) not in going}
        return {name: spec if isinstance(spec, VenueSpec) else None for name, spec in read.items()}

    def _going(self, bot: Bot, told: Iterable[Manifest]) -> frozenset[str]:
        """Venues that are being deleted, for a bot that does not trade there yet: for the others that waits."""
        ending = frozenset(name_of(venue)[1] for venue in told if is_going(venue))
        if not ending:
            return ending
        accepted = accepted_of(self.store, (bot.namespace, bot.name))
        return ending - accepted.venues.keys() if accepted else ending

    def _stop_orders(self, bot: Bot) -> tuple[StopOrder, ...]:
        return tuple(
            _stop_order(halt, bot)
            for halt in self.store.all("TradingHalt", bot.namespace)
            if "deletionTimestamp" not in halt["metadata"]
        )


def _stop_order(manifest: Manifest, bot: Bot) -> StopOrder:
    spec, metadata = read_trading_halt(manifest), manifest["metadata"]
    return StopOrder(
        name=metadata["name"], uid=metadata["uid"], reason=spec.reason, flatten=spec.flatten,
        until_deleted=spec.on_delete is OnDelete.RESUME, selected=selects(spec.selector, bot.metadata.labels),
    )  # fmt: skip


def _reconciling_since(bot: Bot) -> str | None:
    for condition in bot.status.conditions:
        if condition.type == ConditionType.RECONCILING and condition.status is ConditionStatus.TRUE:
            return condition.last_transition_time
    return None
