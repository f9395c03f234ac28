"""TradingHalts: which bots they select, and what their status says."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tradingbot_operator.api.v1alpha1 import (
    LabelSelector,
    ObjectMeta,
    SelectorOperator,
    TradingHaltStatus,
)
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

    `status` is a TradingBot's as it is stored: a thousand of them are looked at for each that changes, and parsing all
    of each takes longer than the halts themselves. What is not written as we write it proves nothing.
    """
    try:
        held = {halt["slot"] for halt in status.get("halts") or ()
                if halt.get("tradingHaltUID") == uid and halt.get("confirmed", True) is True}  # fmt: skip
        replicas = status.get("replicas", 0)
        return all(slot["ordinal"] in held for slot in status.get("slots") or () if slot["ordinal"] < replicas)
    except (KeyError, TypeError, AttributeError):
        return False


def trading_halt_status(metadata: ObjectMeta, before: Manifest, bots: Iterable[HaltedBot], now: str) -> Manifest | None:
    """The status to write; None when `before`, the stored one, says the same."""
    old = TradingHaltStatus.model_validate(before)
    selected = sorted(bots, key=lambda bot: bot.name)
    waiting = [bot.name for bot in selected if not bot.is_halted]
    after = TradingHaltStatus(
        observed_generation=metadata.generation,
        conditions=merge(old.conditions, _observe(waiting), metadata.generation, now),
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
