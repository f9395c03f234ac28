"""Markets on their way between slots: what this one closes, and what it takes over.

A slot that stops trading a market says what became of it: position, cost, the day's profit. The operator hands that to
the slot that trades it next, which goes on from there before it quotes.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import structlog

from tradingbot_runtime.config import CarriedMarket, Mode, OnStop
from tradingbot_runtime.core.carried import CarriedAccount, closed_account
from tradingbot_runtime.core.continuity import JOURNAL_LOST
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal.reading import JournalReader
from tradingbot_runtime.live import PAPER, ledger_of
from tradingbot_runtime.market_reports import market_reports
from tradingbot_runtime.model import Instrument, Nanos, TradingState
from tradingbot_runtime.model.control import ClosingStatement
from tradingbot_runtime.risk_memory import carry, daily_of, remembered_of
from tradingbot_runtime.venue_trades import cursor_key, first_reading_key
from tradingbot_runtime.venues.protocols import TradeCursor

if TYPE_CHECKING:  # slot.py imports this
    from tradingbot_runtime.slot import Slot

log = structlog.get_logger("carrying")

LISTED_MOST = 200
MS = 1_000_000


def take_over_carried(slot: "Slot") -> None:
    """What the configuration brings from other slots, each once. Before a market is made. Raises JournalError."""
    accounts, without = slot.journal.accounts, list[CarriedMarket]()
    for brought in slot.config.carried or ():
        ledger = ledger_of(brought.market, PAPER if brought.paper else "")
        if accounts.is_known(ledger, brought.id):
            continue
        account = _account(brought)
        if account is None:
            without.append(brought)
            continue
        _take_over(slot.journal, ledger, account, slot.now_ns())
        log.info("MarketTakenOver", market=ledger, statement=brought.id, account=str(account))
        accounts.carry(ledger, brought.id, slot.now_ns(), account)
    for brought in without:  # after those that its other side may be among
        begun = _begin_pair_at_zero(slot, brought)
        why = brought.missing or "this version cannot read it"
        message = f"market {brought.market} came without its account: {why}{begun}"
        slot.halt_for(JOURNAL_LOST, "the hand-over", message)
        accounts.carry(ledger_of(brought.market, PAPER if brought.paper else ""), brought.id, slot.now_ns(), None)


def _begin_pair_at_zero(slot: "Slot", brought: CarriedMarket) -> str:
    """A market that is hedged, and the one that hedges it: what is known of one side alone would be hedged away."""
    pairs = {leg.name: leg.pair for leg in slot.config.legs}
    sides = [name for name, pair in pairs.items() if pair == pairs.get(brought.market)]
    if len(sides) < 2:  # noqa: PLR2004 - a pair
        return ""
    with JournalReader(slot.journal.path) as reader:
        traded, references = reader.instruments(), reader.references()
    for ledger in (ledger_of(name, PAPER if brought.paper else "") for name in sides):
        if ledger in traded:
            instruments = traded[ledger], references[ledger]
            slot.journal.accounts.begin_at_zero(ledger, brought.id, instruments, slot.now_ns())
    return "; it and its other side begin at zero: square the accounts by hand before you resume"


def _account(brought: CarriedMarket) -> CarriedAccount | None:
    try:
        return msgspec.json.decode(brought.account, type=CarriedAccount) if brought.account else None
    except msgspec.DecodeError:
        return None


def _take_over(journal: Journal, ledger: str, account: CarriedAccount, now_ns: Nanos) -> None:
    """All but the account itself, which comes last: a process that is killed before it begins again."""
    journal.keep_market(ledger, account.instrument, account.reference)
    carry(journal, ledger, account)
    # What was traded up to now is in the account. It was the other slot's, whose orders this journal does not know.
    cursor = TradeCursor(since_ms=now_ns // MS)
    journal.put(first_reading_key(ledger), "yes")  # where the journal is a lost one, it says nothing of the time since
    journal.put(cursor_key(ledger), msgspec.json.encode(cursor).decode())


@dataclass(slots=True)
class Closings:
    """The statements of a slot. Accounts are added up from all fills, so only when there are new ones."""

    _former: tuple[ClosingStatement, ...] | None = None
    _own: tuple[str, tuple[ClosingStatement, ...]] = ("", ())  # and of which moment

    def of(self, slot: "Slot", state: TradingState) -> tuple[ClosingStatement, ...]:
        """Of markets that were traded before this process; once it is drained, of those that it traded itself."""
        if self._former is None:
            self._former = _statements(slot, own=False)
        if not _is_through(slot, state):
            return self._former
        moment = _name(slot)
        if self._own[0] != moment:
            self._own = moment, _statements(slot, own=True)
        return self._former + self._own[1]


def _is_through(slot: "Slot", state: TradingState) -> bool:
    """Whether its markets will not change any more: it may send nothing, and left nothing in the market."""
    if not slot.circumstances.drained:
        return False
    if any(live.engine.market.is_closing for live in slot.markets.values()):
        return False
    if slot.config.on_stop is OnStop.LEAVE or state is TradingState.DRAINED:
        return True
    return not any(report.open_orders for report in market_reports(slot))


def _name(slot: "Slot") -> str:
    """Of the statements that can be made at this moment."""
    return f"{slot.config.slot}.{slot.epoch}.{slot.journal.accounts.last_fill}"


def _statements(slot: "Slot", *, own: bool) -> tuple[ClosingStatement, ...]:
    """Of the configuration's markets (`own`), or of those that the journal knows beside them."""
    with JournalReader(slot.journal.path) as reader:
        instruments, references = reader.instruments(), reader.references()
    traded = {(leg.execution.venue, leg.execution.symbol) for leg in slot.config.legs}
    found = [
        _statement(slot, ledger, instrument, references[ledger])
        for ledger, instrument in instruments.items()
        if ((instrument.venue, instrument.symbol) in traded) is own  # under whatever name
    ]
    if own:
        found += _never_known(slot, {statement.market for statement in found})
    if len(found) > LISTED_MOST:
        log.error("StatementsLeftOut", markets=[statement.market for statement in found[LISTED_MOST:]])
    return tuple(found[:LISTED_MOST])


def _statement(slot: "Slot", ledger: str, instrument: Instrument, reference: Instrument) -> ClosingStatement:
    journal, (market, _, account) = slot.journal, ledger.partition("/")
    closed = closed_account(journal.accounts.position(ledger, instrument), reference, daily_of(journal, ledger),
                            remembered_of(journal, ledger), slot.now_ns())  # fmt: skip
    return ClosingStatement(id=_name(slot), market=market, venue=instrument.venue, symbol=instrument.symbol,
                            paper=account == PAPER, summary=str(closed), follows=journal.accounts.follows(ledger),
                            account=msgspec.json.encode(closed).decode())  # fmt: skip


def _never_known(slot: "Slot", known: Container[str]) -> list[ClosingStatement]:
    paper = slot.config.mode is Mode.PAPER
    return [
        ClosingStatement(id=_name(slot), market=leg.name, venue=leg.execution.venue, symbol=leg.execution.symbol,
                         paper=paper, summary="never traded", account="")
        for leg in slot.config.legs
        if leg.name not in known
    ]  # fmt: skip
