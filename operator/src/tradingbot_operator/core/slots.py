"""How many slots a bot has now, what each one trades, and who has yet to let go of a market."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tradingbot_operator.api.v1alpha1.tradingbot import MAX_SLOTS
from tradingbot_operator.core import names
from tradingbot_operator.core.accounts import DRAIN_FOR_REPLACEMENT, drained_for
from tradingbot_operator.core.assignment import (
    Assignment,
    Halted,
    deal,
    hand_over,
    held_back,
    instrument,
    with_hedges,
)
from tradingbot_operator.core.children import Accepted
from tradingbot_operator.core.closings import Gone, Statements, held_by, of_a_slot_that_is_gone, said, stored
from tradingbot_operator.core.observed import Bot, Installation, Manifest, Observed, Pod
from tradingbot_operator.core.record import Document, Record, configured, record
from tradingbot_operator.core.rollout import DRAIN_FOR_RESTART
from tradingbot_runtime.config import BotIdentity, DesiredState, LeaseReference, SlotConfig, TradingBotSpec, slot_config
from tradingbot_runtime.model.events import TradingState

DRAIN_FOR_SCALING = "the slot is being removed"


@dataclass(frozen=True, slots=True)
class Scale:
    """`dealt` slots get markets. Up to `serving` are those that stay all the same: the halted and what is below them.

    Those from there up to `replicas` are being drained before they are removed.
    """

    serving: int
    replicas: int
    leaving: tuple[Pod, ...] = ()
    dealt: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What an earlier decision has left."""

    stateful_set: Manifest | None
    config_map: Manifest | None


def scale(
    spec: TradingBotSpec, observed: Observed, written: Written, halted: frozenset[int], limits: Installation
) -> Scale:  # fmt: skip
    """The StatefulSet shrinks only when every slot that goes is drained and has said what became of its markets.

    Or has never run, or had its time. A slot that was told to drain stays drained until its process ends, so it goes
    even when it is wanted again. One that is `halted` stays with its markets until it is resumed.
    """
    stateful_set, known = written.stateful_set, record(written.config_map)
    pods = {pod.ordinal: pod for pod in observed.pods}
    # Somebody may have scaled it by hand: slots that no bot can have were never told anything.
    made = min(stateful_set["spec"]["replicas"], MAX_SLOTS) if stateful_set else None
    staying = _staying(spec, known, halted, {*range(made or 0), *pods})
    wanted = max([spec.replicas, *(slot + 1 for slot in staying)])
    serving = min([wanted, *(pod.ordinal for pod in observed.pods if _was_drained(pod, known))])
    dealt = min(serving, spec.replicas)
    current = serving if made is None else made
    overdue = observed.reconciling_for_s > spec.rollout.progress_deadline_ns / 1e9
    owing = _Owing(configured(written.config_map), known.releasing, stored(written.config_map).said, overdue,
                   unknown=not known.is_whole({*range(current), *pods}))  # fmt: skip
    if all(_may_go(pods.get(slot), owing.by(slot), limits) for slot in range(serving, current)):
        return Scale(serving, serving, dealt=dealt)
    return Scale(serving, current, tuple(pod for pod in observed.pods if serving <= pod.ordinal < current), dealt)


def _staying(spec: TradingBotSpec, known: Record, halted: frozenset[int], there: Container[int]) -> Iterator[int]:
    """Slots whose markets have nowhere to go: they are halted, or all are that are to stay. Of those that are `there`.

    A bot that is to trade nothing has no reason to wait: its halts lie on whoever gets the markets afterwards.
    """
    if spec.replicas == 0 or spec.desired_state is DesiredState.STOPPED:
        return
    wanted = {instrument(market) for market in spec.markets}
    nobody_takes = halted.issuperset(range(spec.replicas))
    for slot, one in known.documents.items():
        has = {*one.markets, *(name for name, of in known.releasing.items() if of == slot)}
        if slot in there and (slot in halted or nobody_takes) and (not one.is_legible or not wanted.isdisjoint(has)):
            yield slot


