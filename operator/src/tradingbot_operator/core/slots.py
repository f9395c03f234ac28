"""How many slots a bot has now, what each one trades, and who has yet to let go of a market."""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tradingbot_operator.core import names
from tradingbot_operator.core.accounts import DRAIN_FOR_REPLACEMENT, drained_for
from tradingbot_operator.core.assignment import Assignment, hand_over, instrument, rendezvous, with_hedges
from tradingbot_operator.core.children import Accepted
from tradingbot_operator.core.closings import Gone, Statements, held_by, of_a_slot_that_is_gone, said, stored
from tradingbot_operator.core.observed import Bot, Installation, Manifest, Observed, Pod
from tradingbot_operator.core.rollout import DRAIN_FOR_RESTART
from tradingbot_runtime.config import BotIdentity, LeaseReference, SlotConfig, TradingBotSpec, slot_config
from tradingbot_runtime.model.events import TradingState

RECENT = 64  # documents of ConfigMaps that are kept as they were read: one decision reads each several times
DRAIN_FOR_SCALING = "the slot is being removed"


@dataclass(frozen=True, slots=True)
class Scale:
    """`serving` slots get markets; those from there up to `replicas` are being drained before they are removed."""

    serving: int
    replicas: int
    leaving: tuple[Pod, ...] = ()


def scale(
    spec: TradingBotSpec, observed: Observed, stateful_set: Manifest | None, config_map: Manifest | None,
    limits: Installation,
) -> Scale:  # fmt: skip
    """The StatefulSet shrinks only when every slot that goes is drained and has said what became of its markets.

    Or has never run, or had its time. A slot that was told to drain stays drained until its process ends, so it goes
    even when it is wanted again.
    """
    serving = min([spec.replicas, *(pod.ordinal for pod in observed.pods if _was_drained(pod))])
    current = stateful_set["spec"]["replicas"] if stateful_set else serving
    pods = {pod.ordinal: pod for pod in observed.pods}
    owing = _Owing.of(config_map, overdue=observed.reconciling_for_s > spec.rollout.progress_deadline_ns / 1e9)
    if all(_may_go(pods.get(slot), owing.by(slot), limits) for slot in range(serving, current)):
        return Scale(serving, serving)
    return Scale(serving, current, tuple(pod for pod in observed.pods if serving <= pod.ordinal < current))


@dataclass(frozen=True, slots=True)
class _Owing:
    """Which slots have yet to say what became of their markets, as far as that is waited for."""

    before: Mapping[int, SlotConfig]
    releasing: Mapping[str, int]
    told: Container[str]
    overdue: bool

    @classmethod
    def of(cls, config_map: Manifest | None, *, overdue: bool) -> "_Owing":
        return cls(configured(config_map), being_released(config_map), stored(config_map).said, overdue)

    def by(self, slot: int) -> bool:
        config = self.before.get(slot)
        if self.overdue or config is None or config.epoch == 0:  # 0: nobody has ever heard of a process of it
            return False
        return any(name not in self.told for name in held_by(slot, config, self.releasing))


def _was_drained(pod: Pod) -> bool:
    """For good, that is: not only to be replaced."""
    report = pod.stream.report
    is_drained = pod.stream.draining_for_s is not None or (report is not None and report.state is TradingState.DRAINED)
    return is_drained and drained_for(pod) not in (DRAIN_FOR_REPLACEMENT, DRAIN_FOR_RESTART)


def _may_go(pod: Pod | None, owes_a_statement: bool, limits: Installation) -> bool:  # noqa: FBT001 - said by its name
    if pod is None or not pod.started:
        return not owes_a_statement
    if pod.stream.draining_for_s is not None and pod.stream.draining_for_s > limits.drain_timeout_s:
        return True
    return pod.stream.drained and not owes_a_statement


def last_accepted(config_map: Manifest | None) -> Accepted | None:
    """The last valid spec; None when there is none, or none that this version can read."""
    document = (config_map or {}).get("data", {}).get(names.ACCEPTED)
    return None if document is None else _accepted(document)


@lru_cache(RECENT)
def _accepted(document: str) -> Accepted | None:
    try:
        return Accepted.read(document)
    except (ValueError, KeyError):
        return None  # then it is as with a bot that was never accepted: nothing is changed until the spec is valid


def configured(config_map: Manifest | None) -> dict[int, SlotConfig]:
    """The slots as the ConfigMap has them; those that this version cannot read are passed over."""
    found: dict[int, SlotConfig] = {}
    for key, document in ((config_map or {}).get("data") or {}).items():
        if not key.startswith("slot-"):
            continue
        config = _slot_config(document)
        if config is not None:
            found[config.slot] = config
    return found


@lru_cache(RECENT)
def _slot_config(document: str) -> SlotConfig | None:
    try:
        return SlotConfig.model_validate_json(document)
    except ValueError:
        return None


def assign(
    accepted: Accepted, observed: Observed, config_map: Manifest | None, now: Scale
) -> tuple[Assignment, Statements]:
    """The next step of the hand-over, from what the ConfigMap says to what the spec wants; and what is known of it."""
    before = configured(config_map)
    granted = {instrument(m): slot for slot, config in before.items() for m in config.markets}
    releasing = being_released(config_map)
    pods = {pod.ordinal: pod for pod in observed.pods}
    told = stored(config_map)
    statements = dict(told.said)
    for name, slot in releasing.items():
        pod, config, handed = pods.get(slot), before.get(slot), told.handed.get(name, ())
        heard = said(pod, config, name, handed) if pod else None
        if heard is not None:
            statements[name] = heard
        elif slot >= now.replicas and name not in statements:
            spec = accepted.spec
            statements[name] = of_a_slot_that_is_gone(Gone(slot, config, handed), name, spec.mode, spec.legs)

    def released(slot: int, _instrument: str) -> bool:
        pod, config = pods.get(slot), before.get(slot)
        return _let_go(pod, config) if pod else slot >= now.replicas

    wanted = rendezvous([instrument(m) for m in accepted.spec.markets], now.serving)
    step = hand_over(wanted, Assignment(granted, releasing), released)
    hedges = {instrument(leg): slot for slot, config in before.items() for leg in config.legs if leg.is_hedge}
    hedged = {instrument(m): instrument(m.hedge) for m in accepted.spec.markets if m.hedge in accepted.spec.legs}
    return with_hedges(step, hedged, hedges), Statements(statements, told.handed)


def being_released(config_map: Manifest | None) -> dict[str, int]:
    """Instruments that a slot has yet to let go of, as the ConfigMap says."""
    annotations = (config_map or {}).get("metadata", {}).get("annotations", {})
    return {str(k): int(v) for k, v in json.loads(annotations.get(names.RELEASING, "{}")).items()}


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
    slots: Mapping[int, SlotConfig], before: Mapping[int, SlotConfig], pods: Iterable[Pod]
) -> dict[int, SlotConfig]:
    """The slots with what tells newer from older: a generation that rises with every change, and the last epoch seen.

    A runtime starts from its journal where that has the newer generation, and knows by the epoch that it lost one.
    """
    seen = {pod.ordinal: pod.stream.report.epoch for pod in pods if pod.stream.report is not None}
    return {slot: _numbered(config, before.get(slot), seen.get(slot, 0)) for slot, config in slots.items()}


def _numbered(config: SlotConfig, before: SlotConfig | None, epoch_seen: int) -> SlotConfig:
    if before is None:
        return config.model_copy(update={"generation": 1, "epoch": epoch_seen})
    changed = before.config_hash() != config.config_hash()
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
