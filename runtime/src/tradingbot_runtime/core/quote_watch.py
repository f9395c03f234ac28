"""Whether a market that wants quotes can have them: what hinders it, told apart from what passes by itself.

One refusal among accepted orders is the market's daily life. A market cannot quote when it has wanted to for
`PATIENCE_NS` and nothing of it was in the market; it is told for `HOLD_NS` longer, so that it does not flicker.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tradingbot_runtime.core.flattening import FUTILE_MOST, GIVEN_UP
from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.core.risk import Refusal
from tradingbot_runtime.model import HedgeStress, Nanos

PATIENCE_NS = 10_000_000_000
HOLD_NS = 5_000_000_000
FORGETS_AFTER = 200  # refusals; then what was refused before counts half: the latest is what matters
LONGEST_TEXT = 200  # of what a venue says
STAYS_TEXT = {
    GIVEN_UP: f"to close the position was given up: {FUTILE_MOST} orders in a row were sent and closed nothing of it. "
    "Order the halt once more, or restart, and it is tried again (docs/guides/halts.md)",
    Refusal.BALANCE: "the account does not hold what would close the rest of the position: deposit, or close it",
    Refusal.REDUCE_ONLY: "the rest of the position is not closed: orders in the market, others' among them, could fill "
    "beside an order that closes it, and turn it over",
}
ORDER_LOST = "OrderLost"
NO_ORDER_RESTS = "NoOrderRests"
HEDGE_LATE = "HedgeLate"
CANCEL_REFUSED = "CancelRefused"
AT_ONCE = (ORDER_LOST, CANCEL_REFUSED, GIVEN_UP, HEDGE_LATE, Refusal.ACCOUNT_MISMATCH)  # and gone at once


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a market cannot quote. `message` is the same for as long as `reason` and `subject` are."""

    reason: str
    message: str
    subject: str = ""  # the order, or the venue's code, that it is about


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is to see of a market at one moment."""

    trading: bool  # its state lets it quote
    wanted: bool  # its strategy wants quotes, or its position is to be closed
    rests: bool  # an order is in the market, or one was accepted or filled since the last look
    closing: bool = False  # a halt or a stop wants its position closed, and something of it is left
    stays: str = ""  # why that is not tried any more
    lost: Order | None = None  # one whose fate cannot be found out
    hedge: HedgeStress = HedgeStress.HEDGED  # how well its fills are hedged, where they are
    mismatch: str = ""  # how the account differs from what was booked
    doubt: str = ""  # why it only reduces its position
    locked: str = ""  # why the venue takes nothing
    refused: tuple[Refusal, ...] = ()  # by our own risk checks, at this moment
    venue_code: str = ""  # why the venue refused an order last
    venue_text: str = ""
    cancel_code: str = ""  # why the venue refuses to cancel orders, again and again; empty: it does not
    cancel_text: str = ""


Rule = Callable[[Sight, str], Hindrance | None]  # (what is seen, what is refused most): what hinders


@dataclass(slots=True)
class QuoteWatch:
    """Of one market; looks several times a second."""

    found: Hindrance | None = None
    _since_ns: Nanos | None = None  # wants quotes and has none
    _hindered_ns: Nanos = Nanos(0)  # the latest look at which that had been so for too long
    _refused: Counter[Refusal] = field(default_factory=Counter)

    def look(self, now_ns: Nanos, sight: Sight) -> Hindrance | None:
        """What hinders the market now; None: nothing does."""
        new = (
            _order_lost(sight)
            or _not_withdrawn(sight)
            or _not_closed(sight)
            or _hedge_late(sight)
            or _mismatched(sight)
            or self._idle(now_ns, sight)
        )
        if new is None or self.found is None or (new.reason, new.subject) != (self.found.reason, self.found.subject):
            self.found = new
        return self.found

    def _idle(self, now_ns: Nanos, sight: Sight) -> Hindrance | None:
        if not sight.trading and not sight.closing:
            self._since_ns, self._hindered_ns = None, Nanos(0)
            self._refused.clear()
            return None
        if (sight.rests and not sight.doubt) or not (sight.wanted or sight.doubt):
            self._since_ns = None
            if self._hindered_ns and now_ns - self._hindered_ns < HOLD_NS:
                return self.found if self.found and self.found.reason not in AT_ONCE else None
            self._hindered_ns = Nanos(0)
            self._refused.clear()
            return None
        self._refused.update(set(sight.refused))
        if self._refused.total() > FORGETS_AFTER:
            self._refused = Counter({reason: half for reason, n in self._refused.items() if (half := n // 2)})
        if self._since_ns is None:
            self._since_ns = now_ns
        if now_ns - self._since_ns < PATIENCE_NS and not self._hindered_ns:
            return None
        self._hindered_ns = now_ns
        most = self._most()
        return next(found for rule in RULES if (found := rule(sight, most)))

    def _most(self) -> str:
        """What is refused most; as before while another reason is not refused twice as often."""
        if not self._refused:
            return ""
        most, times = self._refused.most_common(1)[0]
        before = self.found.reason if self.found else ""
        known = next((count for reason, count in self._refused.items() if reason == before), 0)
        return before if 2 * known > times else most


def _order_lost(sight: Sight) -> Hindrance | None:
    order = sight.lost
    if order is None:
        return None
    named = f"{order.id} ({order.venue_order_id})" if order.venue_order_id else order.id
    most = "no more of the position is closed than could not turn it over, should that fill" if sight.closing else (
        "at most orders that reduce the position are sent")  # fmt: skip
    what = (f"the fate of order {named} cannot be found out, and until it is, {most}: look for it on the venue's own "
            "page; where the venue does not have it, restart the pod (docs/guides/orders.md, OrderLost)")  # fmt: skip
    return Hindrance(ORDER_LOST, what, f"{order.id} closing" if sight.closing else order.id)


def _not_withdrawn(sight: Sight) -> Hindrance | None:
    """Not waited for, and told of a market that may not trade, too: its orders may fill all the same."""
    if not sight.cancel_code:
        return None
    said = _venue_words(sight.cancel_code, sight.cancel_text)
    what = (f"the venue refuses to cancel orders, which stay in the market and may fill: {said}; tried again every few "
            "seconds (docs/guides/orders.md)")  # fmt: skip
    return Hindrance(CANCEL_REFUSED, what, sight.cancel_code)


def _not_closed(sight: Sight) -> Hindrance | None:
    """Not waited for: what stays has been tried for long enough."""
    if not sight.stays:
        return None
    return Hindrance(sight.stays, STAYS_TEXT[sight.stays])


def _hedge_late(sight: Sight) -> Hindrance | None:
    """Not waited for: the timeout was the patience."""
    if sight.hedge is HedgeStress.HEDGED:
        return None
    now = "quotes are further out" if sight.hedge is HedgeStress.WIDER else "only the way back is quoted"
    what = (f"a fill is not hedged in hedgeTimeout, or the hedge's venue takes nothing; {now}: see the hedge market "
            "in /state, and docs/guides/cross-exchange.md")  # fmt: skip
    return Hindrance(HEDGE_LATE, what, sight.hedge)


def _mismatched(sight: Sight) -> Hindrance | None:
    """Not waited for: from the first moment on nothing new is sent."""
    if not (sight.trading or sight.closing) or not sight.mismatch:
        return None
    halts = "" if sight.closing else ", and a halt follows after risk.haltAfter"
    what = f"nothing new is sent{halts}: {sight.mismatch} (docs/guides/orders.md)"
    return Hindrance(Refusal.ACCOUNT_MISMATCH, what, "closing" if sight.closing else "")


def _doubtful(sight: Sight, _: str) -> Hindrance | None:
    return Hindrance(Refusal.REDUCE_ONLY, sight.doubt) if sight.doubt else None


def _locked(sight: Sight, _: str) -> Hindrance | None:
    return Hindrance(Refusal.VENUE_LOCKED, f"the venue takes nothing: {sight.locked}") if sight.locked else None


def _refused_by_venue(sight: Sight, most: str) -> Hindrance | None:
    if most != Refusal.BACKING_OFF or not sight.venue_code:
        return None
    said = _venue_words(sight.venue_code, sight.venue_text)
    return Hindrance(Refusal.BACKING_OFF, f"the venue refuses the orders: {said}", sight.venue_code)


def _venue_words(code: str, text: str) -> str:
    return f"{code} {text}".strip()[:LONGEST_TEXT]


def _refused_by_risk(_: Sight, most: str) -> Hindrance | None:
    if not most:
        return None
    what = WHAT_TO_DO.get(Refusal(most), "the journal's decisions say what was compared")
    return Hindrance(most, f"no order passes this check: {what}")


def _unanswered(_: Sight, __: str) -> Hindrance | None:
    what = ("quotes are wanted and none is in the market, though no check refuses them: /state shows the orders, the "
            "log what the venue says")  # fmt: skip
    return Hindrance(NO_ORDER_RESTS, what)


RULES: tuple[Rule, ...] = (_doubtful, _locked, _refused_by_venue, _refused_by_risk, _unanswered)
# Of the checks that a person may have to do something about; without numbers, which change with every tick.
WHAT_TO_DO: Mapping[Refusal, str] = {
    Refusal.BOOK_INVALID: "a book is crossed, not known, or lacks a side of the reference",
    Refusal.FEED_DIVERGENCE: "the price sources are further apart than risk.maxDivergenceBps",
    Refusal.CLOCK_DRIFT: "the venue's clock and ours are further apart than risk.maxClockDrift; see the node's clock",
    Refusal.ACCOUNT_MISMATCH: "the account holds something else than our fills say (docs/guides/orders.md)",
    Refusal.ACCOUNT_UNCHECKED: "the account could not be compared with the venue for too long; see the log",
    Refusal.BAD_PRICE: "the venue's price filter does not allow these prices",
    Refusal.BAD_QUANTITY: "the sizes of spec.strategy are outside of what the venue allows for the symbol",
    Refusal.MIN_NOTIONAL: "the orders are worth less than the venue's minimum; raise the sizes in spec.strategy",
    Refusal.FAT_FINGER: "the quotes are further from the reference than risk.maxDistanceBps",
    Refusal.WOULD_TAKE: "every quote would take what is in the book",
    Refusal.MAX_ORDER: "the sizes in spec.strategy are larger than risk.maxOrder",
    Refusal.MAX_NOTIONAL: "the orders are worth more than risk.maxOrderNotional",
    Refusal.MAX_POSITION: "an order's fill could take the position beyond risk.maxPosition",
    Refusal.MAX_BASE_EXPOSURE: "all markets together could exceed risk.maxBaseExposure",
    Refusal.MAX_GROSS: "all markets together could exceed risk.maxGross",
    Refusal.SKEW: "the position leans to that side already by risk.maxSkew",
    Refusal.MAX_OPEN_ORDERS: "orders that are not proved closed, others' included, use up risk.maxOpenOrders",
    Refusal.BALANCE: "the account holds too little for this beside other markets' orders; deposit, or lower the sizes",
    Refusal.LEVERAGE: "the position could exceed the allowed leverage, or no leverage is allowed",
    Refusal.RATE: "the message budget is used up; see spec.rateLimit of the Venue",
    Refusal.DAILY_MESSAGES: "risk.maxMessagesPerDay is used up; it begins anew at midnight UTC",
    Refusal.CANCEL_RATIO: "more cancels for each fill than risk.maxCancelsPerFill; it begins anew at midnight UTC",
    Refusal.DAILY_LOSS: "more was lost today than risk.maxDailyLoss",
    Refusal.BACKING_OFF: "the latest orders were refused, or did not leave; the log says why",
}  # fmt: skip
