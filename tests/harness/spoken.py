"""Whether what a status says is in the vocabulary that the docs and other tools rely on."""

from collections.abc import Iterable

from tradingbot_operator.api.v1alpha1 import Condition, TradingBotStatus
from tradingbot_operator.core.conditions import ConditionType, Reason
from tradingbot_operator.core.vocabulary import KINDS, PENDING


def assert_in_vocabulary(kind: str, conditions: Iterable[Condition]) -> None:
    for condition in conditions:
        words = KINDS[kind][ConditionType(condition.type)]
        allowed = words.reasons(condition.status)
        assert Reason(condition.reason) in allowed, f"{kind}: {condition.type}={condition.status} {condition.reason}"


def assert_bot_speaks(status: TradingBotStatus) -> None:
    assert_in_vocabulary("TradingBot", status.conditions)
    if (waits := status.pending_change) is not None:
        assert Reason(waits.reason) in PENDING[waits.change], waits
