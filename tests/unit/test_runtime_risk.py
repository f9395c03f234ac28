"""Pre-trade risk, check by check: what is refused, with which reason, and where the line is."""

from dataclasses import replace

import msgspec
import pytest

from harness.engines import BTC, SECOND, accept, limits, tick, trading
from tradingbot_runtime.core.refusals import LONGEST_NS, Quiet
from tradingbot_runtime.core.risk import CHECKS, Refusal, Situation, review
from tradingbot_runtime.model import (
    Cancel,
    Lots,
    Money,
    Nanos,
    OrderId,
    OrderRejected,
    Place,
    Side,
    StateChanged,
    Ticks,
    TradingState,
    VenueTicked,
)

MID = 6_000_000
CALM = Situation(
    now_ns=Nanos(10 * SECOND), state=TradingState.ACTIVE, feed_age_ns=0, book_valid=True, mid_2=2 * MID,
    mid_unit=1, venue_bid=Ticks(MID - 1), venue_ask=Ticks(MID + 1), position=Lots(0), base=Lots(100_000),
    quote=BTC.money("100000"), buying=Lots(0), selling=Lots(0), buying_cost=Money(0), open_orders=0, order_tokens=9,
    quiet_until_ns=Nanos(0),
)  # fmt: skip


def order(side: Side = Side.BUY, price: int = MID - 600, quantity: int = 1_000) -> Place:
    return Place(order_id=OrderId("o"), side=side, price=Ticks(price), quantity=Lots(quantity))


def situation(**changes: object) -> Situation:
    return msgspec.structs.replace(CALM, **changes)


def refusal(place: Place, now: Situation = CALM, **changes: object) -> Refusal | None:
    decision = review([place], now, limits(**changes))
    return decision.refused[0].reason if decision.refused else None


