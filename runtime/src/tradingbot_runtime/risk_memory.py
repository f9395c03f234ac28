"""What a market's risk state must not forget: read when the market is made, written when it has changed."""

from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass, field

import msgspec

from tradingbot_runtime.config import Mode, SlotConfig
from tradingbot_runtime.core.account_check import AccountCheck
from tradingbot_runtime.core.breaches import BreachReason
from tradingbot_runtime.core.carried import CarriedAccount
from tradingbot_runtime.core.continuity import JOURNAL_LOST
from tradingbot_runtime.core.meters import LastMinute, Meters, Remembered
from tradingbot_runtime.core.positions import DailyLoss
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.live import PAPER, ledger_of
from tradingbot_runtime.model import Money, Nanos
from tradingbot_runtime.model.control import Halt

SECOND, MINUTE_S = 1_000_000_000, 60
_encode = msgspec.json.Encoder().encode


class Rates(msgspec.Struct):
    """What is counted over a minute, which a restart does not end."""

    orders: LastMinute
    rejects: LastMinute


def meters_of(journal: Journal, ledger: str, now_ns: Nanos) -> Meters:
    """Message counts of the day and of the minute, the best result so far, and those of the window of the loss rate."""
    meters, text = Meters(remembered_of(journal, ledger)), journal.meta(_rates_key(ledger))
    meters.remembered.recent.fit(now_ns, meters.remembered.recent.window_ns)
    if text is not None:
        rates = msgspec.json.decode(text, type=Rates)
        # Of a clock that was ahead then, they would count until that time has come again.
        if max(rates.orders.second, rates.rejects.second) <= now_ns // SECOND + MINUTE_S:
            meters.orders, meters.rejects = rates.orders, rates.rejects
    return meters


def daily_of(journal: Journal, ledger: str) -> DailyLoss:
    """The day that was valued last, and how it stood."""
    day, latest = journal.day(ledger), journal.meta(_value_key(ledger))
    if day is None:
        return DailyLoss()
    return DailyLoss(day[0], Money(day[1]), Money(int(latest)) if latest else None)


def accept(journal: Journal, config: SlotConfig, resumed: Iterable[Halt], running: Container[str]) -> None:
    """What a person accepts who releases these halts. `running`: names of markets. Raises JournalError."""
    _accept_drawdowns(journal, config, resumed, running)
    _accept_accounts(journal, config, resumed)
    _accept_losses(journal, config, resumed)


def _concerned(config: SlotConfig, resumed: Iterable[Halt], *reasons: str) -> list[str]:
    """The names of the configuration's legs that halts for these reasons held for."""
    names = {halt.market for halt in resumed if halt.reason in reasons}
    return [leg.name for leg in config.legs if not names.isdisjoint(("", leg.name))]


def _accept_drawdowns(journal: Journal, config: SlotConfig, resumed: Iterable[Halt], running: Container[str]) -> None:
    """What `HaltResumed` does for markets that run, for those that do not: the next valuation is the best so far."""
    lost = _concerned(config, resumed, JOURNAL_LOST)
    for name in _concerned(config, resumed, BreachReason.MAX_DRAWDOWN, JOURNAL_LOST):
        if name not in running:
            ledger = ledger_of(name, PAPER if config.mode is Mode.PAPER else "")
            meters = Meters(remembered_of(journal, ledger))
            if name in lost:
                meters.forget()
            else:
                meters.remembered.begins_anew = True
            journal.put(_key(ledger), _encode(meters.remembered).decode())


def _accept_accounts(journal: Journal, config: SlotConfig, resumed: Iterable[Halt]) -> None:
    """A person has looked: the next balances are taken for true, also by a start."""
    for name in _concerned(config, resumed, BreachReason.ACCOUNT, JOURNAL_LOST):
        keep_account_check(journal, ledger_of(name, ""), AccountCheck())


def _accept_losses(journal: Journal, config: SlotConfig, resumed: Iterable[Halt]) -> None:
    """Without the position of before nobody can tell what the day's trades earned: it begins with the release."""
    for name in _concerned(config, resumed, JOURNAL_LOST):
        journal.accounts.forget_day(name)
        journal.put(_value_key(name), "")


def carry(journal: Journal, ledger: str, account: CarriedAccount) -> None:
    """What another slot's risk had measured goes on here; what the account held then does not. Raises JournalError."""
    keep_account_check(journal, ledger, AccountCheck())
    journal.put(_key(ledger), _encode(account.remembered).decode())
    if account.day >= 0:
        journal.accounts.carry_day(ledger, account.day, account.day_opening)
        journal.put(_value_key(ledger), str(account.day_opening if account.profit is None else account.profit))


def remembered_of(journal: Journal, ledger: str) -> Remembered:
    text = journal.meta(_key(ledger))
    return msgspec.json.decode(text, type=Remembered) if text else Remembered()


def account_check_of(journal: Journal, ledger: str) -> AccountCheck:
    text = journal.meta(_account_key(ledger))
    return msgspec.json.decode(text, type=AccountCheck) if text else AccountCheck()


def keep_account_check(journal: Journal, ledger: str, check: AccountCheck) -> None:
    """Nothing is kept of one that is not anchored. Raises JournalError."""
    text = _encode(check).decode() if check.is_anchored else ""
    if text != (journal.meta(_account_key(ledger)) or ""):
        journal.put(_account_key(ledger), text)


def forget_former_accounts(journal: Journal, ledgers: Collection[str]) -> None:
    """Of markets that are not traded now: the account moves on without them. Raises JournalError."""
    for key in journal.accounts.kept(_account_key("")):
        if key.removeprefix(_account_key("")) not in ledgers:
            journal.put(key, "")


@dataclass(slots=True)
class RiskMemory:
    """Called every second or so: what is lost with the process is what changed since."""

    journal: Journal
    written: dict[str, bytes] = field(default_factory=dict)  # by key

    def keep(self, ledger: str, meters: Meters) -> None:
        """Raises JournalError."""
        rates = Rates(meters.orders, meters.rejects)
        for key, text in ((_key(ledger), _encode(meters.remembered)), (_rates_key(ledger), _encode(rates))):
            if text != self.written.get(key):
                self.journal.put(key, text.decode())
                self.written[key] = text

    def keep_value(self, ledger: str, daily: DailyLoss) -> None:
        """Changes with every tick, and is written less often. Raises JournalError."""
        if daily.latest is not None:
            self.journal.put(_value_key(ledger), str(daily.latest))


def _key(ledger: str) -> str:
    return f"risk {ledger}"


def _account_key(ledger: str) -> str:
    return f"balances of {ledger}"


def _rates_key(ledger: str) -> str:
    return f"rates of {ledger}"


def _value_key(ledger: str) -> str:
    return f"profit of {ledger}"
