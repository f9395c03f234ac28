"""Pre-trade risk, check by check: what is refused, with which reason, and where the line is."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import msgspec
import pytest

from harness.engines import BTC, SECOND, accept, limits, tick, trading
from tradingbot_runtime.core.breaches import Breach, BreachReason
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.core.refusals import AFTER_REFUSAL, Quiet
from tradingbot_runtime.core.risk import CHECKS, Check, Refusal, Situation, exposure, review
from tradingbot_runtime.model import (
    Cancel,
    InstrumentType,
    Lots,
    Money,
    Nanos,
    OrderId,
    OrderRejected,
    Place,
    Replace,
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
PERPETUAL = msgspec.structs.replace(BTC, type=InstrumentType.PERPETUAL)


def order(side: Side = Side.BUY, price: int = MID - 600, quantity: int = 1_000, *, post_only: bool = True) -> Place:
    return Place(order_id=OrderId("o"), side=side, price=Ticks(price), quantity=Lots(quantity), post_only=post_only)


def situation(**changes: object) -> Situation:
    return msgspec.structs.replace(CALM, **changes)


def refusal(place: Place, now: Situation = CALM, **changes: object) -> Refusal | None:
    decision = review([place], now, limits(**changes))
    return decision.refused[0].reason if decision.refused else None


R, S = Refusal, TradingState
SELL = order(Side.SELL, MID + 600)
TAKE = order(Side.SELL, MID - 600, post_only=False)
SLIP = {"max_slippage": (1, 100)}
NONE: dict[str, object] = {}
LOSING = {"max_daily_loss": Money(100)}
FALLING = {"max_drawdown": (1, 20)}
FAST = {"max_loss_rate": (Money(100), 60 * SECOND)}
DRIFT = {"max_clock_drift_ns": 500, "signed": True}
APART = {"max_divergence": (1, 1_000)}
Case = tuple[str, Place, Mapping[str, object], Mapping[str, object], Refusal | None]
# check by check: a name, what is judged, the situation, the limits, and the verdict; None: the last value that passes
CASES: dict[str, list[Case]] = {
    "state": [
        ("a state that does not trade", order(), {"state": S.RECONCILING}, NONE, R.NOT_TRADING),
        ("halted", order(), {"state": S.HALTED}, NONE, R.NOT_TRADING),
        ("active", order(), NONE, NONE, None),
        ("reducing, and it would open", order(), {"state": S.REDUCING}, NONE, R.REDUCE_ONLY),
        ("reducing, and it is too big", order(), {"state": S.REDUCING, "position": -999}, NONE, R.REDUCE_ONLY),
        ("reducing, and others reduce already", order(), {"state": S.REDUCING, "position": -1_500, "buying": 501}, NONE,
         R.REDUCE_ONLY),
        ("reducing just so", order(), {"state": S.REDUCING, "position": -1_000}, NONE, None),
        ("a market that may only reduce", order(), {"only_reducing": "depegged"}, NONE, R.REDUCE_ONLY),
        ("and it reduces", order(), {"only_reducing": "depegged", "position": -1_000}, NONE, None),
        ("flattening, and it would open", order(), {"state": S.HALTED, "flattening": True}, NONE, R.REDUCE_ONLY),
        ("flattening", TAKE, {"state": S.HALTED, "flattening": True, "position": 1_000}, SLIP, None),
        ("a venue that is locked", order(), {"locked": "maintenance"}, NONE, R.VENUE_LOCKED),
    ],
    "fenced": [
        ("without the Lease", order(), {"state": S.FENCED}, NONE, R.FENCED),
        ("with it", order(), NONE, NONE, None),
    ],
    "kill_switch": [
        ("a person has halted", order(), {"state": S.HALTED, "killed": True}, NONE, R.KILL_SWITCH),
        ("and wants it flat, but this would open", order(), {"state": S.HALTED, "killed": True, "flattening": True},
         NONE, R.REDUCE_ONLY),
        ("and wants it flat", TAKE, {"state": S.HALTED, "killed": True, "flattening": True, "position": 1_000}, SLIP,
         None),
    ],
    "staleness": [
        ("a feed too old", order(), {"feed_age_ns": 3 * SECOND + 1}, NONE, R.FEED_STALE),
        ("a feed just fresh", order(), {"feed_age_ns": 3 * SECOND}, NONE, None),
    ],
    "book": [
        ("no book", order(), {"book_valid": False}, NONE, R.BOOK_INVALID),
        ("a book", order(), {"book_valid": True}, NONE, None),
    ],
    "divergence": [
        ("sources apart", order(), {"other_mid_2": 2 * MID + 12_001}, APART, R.FEED_DIVERGENCE),
        ("apart downwards", order(), {"other_mid_2": 2 * MID - 12_001}, APART, R.FEED_DIVERGENCE),
        ("just not apart", order(), {"other_mid_2": 2 * MID + 12_000}, APART, None),
        ("just not apart in other units", order(), {"other_mid_2": 20 * MID + 120_000, "other_unit": 10}, APART, None),
        ("only one source", order(), {"other_mid_2": 0}, APART, None),
        ("no limit", order(), {"other_mid_2": 4 * MID}, NONE, None),
    ],
    "clock": [
        ("a clock too far ahead", order(), {"clock_offset_ns": 501}, DRIFT, R.CLOCK_DRIFT),
        ("a clock too far behind", order(), {"clock_offset_ns": -501}, DRIFT, R.CLOCK_DRIFT),
        ("never measured", order(), {"clock_offset_ns": None}, DRIFT, R.CLOCK_DRIFT),
        ("just near enough", order(), {"clock_offset_ns": -500}, DRIFT, None),
        ("nothing is signed", order(), {"clock_offset_ns": None}, {"max_clock_drift_ns": 500}, None),
    ],
    "account": [
        ("an account that differs", order(), {"mismatch": "USDT: 5 less", "checked_ns": 10 * SECOND}, NONE,
         R.ACCOUNT_MISMATCH),
        ("long not compared", order(), {"checked_ns": 1}, {"check_within_ns": 10 * SECOND - 2}, R.ACCOUNT_UNCHECKED),
        ("compared just in time", order(), {"checked_ns": 1}, {"check_within_ns": 10 * SECOND - 1}, None),
    ],
    "tick_and_lot": [
        ("no price", order(price=0), NONE, NONE, R.BAD_PRICE),
        ("no quantity", order(quantity=0), NONE, NONE, R.BAD_QUANTITY),
        ("above the venue's most", order(quantity=2), NONE,
         {"instrument": msgspec.structs.replace(BTC, max_lots=Lots(1))}, R.BAD_QUANTITY),
        ("worth less than the venue takes", order(quantity=8), NONE, NONE, R.MIN_NOTIONAL),
        ("worth just enough", order(quantity=9), NONE, NONE, None),
    ],
    "fat_finger": [
        ("far from the reference", order(price=MID * 95 // 100 - 1), NONE, NONE, R.FAT_FINGER),
        ("just near enough", order(price=MID * 95 // 100), NONE, NONE, None),
        ("taking without a cap", TAKE, NONE, NONE, R.SLIPPAGE),
        ("taking beyond the cap", order(Side.SELL, MID * 99 // 100 - 1, post_only=False), NONE, SLIP, R.SLIPPAGE),
        ("taking up to the cap", order(Side.SELL, MID * 99 // 100, post_only=False), NONE, SLIP, None),
    ],
    "own_book": [
        ("a bid at the best ask", order(price=MID + 1), NONE, NONE, R.WOULD_TAKE),
        ("a bid just below it", order(price=MID), NONE, NONE, None),
        ("an offer at the best bid", order(Side.SELL, MID - 1), NONE, NONE, R.WOULD_TAKE),
        ("a bid at our own offer", order(), {"own_ask": MID - 600}, NONE, R.SELF_TRADE),
        ("a bid below our own offer", order(), {"own_ask": MID - 599}, NONE, None),
        ("an offer at our own bid", SELL, {"own_bid": MID + 600}, NONE, R.SELF_TRADE),
        ("taking our own bid", TAKE, {"own_bid": MID - 600}, SLIP, R.SELF_TRADE),
    ],
    "repetition": [
        ("an id that was used", order(), {"known": lambda _: True}, NONE, R.DUPLICATE_INTENT),
        ("another id", order(), {"known": lambda _: None}, NONE, None),
        ("too soon", order(), {"placed_ns": 10 * SECOND - 99}, {"min_interval_ns": 100}, R.MIN_INTERVAL),
        ("soon enough", order(), {"placed_ns": 10 * SECOND - 100}, {"min_interval_ns": 100}, None),
        ("of the same moment", order(), {"placed_ns": 10 * SECOND}, {"min_interval_ns": 100}, None),
    ],
    "order_size": [
        ("an order too big", order(quantity=1_001), NONE, {"max_order": 1_000}, R.MAX_ORDER),
        ("just small enough", order(), NONE, {"max_order": 1_000}, None),
        ("worth too much", order(), NONE, {"max_order_notional": BTC.money("599.93")}, R.MAX_NOTIONAL),
        ("worth just little enough", order(), NONE, {"max_order_notional": BTC.money("599.94")}, None),
    ],
    "position": [
        ("bids that could carry it over", order(), {"position": 500, "buying": 501}, {"max_position": 2_000},
         R.MAX_POSITION),
        ("bids that could carry it to the limit", order(), {"position": 500, "buying": 500}, {"max_position": 2_000},
         None),
        ("offers that could carry it under", SELL, {"position": -500, "selling": 501}, {"max_position": 2_000},
         R.MAX_POSITION),
        ("an offer that brings it back", SELL, {"position": 9_000}, {"max_position": 2_000}, None),
    ],
    "across_markets": [
        ("too much of the asset", order(), {"others_long": 10**6 + 1}, {"max_base_exposure": 2 * 10**6},
         R.MAX_BASE_EXPOSURE),
        ("just enough of the asset", order(), {"others_long": 10**6}, {"max_base_exposure": 2 * 10**6}, None),
        ("too little of it", SELL, {"others_short": 10**6 + 1}, {"max_base_exposure": 2 * 10**6}, R.MAX_BASE_EXPOSURE),
        ("the other side counts for itself", SELL, {"others_long": 10**9}, {"max_base_exposure": 2 * 10**6}, None),
        ("too much in all", order(), {"others_gross": 400 * 10**8 + 1}, {"max_gross": 1_000 * 10**8}, R.MAX_GROSS),
        ("just enough in all", order(), {"others_gross": 400 * 10**8}, {"max_gross": 1_000 * 10**8}, None),
        ("what reduces adds nothing", SELL, {"position": 1_000, "others_gross": 10**15}, {"max_gross": 1}, None),
    ],
    "skew": [
        ("leaning to that side", order(), {"position": 500}, {"max_skew": 500}, R.SKEW),
        ("leaning by what is of unknown fate", order(), {"position": 400, "unproved_buying": 100, "buying": 100},
         {"max_skew": 500}, R.SKEW),
        ("leaning to the other side", SELL, {"position": 500}, {"max_skew": 500}, None),
        ("leaning a little less", order(), {"position": 499}, {"max_skew": 500}, None),
        ("short and selling", SELL, {"position": -500}, {"max_skew": 500}, R.SKEW),
    ],
    "open_orders": [
        ("as many orders as allowed", order(), {"open_orders": 20}, NONE, R.MAX_OPEN_ORDERS),
        ("one fewer", order(), {"open_orders": 19}, NONE, None),
    ],
    "balance": [
        ("more than there is to sell", SELL, {"selling": 99_001}, {"max_position": None}, R.BALANCE),
        ("all that there is to sell", SELL, {"selling": 99_000}, {"max_position": None}, None),
        ("more than there is money for", order(), {"quote": BTC.money("599.94") - 1}, NONE, R.BALANCE),
        ("all the money", order(), {"quote": BTC.money("599.94")}, NONE, None),
        ("no money for the fees", order(), {"quote": BTC.money("600.53994") - 1}, {"fee_reserve": (1, 1_000)},
         R.BALANCE),
        ("just enough for the fees", order(), {"quote": BTC.money("600.53994")}, {"fee_reserve": (1, 1_000)}, None),
    ],
    "leverage": [
        ("a perpetual beyond its leverage", SELL, {"equity": BTC.money("200") - 1},
         {"instrument": PERPETUAL, "max_leverage": (3, 1)}, R.LEVERAGE),
        ("just within it", SELL, {"equity": BTC.money("200"), "base": 0},
         {"instrument": PERPETUAL, "max_leverage": (3, 1)}, None),
        ("a perpetual without a limit", SELL, {"equity": BTC.money("200")}, {"instrument": PERPETUAL}, R.LEVERAGE),
        ("reducing a perpetual", SELL, {"position": 1_000}, {"instrument": PERPETUAL, "max_leverage": (1, 1)}, None),
        ("spot", SELL, NONE, {"max_leverage": (1, 10**6)}, None),
    ],
    "rate": [
        ("no budget", order(), {"order_tokens": 0}, NONE, R.RATE),
        ("one message left", order(), {"order_tokens": 1}, NONE, None),
    ],
    "messages": [
        ("the day's messages are used up", order(), {"messages_today": 50}, {"max_messages_per_day": 50},
         R.DAILY_MESSAGES),
        ("one is left", order(), {"messages_today": 49}, {"max_messages_per_day": 50}, None),
        ("too many cancels", order(), {"cancels_today": 1_101, "fills_today": 11}, {"max_cancels_per_fill": 100},
         R.CANCEL_RATIO),
        ("just few enough", order(), {"cancels_today": 1_100, "fills_today": 11}, {"max_cancels_per_fill": 100}, None),
        ("the first thousand is free", order(), {"cancels_today": 1_000}, {"max_cancels_per_fill": 100}, None),
    ],
    "daily_loss": [
        ("lost too much today", order(), {"loss_today": 101}, LOSING, R.DAILY_LOSS),
        ("lost just not too much", order(), {"loss_today": 100}, LOSING, None),
        ("lost too much, and it reduces", SELL, {"loss_today": 101, "position": 1_000}, LOSING, None),
    ],
    "drawdown": [
        ("too far below the best", order(), {"below_best": 51, "best_equity": 1_000}, FALLING, R.DRAWDOWN),
        ("just not too far", order(), {"below_best": 50, "best_equity": 1_000}, FALLING, None),
        ("too far, and it reduces", SELL, {"below_best": 51, "best_equity": 1_000, "position": 1_000}, FALLING, None),
        ("never valued", order(), {"below_best": 51, "best_equity": 0}, FALLING, None),
    ],
    "loss_rate": [
        ("lost too fast", order(), {"recent_loss": 101}, FAST, R.LOSS_RATE),
        ("just not too fast", order(), {"recent_loss": 100}, FAST, None),
        ("too fast, and it reduces", SELL, {"recent_loss": 101, "position": 1_000}, FAST, None),
    ],
    "breaker": [
        ("open: a pause after refusals", order(), {"quiet_until_ns": 10 * SECOND + 1}, NONE, R.BACKING_OFF),
        ("half-open: the pause is over", order(), {"quiet_until_ns": 10 * SECOND, "refused_in_a_row": 1}, NONE, None),
        ("half-open: one is out", order(), {"quiet_until_ns": 9 * SECOND, "refused_in_a_row": 1, "unanswered": 1,
                                            "placed_ns": 9 * SECOND}, NONE, R.BACKING_OFF),
        ("half-open: one of before is out", order(), {"quiet_until_ns": 9 * SECOND, "refused_in_a_row": 1,
                                                      "unanswered": 1, "placed_ns": 9 * SECOND - 1}, NONE, None),
        ("closed", order(), {"unanswered": 1, "placed_ns": 9 * SECOND}, NONE, None),
    ],
}  # fmt: skip
ALL = [(check, *case) for check, cases in CASES.items() for case in cases]


@pytest.mark.parametrize(
    ("check", "name", "place", "now", "changes", "expected"), ALL, ids=[f"{c}: {n}" for c, n, *_ in ALL]
)
def test_a_check_draws_its_line_exactly(
    check: str,
    name: str,
    place: Place,
    now: Mapping[str, object],
    changes: Mapping[str, object],
    expected: Refusal | None,
) -> None:
    assert refusal(place, situation(**now), **changes) is expected, (check, name)


def test_there_are_twenty_five_checks_in_the_order_of_the_specification() -> None:
    assert [check.__name__ for check in CHECKS] == list(CASES)
    assert len(CHECKS) == 25


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_has_a_case_that_fires_it_and_one_that_leaves_it_silent(check: Check) -> None:
    """By the check itself, so that no other check's verdict hides that this one does nothing."""
    said = {
        bool(check(place, situation(**now), limits(**changes))) for _, place, now, changes, _ in CASES[check.__name__]
    }
    assert said == {True, False}