SELL = order(Side.SELL, MID + 600)
# what is judged, the first refused value's reason, and the last value that passes
LINES = [
    ("a state that does not trade", order(), {"state": TradingState.RECONCILING}, {}, Refusal.NOT_TRADING),
    ("reducing, and it would open", order(), {"state": TradingState.REDUCING}, {}, Refusal.REDUCE_ONLY),
    ("reducing, and it is too big", order(), {"state": TradingState.REDUCING, "position": -999}, {},
     Refusal.REDUCE_ONLY),
    ("reducing, and others reduce already", order(), {"state": TradingState.REDUCING, "position": -1_500,
                                                      "buying": 501}, {}, Refusal.REDUCE_ONLY),
    ("reducing just so", order(), {"state": TradingState.REDUCING, "position": -1_000}, {}, None),
    ("a feed too old", order(), {"feed_age_ns": 3 * SECOND + 1}, {}, Refusal.FEED_STALE),
    ("a feed just fresh", order(), {"feed_age_ns": 3 * SECOND}, {}, None),
    ("no book", order(), {"book_valid": False}, {}, Refusal.BOOK_INVALID),
    ("a pause after refusals", order(), {"quiet_until_ns": 10 * SECOND + 1}, {}, Refusal.BACKING_OFF),
    ("the pause is over", order(), {"quiet_until_ns": 10 * SECOND}, {}, None),
    ("no price", order(price=0), {}, {}, Refusal.BAD_PRICE),
    ("no quantity", order(quantity=0), {}, {}, Refusal.BAD_QUANTITY),
    ("a quantity above the venue's", order(quantity=2), {}, {"instrument": msgspec.structs.replace(
        BTC, max_lots=Lots(1))}, Refusal.BAD_QUANTITY),
    ("worth less than the venue takes", order(quantity=8), {}, {}, Refusal.MIN_NOTIONAL),
    ("worth just enough", order(quantity=9), {}, {}, None),
    ("far from the reference", order(price=MID * 95 // 100 - 1), {}, {}, Refusal.FAT_FINGER),
    ("just near enough", order(price=MID * 95 // 100), {}, {}, None),
    ("a bid at the best ask", order(price=MID + 1), {}, {}, Refusal.WOULD_TAKE),
    ("a bid just below it", order(price=MID), {}, {}, None),
    ("an offer at the best bid", order(Side.SELL, MID - 1), {}, {}, Refusal.WOULD_TAKE),
    ("an order too big", order(quantity=1_001), {}, {"max_order": 1_000}, Refusal.MAX_ORDER),
    ("an order just small enough", order(), {}, {"max_order": 1_000}, None),
    ("bids that could carry the position over", order(), {"position": 500, "buying": 501}, {"max_position": 2_000},
     Refusal.MAX_POSITION),
    ("bids that could carry it to the limit", order(), {"position": 500, "buying": 500}, {"max_position": 2_000}, None),
    ("offers that could carry it under", SELL, {"position": -500, "selling": 501}, {"max_position": 2_000},
     Refusal.MAX_POSITION),
    ("more than there is to sell", SELL, {"selling": 99_001}, {"max_position": None}, Refusal.BALANCE),
    ("all that there is to sell", SELL, {"selling": 99_000}, {"max_position": None}, None),
    ("more than there is money for", order(price=MID - 1), {"quote": BTC.money("599.99") - 100_000_000}, {},
     Refusal.BALANCE),
    ("as many orders as allowed", order(), {"open_orders": 20}, {}, Refusal.MAX_OPEN_ORDERS),
    ("one fewer", order(), {"open_orders": 19}, {}, None),
    ("no budget", order(), {"order_tokens": 0}, {}, Refusal.RATE),
]  # fmt: skip


@pytest.mark.parametrize(("name", "place", "now", "changes", "expected"), LINES, ids=[line[0] for line in LINES])
def test_a_check_draws_its_line_exactly(
    name: str, place: Place, now: dict[str, object], changes: dict[str, object], expected: Refusal | None
) -> None:
    assert refusal(place, situation(**now), **changes) is expected, name


def test_every_reason_has_a_line_above() -> None:
    assert {line[4] for line in LINES} == {*Refusal, None}


def test_a_cancel_passes_when_everything_else_is_refused() -> None:
    hopeless = situation(state=TradingState.FENCED, book_valid=False, order_tokens=0, feed_age_ns=10**18)
    cancel = Cancel(order_id=OrderId("o"))

    assert [a.command for a in review([cancel], hopeless, limits()).approved] == [cancel]


def test_orders_of_one_decision_count_against_each_other() -> None:
    decision = review([order(), order(), order()], CALM, limits(max_position=2_000))

    assert (len(decision.approved), [r.reason for r in decision.refused]) == (2, [Refusal.MAX_POSITION])


def test_the_first_check_that_objects_gives_the_reason() -> None:
    assert CHECKS[0].__name__ == "state"
    assert refusal(order(quantity=0), situation(state=TradingState.HALTED, book_valid=False)) is Refusal.NOT_TRADING


def test_a_pause_doubles_with_each_new_refusal_up_to_its_longest_and_ends_with_an_acceptance() -> None:
    quiet, pauses = Quiet(), []
    for _ in range(8):
        now_ns = quiet.until_ns
        quiet.refused(now_ns)
        pauses.append((quiet.until_ns - now_ns) // SECOND)

    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert LONGEST_NS == 30 * SECOND
    quiet.accepted()
    start_ns = quiet.until_ns
    quiet.refused(start_ns)
    assert quiet.until_ns - start_ns == SECOND


def test_refusals_of_one_batch_are_one_refusal() -> None:
    bot = trading(layers=3)
    for number, approved in enumerate(bot.handle(tick(SECOND))):
        bot.handle(OrderRejected(time_ns=Nanos(SECOND + number), order_id=approved.command.order_id, reason="-2010"))

    assert bot.market.quiet.until_ns == 2 * SECOND
    sent = bot.handle(tick(2 * SECOND))
    assert sent, "after a second it tries again"
    bot.handle(accept(sent[0].command.order_id, 2 * SECOND + 1))
    assert bot.market.quiet.in_a_row == 0


def test_a_venues_book_that_is_old_stops_quotes_as_an_old_reference_does() -> None:
    bot = trading()
    bot.market.terms = replace(bot.market.terms, reference_is_venue=False)
    bot.handle(VenueTicked(time_ns=Nanos(SECOND), bid=Ticks(MID - 1), ask=Ticks(MID + 1)))

    assert bot.handle(tick(SECOND)), "both are fresh"
    bot.handle(tick(4 * SECOND + 1))
    assert bot.quotes == (), "the reference ticks on, the venue has been silent for more than three seconds"


@pytest.mark.parametrize("state", [TradingState.ACTIVE, TradingState.REDUCING])
def test_a_loss_beyond_the_limit_halts_a_paused_bot_too(state: TradingState) -> None:
    bot = trading(max_daily_loss=BTC.money("100"))
    bot.handle(StateChanged(time_ns=Nanos(SECOND), state=state, reason="r"))
    bot.market.position.lots, bot.market.position.cost = Lots(1_000), Money(1_000 * MID * BTC.tick_lot)
    bot.handle(tick(SECOND))
    bot.handle(tick(2 * SECOND, MID - 1_200_000, MID - 1_199_998))  # 0.01 BTC, 12,000 USDT lower

    assert (bot.market.state, bot.market.breach) == (TradingState.HALTED, "RiskBreachMaxLoss")