@dataclass(frozen=True, slots=True)
class _Owing:
    """Which slots have yet to say what became of their markets, as far as that is waited for."""

    before: Mapping[int, SlotConfig]
    releasing: Mapping[str, int]
    told: Container[str]
    overdue: bool
    unknown: bool  # what they hold: nobody can read it

    def by(self, slot: int) -> bool:
        config = self.before.get(slot)
        if self.overdue or config is None or config.epoch == 0:  # 0: nobody has ever heard of a process of it
            return False
        return self.unknown or any(name not in self.told for name in held_by(slot, config, self.releasing))


def _was_drained(pod: Pod, known: Record) -> bool:
    """For good, that is: not only to be replaced. Because it was asked to, by this operator or by the one before it.

    A slot's word alone drains nobody: the one that was asked had been told before that it has no market any more, as
    had all above it.
    """
    report = pod.stream.report
    if pod.stream.draining_for_s is not None:
        return drained_for(pod) not in (DRAIN_FOR_REPLACEMENT, DRAIN_FOR_RESTART)
    if report is None or report.state is not TradingState.DRAINED or drained_for(pod) != DRAIN_FOR_SCALING:
        return False
    above = [one for slot, one in known.documents.items() if slot >= pod.ordinal]
    return all(one.is_legible and not one.markets for one in above)


def _may_go(pod: Pod | None, owes_a_statement: bool, limits: Installation) -> bool:  # noqa: FBT001 - said by its name
    if pod is None or not pod.started:
        return not owes_a_statement
    if pod.stream.draining_for_s is not None and pod.stream.draining_for_s > limits.drain_timeout_s:
        return True
    return pod.stream.drained and not owes_a_statement


def deal_out(spec: TradingBotSpec, known: Record, size: Scale, halted: Halted) -> dict[str, int]:
    """Which slot is to have each market, by instrument."""
    holders = known.releasing | known.granted
    there = {name: slot for name, slot in holders.items() if slot < size.serving}
    markets = {name: frozenset(slot for slot in of if slot < size.serving) for name, of in halted.markets.items()}
    return deal([instrument(m) for m in spec.markets], size.dealt, there, Halted(halted.slots, markets))


def assign(
    accepted: Accepted, observed: Observed, config_map: Manifest | None, now: Scale, wanted: Mapping[str, int]
) -> tuple[Assignment, Statements]:
    """The next step of the hand-over, from what the ConfigMap says to what the spec wants; and what is known of it."""
    before, known = configured(config_map), record(config_map)
    pods = {pod.ordinal: pod for pod in observed.pods}

    def released(slot: int, _instrument: str = "") -> bool:
        pod, config = pods.get(slot), before.get(slot)
        return _let_go(pod, config) if pod else slot >= now.replicas

    slots = {*range(now.replicas), *pods}
    is_whole = known.is_whole(slots)
    doubted = frozenset() if is_whole else frozenset(slot for slot in slots if not released(slot))
    releasing = known.releasing if is_whole else {**_closed_by(pods.values(), known, accepted), **known.releasing}
    statements = _statements(accepted, before, releasing, _Heard(pods, stored(config_map), now.replicas))
    step = hand_over(wanted, Assignment(known.granted, releasing), released)
    hedged = {instrument(m): instrument(m.hedge) for m in accepted.spec.markets if m.hedge in accepted.spec.legs}
    step = with_hedges(step, hedged, known.hedges)
    return held_back(step, {**known.granted, **known.hedges}, hedged, doubted), statements


def _closed_by(pods: Iterable[Pod], known: Record, accepted: Accepted) -> dict[str, int]:
    """Instruments of no slot that one says it has closed: what it says of them goes to the next one."""
    wanted = {instrument(leg) for leg in accepted.spec.legs} - known.granted.keys() - known.hedges.keys()
    return {name: pod.ordinal for pod in pods if pod.stream.report for one in pod.stream.report.closed or ()
            if (name := f"{one.venue}/{one.symbol}") in wanted}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Heard:
    pods: Mapping[int, Pod]
    told: Statements
    replicas: int


