"""Orders from build to end: build, submit, match, cancel. Pure; time is an input.

What happened to the account waits in `exchange.events`, in order; the shell drains them.
"""

import msgspec

from tradingbot_runtime.simulator.deltadefi.operation_key import OperationKey
from tradingbot_runtime.simulator.deltadefi.order_entry import BuildRequest, wanted
from tradingbot_runtime.simulator.deltadefi.order_rules import ARRIVAL_RULES, Situation, objection
from tradingbot_runtime.simulator.deltadefi.pairs import Pair
from tradingbot_runtime.simulator.deltadefi.refusals import Reason, Refusal
from tradingbot_runtime.simulator.deltadefi.register import Entry, Register
from tradingbot_runtime.simulator.deltadefi.transactions import transaction
from tradingbot_runtime.simulator.exchange import HISTORY, Exchange
from tradingbot_runtime.simulator.orders import NewOrder


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """`build_expiry_ms`: how long what was built may be submitted."""

    build_expiry_ms: int = 120_000
    max_open_orders: int = 100


class Desk:
    def __init__(self, exchange: Exchange, key: OperationKey, terms: Terms, first_id: int) -> None:
        self.exchange = exchange
        self.register = Register(first_id, HISTORY)
        self._key = key
        self._terms = terms

    def build(self, request: BuildRequest, pair: Pair, now_ms: int) -> Entry:
        """Raises Refusal. Nothing is set aside: what is built is not in the market."""
        asked = wanted(request, pair, self.exchange.engines[pair.symbol])
        self._check(asked.new_order)
        order_id = self.register.next_id()
        entry = Entry(order_id, asked, transaction(order_id, self._key.hash), now_ms)
        self.register.add(entry)
        return entry

    def submit(self, order_id: str, signed_tx: str, now_ms: int) -> Entry:
        """Take a signed order on; `match` brings it into the market. Raises Refusal."""
        entry = self._entry(order_id)
        if entry.order is not None:
            raise Refusal(Reason.ALREADY_SUBMITTED)
        if now_ms - entry.built_ms >= self._terms.build_expiry_ms:
            raise Refusal(Reason.EXPIRED)
        witness = entry.transaction.witness(signed_tx)
        if witness is None or not self._key.signed(entry.transaction.hash, *witness):
            raise Refusal(Reason.SIGNATURE)
        self._check(entry.wanted.new_order)
        order = self.exchange.accept(entry.wanted.new_order, now_ms)
        entry.processing = True
        self.register.submitted(entry, order)
        return entry

    def match(self, entry: Entry, now_ms: int) -> None:
        """The order reaches the market, or has failed by now: a post-only order that would take has."""
        order = entry.order
        if order is None or not entry.processing:
            return
        entry.processing = False
        if objection(self._situation(entry.wanted.new_order), ARRIVAL_RULES) is not None:
            entry.failed = True
            self.exchange.cancel(order, "", now_ms)
        else:
            self.exchange.match(order, now_ms)

    def cancel(self, order_id: str, now_ms: int) -> Entry:
        """Raises Refusal: also for an order that has not reached the market yet."""
        entry = self._entry(order_id)
        if entry.order is None or entry.processing or not entry.order.status.open:
            raise Refusal(Reason.NOT_OPEN)
        self.exchange.cancel(entry.order, "", now_ms)
        return entry

    def cancel_all(self, pair: Pair, now_ms: int) -> list[Entry]:
        """What was cancelled; orders that have not reached the market yet are none of it. Raises Refusal for none."""
        live = [entry for entry in self.open(pair) if not entry.processing]
        if not live:
            raise Refusal(Reason.NOT_FOUND)
        return [self.cancel(entry.order_id, now_ms) for entry in live]

    def open(self, pair: Pair) -> list[Entry]:
        """Those on their way to the market and those in it, oldest first."""
        return [self.register.of(order) for order in self.exchange.history.open_orders(pair.symbol)]

    def _entry(self, order_id: str) -> Entry:
        entry = self.register.get(order_id)
        if entry is None:
            raise Refusal(Reason.NOT_FOUND)
        return entry

    def _check(self, request: NewOrder) -> None:
        found = objection(self._situation(request))
        if found is not None:
            raise Refusal(found)

    def _situation(self, request: NewOrder) -> Situation:
        symbol, exchange = request.listing.symbol, self.exchange
        live = len(exchange.history.open_orders(symbol))
        return Situation(request, exchange.engines[symbol], exchange.account, live, self._terms.max_open_orders)
