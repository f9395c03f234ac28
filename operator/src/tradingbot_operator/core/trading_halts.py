"""TradingHalts: which bots they select, and what their status says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tradingbot_operator.api.v1alpha1 import (
    LabelSelector,
    ObjectMeta,
    SelectorOperator,
    SelectorRequirement,
    TradingHaltStatus,
)
from tradingbot_operator.api.v1alpha1.tradingbot import REMOVED
from tradingbot_operator.core.conditions import ConditionType, Observation, Reason, merge, no, yes
from tradingbot_operator.core.observed import Manifest
from tradingbot_operator.core.wording import listed

_Holds = Callable[[str | None, list[str]], bool]
OPERATORS: Mapping[SelectorOperator, _Holds] = {
    SelectorOperator.IN: lambda value, values: value in values,
    SelectorOperator.NOT_IN: lambda value, values: value not in values,  # also where the label is missing
    SelectorOperator.EXISTS: lambda value, _: value is not None,
    SelectorOperator.DOES_NOT_EXIST: lambda value, _: value is None,
}


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """As metav1.LabelSelector: all of it holds; an empty selector selects everything."""
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    return all(OPERATORS[each.operator](labels.get(each.key), each.values) for each in selector.match_expressions)


@dataclass(frozen=True, slots=True)
class HaltedBot:
    """What a TradingHalt wants to know of a bot that it selects: whether every slot holds that TradingHalt."""

    name: str
    is_halted: bool


def holds_everywhere(status: Manifest, uid: str) -> bool:
    """Whether every slot holds the halt of the TradingHalt with `uid`; a bot without slots does not trade.

    Every slot that the bot has, whether its pod is there or not: one without a pod may have lost it with its node, and
    its process goes on. Of one that was removed, only as long as there is a pod of it.

    `status` is a TradingBot's as it is stored: a thousand of them are looked at for each that changes, and parsing all
    of each takes longer than the halts themselves. What is not written as we write it proves nothing.
    """
    try:
        held = {halt["slot"] for halt in status.get("halts") or ()
                if halt.get("tradingHaltUID") == uid and halt.get("confirmed", True) is True}  # fmt: skip
        trading = (slot for slot in status.get("slots") or () if slot.get("state") != REMOVED or slot.get("pod"))
        return all(slot["ordinal"] in held for slot in trading)
    except (KeyError, TypeError, AttributeError):
        return False


@dataclass(frozen=True, slots=True)
class Selection:
    """What a TradingHalt asks for, and whom it has found in its namespace."""

    selector: LabelSelector
    bots: tuple[HaltedBot, ...]
    of: int  # bots of the namespace


def trading_halt_status(metadata: ObjectMeta, before: Manifest, selection: Selection, now: str) -> Manifest | None:
    """The status to write; None when `before`, the stored one, says the same."""
    old = TradingHaltStatus.model_validate(before)
    selected = sorted(selection.bots, key=lambda bot: bot.name)
    waiting = [bot.name for bot in selected if not bot.is_halted]
    observations = _observe(waiting) if selected else _selects_nobody(selection)
    after = TradingHaltStatus(
        observed_generation=metadata.generation,
        conditions=merge(old.conditions, observations, metadata.generation, now),
        bots=len(selected),
        halted=len(selected) - len(waiting),
    )
    return None if after == old else after.model_dump(mode="json", by_alias=True)


NAMED_MOST = 10


def _observe(waiting: list[str]) -> list[Observation]:
    if not waiting:
        holds = "every bot that it selects is halted"
        return [yes(ConditionType.READY, Reason.HALTS_HOLD, holds), no(ConditionType.RECONCILING, Reason.CONVERGED)]
    message = f"not confirmed by every slot yet: {listed(waiting, NAMED_MOST)}"
    return [no(ConditionType.READY, Reason.AWAITING_SLOTS, message),
            yes(ConditionType.RECONCILING, Reason.AWAITING_SLOTS, message)]  # fmt: skip


def _selects_nobody(selection: Selection) -> list[Observation]:
    """A mistyped label stops nobody, and whoever wrote it believes that all is stopped."""
    found = f"it selects none of the bots of this namespace ({selection.of})"
    whom = found if selection.of else "there is no bot in this namespace"
    message = f"nobody is halted: {whom}; one that comes later is. spec.selector: {in_words(selection.selector)}"
    return [no(ConditionType.READY, Reason.NO_BOTS_SELECTED, message),
            no(ConditionType.RECONCILING, Reason.NO_BOTS_SELECTED, message)]  # fmt: skip


def in_words(selector: LabelSelector) -> str:
    """As `kubectl get -l` takes it."""
    labels = [f"{key}={value}" for key, value in sorted(selector.match_labels.items())]
    return ",".join([*labels, *map(_requirement, selector.match_expressions)]) or "every bot"


def _requirement(each: SelectorRequirement) -> str:
    values = ",".join(each.values)
    return {
        SelectorOperator.IN: f"{each.key} in ({values})",
        SelectorOperator.NOT_IN: f"{each.key} notin ({values})",
        SelectorOperator.EXISTS: each.key,
        SelectorOperator.DOES_NOT_EXIST: f"!{each.key}",
    }[each.operator]