def test_every_reason_has_a_case() -> None:
    assert {case[-1] for cases in CASES.values() for case in cases} == {*Refusal, None}


def test_a_replacement_that_is_refused_still_withdraws_the_old_order() -> None:
    wanted = Replace(order_id=OrderId("new"), replaces=OrderId("old"), side=Side.BUY, price=Ticks(MID + 1),
                     quantity=Lots(1_000))  # fmt: skip
    decision = review([wanted], CALM, limits())

    assert [r.reason for r in decision.refused] == [Refusal.WOULD_TAKE]
    assert [a.command for a in decision.approved] == [Cancel(order_id=OrderId("old"))]


def test_the_worst_case_counts_resting_unknown_leaving_and_lost_orders_in_full() -> None:
    def resting(number: int, side: Side, state: OrderState, filled: int = 0) -> Order:
        return Order(OrderId(str(number)), side, Ticks(MID), Lots(1_000), Lots(filled), state, venue_order_id="v")

    states = [OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.OPEN, OrderState.PENDING_CANCEL, OrderState.LOST,
              OrderState.PENDING_REPLACE, OrderState.INTENT, OrderState.BUILT]  # fmt: skip
    orders = [resting(i, side, state) for i, (side, state) in enumerate(product(Side, states))]
    could = exposure([*orders, resting(99, Side.BUY, OrderState.PARTIAL, 400)], BTC.tick_lot)

    assert (could.buying, could.selling) == (8_600, 8_000)
    assert could.buying_cost == 8_600 * MID * BTC.tick_lot
    assert (could.unproved_buying, could.unproved_selling, could.lost) == (2_000, 2_000, 2)
    assert (could.own_bid, could.own_ask) == (MID, MID)


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
    assert AFTER_REFUSAL.longest_ns == 30 * SECOND
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

    assert bot.market.state is TradingState.HALTED
    assert bot.market.breach == Breach(BreachReason.MAX_LOSS, "120 USDT", "100 USDT")
