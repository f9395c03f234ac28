"""A slot's report within the bounds of what is made of it: the status, the slot's configuration, a message. Pure.

A runtime may be newer than the operator, or somebody's own image. What it says too much of is cut, and what cannot be
read of a halt leaves the halt: it holds, whatever words it comes with.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from msgspec.structs import replace
from pydantic import BaseModel

from tradingbot_operator.api.v1alpha1 import HaltStatus, SlotStatus
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import MAX_MESSAGE, Reason
from tradingbot_operator.core.wording import cut
from tradingbot_runtime.config import CarriedMarket, OnBreach
from tradingbot_runtime.config.slot import EPOCH_MOST
from tradingbot_runtime.model.control import (
    ClosingStatement,
    Halt,
    MarketReport,
    QuotingReport,
    SlotReport,
    VenueReport,
)

LATEST_NS = 4_102_444_800_000_000_000  # the year 2100: a time beyond it is none
POLICIES = frozenset(OnBreach)
STRICTEST = OnBreach.CANCEL_ALL  # sends no order at all: what an unknown word may mean beyond that is a person's to do
TOO_LONG = "too long"  # in place of an account
UNNAMED = "unnamed"
SHORT = 64  # of a word that a report has and that is kept nowhere
_NAMEABLE = re.compile(r"[!-+\--~]+")  # in a list with commas, as the annotation that resumes it has


@dataclass(frozen=True, slots=True)
class _Text:
    """As long as the field may be that it comes to."""

    model: type[BaseModel]

    def most(self, field: str) -> int:
        rules = self.model.model_fields[field].metadata
        return next(int(most) for rule in rules if (most := getattr(rule, "max_length", None)) is not None)

    def cut(self, field: str, said: str) -> str:
        return cut(said, self.most(field)) if len(said) > self.most(field) else said


_HALT, _SLOT, _CARRIED = _Text(HaltStatus), _Text(SlotStatus), _Text(CarriedMarket)


def within_bounds(report: SlotReport) -> SlotReport:
    """The same report where nothing in it is too much, as any of ours."""
    return replace(
        report,
        bot_number=_SLOT.cut("bot_number", report.bot_number),
        account_uid=report.account_uid[:SHORT],
        reason=_SLOT.cut("reason", report.reason),
        message=cut(report.message, MAX_MESSAGE),
        config_hash=_SLOT.cut("config_hash", report.config_hash),
        epoch=min(max(report.epoch, 0), EPOCH_MOST),
        markets=tuple(map(_market, report.markets)),
        venues=tuple(map(_venue, report.venues)),
        halts=tuple(map(_halt, report.halts)),
        resumed=tuple(map(known_id, report.resumed)),
        closed=None if report.closed is None else tuple(map(_closed, report.closed)),
    )


def known_id(said: str) -> str:
    """The name that the operator has for a halt: the runtime's, unless nobody could write that to resume it."""
    if len(said) <= _HALT.most("id") and _NAMEABLE.fullmatch(said):
        return said
    return f"halt-{names.digest(said)}"


def _halt(halt: Halt) -> Halt:
    return replace(
        halt,
        id=known_id(halt.id),
        reason=_HALT.cut("reason", halt.reason) or Reason.HALTED,
        at_ns=_moment(halt.at_ns),
        message=_HALT.cut("message", halt.message),
        policy=halt.policy if halt.policy in POLICIES else STRICTEST,
        by=_HALT.cut("by", halt.by),
        value=_HALT.cut("value", halt.value),
        limit=_HALT.cut("limit", halt.limit),
    )


def _market(market: MarketReport) -> MarketReport:
    quoting = market.quoting if market.quoting is not None and is_countable(market.quoting) else None
    return replace(market, reason=market.reason[:SHORT], message=cut(market.message, MAX_MESSAGE), quoting=quoting)


def is_countable(sums: QuotingReport) -> bool:
    """Whether one can reckon with it."""
    try:
        money = [Decimal(text) for text in (sums.turnover, sums.profit, sums.marked_turnover, sums.markout)]
    except InvalidOperation:
        return False
    counts = (sums.orders, sums.refused, sums.fills, sums.marked)
    return all(map(Decimal.is_finite, money)) and all(0 <= count < LATEST_NS for count in counts)


def _venue(venue: VenueReport) -> VenueReport:
    return replace(venue, message=cut(venue.message, MAX_MESSAGE), key_since_ns=_moment(venue.key_since_ns))


def _closed(told: ClosingStatement) -> ClosingStatement:
    """An account is taken over as a whole or not at all."""
    account = told.account if len(told.account) <= _CARRIED.most("account") else TOO_LONG
    return replace(
        told,
        id=_CARRIED.cut("id", told.id) or UNNAMED,
        market=_CARRIED.cut("market", told.market) or UNNAMED,
        summary=_CARRIED.cut("summary", told.summary),
        account=account,
    )


def _moment(nanos: int) -> int:
    return nanos if 0 <= nanos <= LATEST_NS else 0
