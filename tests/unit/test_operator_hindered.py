"""A bot that cannot quote is neither Ready nor enabled, asks for a person, and says all of it once."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from harness.bot_model import Cluster, bot, spec
from tradingbot_operator.api.v1alpha1 import Condition, ConditionStatus, Phase
from tradingbot_operator.core.observed import essence
from tradingbot_operator.core.outcome import Outcome
from tradingbot_runtime.model.events import TradingState

SYMBOLS = ("AAAUSDT", "BBBUSDT")
REFUSED = {"reason": "MaxOrder", "message": "no order passes this check: too large"}
LOST = {"reason": "OrderLost", "message": "the fate of order ab12 cannot be found out"}
WHERE = "slot 0, market"


def settled() -> Cluster:
    cluster = Cluster(bot(spec(SYMBOLS)))
    cluster.settle()
    return cluster


def with_markets(cluster: Cluster, *told: dict[str, str], **report: Any) -> Outcome:  # noqa: ANN401 - fields of a report
    pod = cluster.pods[0]
    assert pod.stream.report
    markets = tuple(msgspec.structs.replace(m, **({"reason": "", "message": ""} | said))
                    for m, said in zip(pod.stream.report.markets, told, strict=True))  # fmt: skip
    whole = msgspec.structs.replace(pod.stream.report, markets=markets, **report)
    cluster.pods[0] = replace(pod, stream=replace(pod.stream, report=whole))
    return cluster.step()


def said(cluster: Cluster) -> dict[str, Condition]:
    return {c.type: c for c in cluster.bot.status.conditions}


@pytest.mark.parametrize(("told", "reason"), [(REFUSED, "CannotQuote"), (LOST, "OrderLost")])
def test_a_market_that_cannot_quote_is_in_the_conditions_with_its_reason_and_message(
    told: dict[str, str], reason: str
) -> None:
    cluster = settled()
    outcome = with_markets(cluster, {}, told)

    conditions, message = said(cluster), f"{WHERE} bbbusdt: {told['reason']}: {told['message']}"
    assert [(c.status, c.reason, c.message) for c in (conditions["Ready"], conditions["TradingEnabled"])] == [
        (ConditionStatus.FALSE, reason, message)] * 2  # fmt: skip
    assert (conditions["Stalled"].status, conditions["Stalled"].reason) == (ConditionStatus.TRUE, reason)
    assert conditions["Reconciling"].status is ConditionStatus.FALSE
    assert conditions["Available"].status is ConditionStatus.TRUE
    assert cluster.bot.status.phase is Phase.DEGRADED
    assert [(e.reason, e.message, e.warning) for e in outcome.events] == [(reason, message, True)], "one, once"


def test_the_same_report_again_writes_no_status_and_no_event_and_its_end_is_told() -> None:
    cluster = settled()
    with_markets(cluster, {}, REFUSED)
    before = cluster.bot.status
    again = with_markets(cluster, {}, REFUSED)
    assert (again.status, again.events) == (before, ())

    over = with_markets(cluster, {}, {})
    assert said(cluster)["Ready"].reason == "Trading"
    assert [(e.reason, e.warning) for e in over.events] == [("Trading", False)]
    assert cluster.bot.status.phase is Phase.RUNNING


def test_the_lost_order_goes_before_what_may_end_by_itself() -> None:
    cluster = settled()
    with_markets(cluster, REFUSED, LOST)

    ready = said(cluster)["Ready"]
    assert ready.reason == "OrderLost"
    assert ready.message.startswith(f"{WHERE} bbbusdt: OrderLost")
    assert f"{WHERE} aaausdt: MaxOrder" in ready.message


def test_what_stops_a_slot_altogether_goes_before_what_hinders_a_market_of_it() -> None:
    cluster = settled()
    with_markets(cluster, {}, LOST, state=TradingState.HALTED, reason="RiskBreachMaxLoss", ready=False)

    assert (said(cluster)["Ready"].reason, said(cluster)["TradingEnabled"].reason) == ("Halted", "Halted")


def test_a_paused_bot_with_a_lost_order_is_not_as_requested() -> None:
    cluster = Cluster(bot(spec(SYMBOLS, desiredState="Paused")))
    cluster.settle()
    with_markets(cluster, {}, LOST, state=TradingState.REDUCING)

    assert (said(cluster)["Ready"].reason, said(cluster)["TradingEnabled"].reason) == ("OrderLost", "OrderLost")


def test_a_market_that_begins_to_be_hindered_wakes_the_bot_up() -> None:
    cluster = settled()
    before = cluster.pods[0].stream.report
    with_markets(cluster, {}, REFUSED)
    after = cluster.pods[0].stream.report
    assert before
    assert after

    assert essence(before) != essence(after)
