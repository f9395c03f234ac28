"""Whether the slot that tries a change first quotes worse than the others meanwhile. Pure.

Both over the same time: what the others had summed up when it began is kept (`canary_trial`). Of a process that has
begun anew since, all that it has summed up counts.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tradingbot_operator.core.canary_trial import sums, under_way
from tradingbot_operator.core.observed import Pod
from tradingbot_runtime.config import Analysis
from tradingbot_runtime.model.control import MARKOUT_HORIZON, QuotingReport

if TYPE_CHECKING:  # it imports what imports this
    from tradingbot_operator.core.children import Plan

BPS = Decimal(10_000)


def worse(plan: "Plan", pods: Iterable[Pod]) -> str:
    """In what the slot that tries a change is worse than those without it, and by how much; empty: in nothing."""
    rollout, known = plan.accepted.spec.rollout, under_way(plan)
    if rollout.canary is None or known is None:
        return ""
    heard = [pod for pod in pods if pod.stream.connected]
    tried = sums(pod for pod in heard if pod.inputs == plan.inputs and pod.ordinal == known.slot)
    others = sums(pod for pod in heard if pod.inputs != plan.inputs)
    since = [_since(now, known.before.get(key)) for key, now in others.items()]
    analysis = rollout.canary.analysis
    return next((found for check in CHECKS if (found := check(analysis, list(tried.values()), since))), "")


def _since(now: QuotingReport, before: QuotingReport | None) -> QuotingReport:
    if before is None or now.orders < before.orders or now.fills < before.fills or now.marked < before.marked:
        return now  # another process
    return QuotingReport(
        orders=now.orders - before.orders, refused=now.refused - before.refused, fills=now.fills - before.fills,
        marked=now.marked - before.marked, turnover=_less(now.turnover, before.turnover),
        profit=_less(now.profit, before.profit), markout=_less(now.markout, before.markout),
        marked_turnover=_less(now.marked_turnover, before.marked_turnover),
    )  # fmt: skip


def _less(now: str, before: str) -> str:
    return str(Decimal(now) - Decimal(before))


Check = Callable[[Analysis, list[QuotingReport], list[QuotingReport]], str]


def _refused(analysis: Analysis, tried: list[QuotingReport], others: list[QuotingReport]) -> str:
    mine, theirs = _orders(tried), _orders(others)
    if min(mine.count, theirs.count) < analysis.min_fills or mine.refused_share <= theirs.refused_share:
        return ""
    return _told("share of refused orders", mine.refused_share, theirs.refused_share, analysis.refused_share)


def _markout(analysis: Analysis, tried: list[QuotingReport], others: list[QuotingReport]) -> str:
    found = [_per_turnover((s.marked, s.markout, s.marked_turnover) for s in of) for of in (tried, others)]
    return _compared(f"markout after {MARKOUT_HORIZON} in bps", found, analysis.min_fills, analysis.markout_bps)


def _profit(analysis: Analysis, tried: list[QuotingReport], others: list[QuotingReport]) -> str:
    found = [_per_turnover((s.fills, s.profit, s.turnover) for s in of) for of in (tried, others)]
    return _compared("profit in bps of its turnover", found, analysis.min_fills, analysis.profit_bps)


CHECKS: tuple[Check, ...] = (_refused, _markout, _profit)


@dataclass(frozen=True, slots=True)
class _Orders:
    count: int
    refused: int

    @property
    def refused_share(self) -> Decimal:
        return Decimal(self.refused) / self.count


def _orders(markets: list[QuotingReport]) -> _Orders:
    return _Orders(sum(sums.orders for sums in markets), sum(sums.refused for sums in markets))


@dataclass(frozen=True, slots=True)
class _Mean:
    fills: int
    bps: Decimal


def _per_turnover(markets: Iterator[tuple[int, str, str]]) -> _Mean:
    """Markets have quote assets of their own: basis points of each, weighted by its fills."""
    traded = [(fills, BPS * Decimal(gain) / Decimal(turnover)) for fills, gain, turnover in markets
              if fills > 0 and Decimal(turnover) > 0]  # fmt: skip
    fills = sum(count for count, _ in traded)
    return _Mean(fills, sum((count * bps for count, bps in traded), Decimal()) / fills if fills else Decimal())


def _compared(what: str, found: list[_Mean], least: int, tolerance: Decimal) -> str:
    tried, others = found
    if min(tried.fills, others.fills) < least or tried.bps >= others.bps:
        return ""
    return _told(what, tried.bps, others.bps, tolerance)


def _told(what: str, tried: Decimal, others: Decimal, tolerance: Decimal) -> str:
    if abs(tried - others) <= tolerance:
        return ""
    return f"{what} is {tried:.4g}, the other slots' {others:.4g}: worse by more than {tolerance:f}"
