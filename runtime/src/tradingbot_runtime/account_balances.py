"""The account's balances against what our fills say, in this life and since an earlier one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from tradingbot_runtime.config.risk import ForeignOrders, Risk
from tradingbot_runtime.core.account_check import AccountCheck, moved, moved_by, reported, tolerance
from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.live import PAPER, LiveMarket
from tradingbot_runtime.model import AccountChecked, AnyEvent, BalancesReported, Nanos
from tradingbot_runtime.open_orders import OpenOrders
from tradingbot_runtime.risk_memory import account_check_of, keep_account_check

log = structlog.get_logger("reconcile")

MISMATCHES_TO_TELL = 3  # in a row: a fill may be on its way to us while its balance is there already


@dataclass(slots=True)
class AccountBalances:
    """Of one market. `positions` are all that move its account."""

    market: LiveMarket
    now_ns: Callable[[], Nanos]
    policy: Callable[[], Risk]
    positions: Callable[[], Iterable[Position]]
    orders: OpenOrders
    check: AccountCheck = field(default_factory=AccountCheck)
    mismatches: int = 0  # in a row
    found: int = 0  # differences that were told
    objected: str = ""  # to orders of others, as the market was told
    is_complete: bool = False  # all markets of the account are restored: before, a difference proves nothing

    def restore(self) -> None:
        """Goes on from an earlier life's comparison, if it counted the same fills."""
        kept = account_check_of(self.market.journal, self.market.ledger)
        self.check = kept if kept.by == moved_by(self.positions()) else AccountCheck()

    def forget(self) -> None:
        """The journal has lost what it would be compared with: what it holds at the next look is taken for true."""
        self.check, self.mismatches = AccountCheck(), 0

    @property
    def is_settled(self) -> bool:
        """The account holds what our fills say, or that it does not has been told."""
        return not 0 < self.mismatches < MISMATCHES_TO_TELL

    async def compare(self) -> None:
        """What differs is not taken for true, but told. Raises VenueError.

        On an account that others may move, too, its balances prove nothing about us, and are just taken.
        """
        market, check, mid = self.market, self.check, self.market.engine.market.mid
        answer = await market.gateway.balances(market.instrument)
        held, by_now = reported(market.instrument, answer), moved(self.positions())
        excused = self.mismatches >= MISMATCHES_TO_TELL and not market.engine.market.meters.mismatch  # by a person
        exempt = self._is_shared or excused or not check.is_anchored
        wrong = "" if exempt else check.mismatch(held, by_now, tolerance(market.instrument, mid or check.price))
        self.mismatches = (self.mismatches if self.is_complete else 0) + 1 if wrong else 0
        if exempt:
            check.accept(held, by_now, moved_by(self.positions()), mid)
        self._keep()
        self._tell(answer, wrong)

    def note_price(self) -> None:
        """With the first tick after they were taken for true: what a restart tolerates depends on it."""
        mid = self.market.engine.market.mid
        if mid and self.check.is_anchored and not self.check.price:
            self.check.price = mid
            self._keep()

    def _keep(self) -> None:
        """A paper account begins anew with each process."""
        if self.market.account != PAPER:
            check = AccountCheck() if self._is_shared else self.check
            keep_account_check(self.market.journal, self.market.ledger, check)

    def _tell(self, answer: BalancesReported, wrong: str) -> None:
        """The market hears what is wrong before it hears what it could trade with, and that all is well after it.

        Orders of others are told at once, and are no reason not to know the balances; a difference of these is told
        when it stays.
        """
        market, objection = self.market, self.orders.objection
        self.objected = objection
        told = "; ".join(filter(None, (wrong if self.mismatches >= MISMATCHES_TO_TELL else "", objection)))
        if told and (not market.engine.market.meters.mismatch or self.mismatches == MISMATCHES_TO_TELL):
            self.found += 1
            log.error("AccountMismatch", market=market.name, message=told)
        checked: list[AnyEvent] = [AccountChecked(time_ns=self.now_ns(), mismatch=told)] if told or not wrong else []
        known: list[AnyEvent] = [] if wrong else [answer]
        for event in (*checked, *known) if told else (*known, *checked):
            market.handle(event)

    @property
    def _is_shared(self) -> bool:
        """Whether others may move this account: at another symbol it would not even be seen who."""
        return self.policy().foreign_orders is not ForeignOrders.HALT and not self.market.gateway.exclusive
