"""Which markets a halt holds, and that it goes wherever they go. Pure.

A halt is a slot's. What the slot has in its configuration, or has yet to let go of, is remembered on the ConfigMap
until a person has resumed: should the slot be gone by then, whoever gets one of these markets starts with its halts.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from tradingbot_operator.api.v1alpha1 import HaltStatus
from tradingbot_operator.api.v1alpha1.tradingbot import REMOVED
from tradingbot_operator.core import names
from tradingbot_operator.core.assignment import Halted, instrument
from tradingbot_operator.core.closings import held_by
from tradingbot_operator.core.halts import Halts, free_id
from tradingbot_operator.core.observed import Bot, Manifest, Pod
from tradingbot_operator.core.record import Document, record
from tradingbot_operator.core.written import parsed
from tradingbot_runtime.config import SlotConfig, TradingBotSpec

Markets = Mapping[str, frozenset[int]]  # by instrument: slots whose halts hold it


def halted(bot: Bot, spec: TradingBotSpec, config_map: Manifest | None, slots: frozenset[int]) -> Halted:
    """`slots` are those with a halt that nobody has resumed; what the others had is free."""
    known = record(config_map)
    found: dict[str, set[int]] = defaultdict(set)
    for slot, markets in () if config_map else _by_status(bot, spec):
        for name in markets if slot in slots else ():
            found[name].add(slot)
    for name, of in _stored(config_map).items():
        found[name] |= of & slots
    for slot in slots:
        one = known.documents.get(slot, Document())
        for name in (*one.markets, *one.hedges, *held_by(slot, None, known.releasing)):
            found[name].add(slot)
    return Halted(slots, {name: frozenset(of) for name, of in found.items() if of})


def _by_status(bot: Bot, spec: TradingBotSpec) -> Iterator[tuple[int, list[str]]]:
    """Where somebody has deleted the ConfigMap. Any market may have been that of a slot which is no more."""
    for slot in bot.status.slots:
        gone = slot.state == REMOVED
        yield slot.ordinal, [instrument(market) for market in spec.markets if gone or market.name in slot.markets]


def _stored(config_map: Manifest | None) -> Markets:
    annotations = (config_map or {}).get("metadata", {}).get("annotations") or {}
    try:
        content = parsed(annotations.get(names.HALTED_MARKETS, "{}"))
        return {str(name): frozenset(map(int, of)) for name, of in content.items()}
    except (ValueError, TypeError, AttributeError):
        return {}  # somebody has edited it: what the slots have now is known all the same


def inherited(held: Halts, markets: Markets, slots: Mapping[int, SlotConfig], pods: Collection[Pod]) -> Halts:
    """With the halts of each market on the slot that has it now. They have the ids that a person knows them by."""
    told = {pod.ordinal: pod.stream.report.resumed for pod in pods if pod.stream.connected and pod.stream.report}
    known = {(halt.slot, halt.id) for halt in held.in_force}
    laid: dict[tuple[int, str], HaltStatus] = {}
    for slot, config in slots.items():
        for halt in _of_others(held, markets, slot, config):
            key = (slot, free_id(halt.id, told.get(slot, ())))
            if key not in known:
                laid[key] = halt.model_copy(update={"id": key[1], "slot": slot, "confirmed": False})
    return held if not laid else replace(held, in_force=held.sorted_with(laid.values()))


def _of_others(held: Halts, markets: Markets, slot: int, config: SlotConfig) -> Iterator[HaltStatus]:
    sources = {of for leg in config.legs for of in markets.get(instrument(leg), frozenset())} - {slot}
    return (halt for halt in held.unreleased if halt.slot in sources)