def _statements(
    accepted: Accepted, before: Mapping[int, SlotConfig], releasing: Mapping[str, int], heard: _Heard
) -> Statements:
    """With what is said now of what is let go of."""
    statements = dict(heard.told.said)
    for name, slot in releasing.items():
        pod, config, handed = heard.pods.get(slot), before.get(slot), heard.told.handed.get(name, ())
        now = said(pod, config, name, handed) if pod else None
        if now is not None:
            statements[name] = now
        elif slot >= heard.replicas and name not in statements:
            spec = accepted.spec
            statements[name] = of_a_slot_that_is_gone(Gone(slot, config, handed), name, spec.mode, spec.legs)
    return Statements(statements, heard.told.handed)


def _let_go(pod: Pod, config: SlotConfig | None) -> bool:
    """Whether the slot has nothing in the market beyond what its configuration still gives it.

    A drained pod is not enough: its container could start again before kubelet has mounted the new configuration.
    """
    report = pod.stream.report
    if config is None or report is None or not pod.stream.connected or report.config_hash != config.config_hash():
        return False
    kept = {leg.name for leg in config.legs}
    return not any(market.open_orders for market in report.markets if market.market not in kept)


def documents(bot: Bot, accepted: Accepted, assignment: Assignment, replicas: int) -> dict[int, SlotConfig]:
    """The configuration of each slot, also of those that are leaving (which trade nothing)."""
    identity = BotIdentity(namespace=bot.namespace, name=bot.name, uid=bot.metadata.uid)
    markets: dict[int, list[str]] = {slot: [] for slot in range(replicas)}
    for market in accepted.spec.markets:
        slot = assignment.granted.get(instrument(market))
        if slot in markets:
            markets[slot].append(market.name)
    return {slot: _with_lease(bot.name, slot_config(identity, accepted.spec, accepted.venues, markets, slot))
            for slot in markets}  # fmt: skip


def numbered(
    slots: Mapping[int, SlotConfig], before: Mapping[int, Document], pods: Iterable[Pod]
) -> dict[int, SlotConfig]:
    """The slots with what tells newer from older: a generation that rises with every change, and the last epoch seen.

    A runtime starts from its journal where that has the newer generation, and knows by the epoch that it lost one.
    """
    seen = {pod.ordinal: pod.stream.report.epoch for pod in pods if pod.stream.report is not None}
    highest = Document(generation=max((one.generation for one in before.values()), default=0))  # of one nobody can read
    known = {slot: one if one.is_legible else highest for slot, one in before.items()}
    return {slot: _numbered(config, known.get(slot, Document()), seen.get(slot, 0)) for slot, config in slots.items()}


def _numbered(config: SlotConfig, before: Document, epoch_seen: int) -> SlotConfig:
    """One before that this version cannot read was another one."""
    changed = before.config is None or before.config.config_hash() != config.config_hash()
    return config.model_copy(update={"generation": before.generation + changed, "epoch": max(before.epoch, epoch_seen)})


def _with_lease(bot: str, config: SlotConfig) -> SlotConfig:
    return config.model_copy(update={"lease": LeaseReference(name=names.slot_lease(bot, config.slot))})


def combined_hash(hashes: Mapping[int, str]) -> str:
    """One hash for the configuration of all slots."""
    return names.digest({str(slot): text for slot, text in sorted(hashes.items())}) if hashes else ""


def unassigned(accepted: Accepted, slots: Mapping[int, SlotConfig]) -> Sequence[str]:
    """Markets that no slot has: on their way from one to another, or there is no slot."""
    given = {market.name for config in slots.values() for market in config.markets}
    return [market.name for market in accepted.spec.markets if market.name not in given]
