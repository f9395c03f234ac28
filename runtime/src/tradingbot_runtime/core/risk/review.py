"""The checks in their order, and the review that is the only maker of approved commands."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tradingbot_runtime.core.risk import budgets, exposure, gates, validity
from tradingbot_runtime.core.risk.limits import Limits
from tradingbot_runtime.core.risk.situation import Situation
from tradingbot_runtime.core.risk.verdict import Check, Refusal
from tradingbot_runtime.model import AnyCommand, Cancel, CancelAll, Place, Replace

CHECKS: tuple[Check, ...] = (
    gates.state, gates.fenced, gates.kill_switch, gates.staleness, gates.book, gates.divergence, gates.clock,
    gates.account,
    validity.tick_and_lot, validity.fat_finger, validity.own_book, validity.repetition,
    exposure.order_size, exposure.position, exposure.across_markets, exposure.skew, exposure.open_orders,
    exposure.balance, exposure.leverage,
    budgets.rate, budgets.messages, budgets.daily_loss, budgets.drawdown, budgets.loss_rate, budgets.breaker,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refused:
    command: Place
    reason: Refusal
    message: str


@dataclass(frozen=True, slots=True)
class Approved:
    """The only thing a gateway accepts; only `review` makes one."""

    command: AnyCommand


@dataclass(slots=True)
class Decision:
    approved: list[Approved] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def review(commands: Iterable[AnyCommand], now: Situation, limits: Limits) -> Decision:
    """Judge commands in order; each approved order counts against the next."""
    decision, latest = Decision(), None
    for command in commands:
        if isinstance(command, Cancel | CancelAll):
            decision.approved.append(Approved(command))
            continue
        order = command.new_order() if isinstance(command, Replace) else command
        if latest is not None:
            now, latest = now.plus(latest, limits.instrument.tick_lot), None
        for check in CHECKS:
            if verdict := check(order, now, limits):
                decision.refused.append(Refused(order, *verdict))
                if isinstance(command, Replace):  # the old order is unwanted all the same
                    decision.approved.append(Approved(Cancel(order_id=command.replaces)))
                break
        else:
            decision.approved.append(Approved(command))
            latest = order
    return decision
