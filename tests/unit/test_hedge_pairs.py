"""A market and the one that hedges it, as the slot has them: real engines on a real journal, orders go to a list."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from harness.engines import BTC, tick
from harness.slots import SECOND, Wire, config, slot_of
from tradingbot_runtime.cold_differences import cold_differences
from tradingbot_runtime.config import DesiredState, OnBreach, SlotConfig
from tradingbot_runtime.core.order_ids import decode
from tradingbot_runtime.core.risk import Refusal, review
from tradingbot_runtime.inputs.snapshot import differences, market_of, state_of
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import (
    Cancel,
    HedgeStress,
    Lots,
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderFilled,
    OrderRejected,
    OutcomeLost,
    Place,
    Side,
    Ticks,
    TimePassed,
    TradingState,
    VenueLocked,
    VenueTicked,
)
from tradingbot_runtime.slot import Slot

CROSS = {"size": "0.01", "edgeBps": "5", "hedgeTimeout": "2s", "hysteresis": {"ticks": 10}}
SIZE = 1_000  # lots: 0.01 BTC


def hedged_config(**changes: Any) -> SlotConfig:  # noqa: ANN401 - a JSON tree
    sim = config().model_dump(mode="json", by_alias=True, exclude_none=True)["venues"]["sim"]
    where = {"reference": {"venue": "there", "symbol": "BTCUSDT"}, "execution": {"venue": "sim", "symbol": "BTCUSDT"}}
    usual = {"venues": {"sim": sim, "there": sim}, "strategy": {"crossExchange": CROSS},
             "markets": [{"name": "btc", **where}]}  # fmt: skip
    return config(**(usual | changes))


@dataclass
class Desk:
    """Both markets of a slot, past the start barrier, with a clock that the test moves."""

    folder: Path
    configured: SlotConfig = field(default_factory=hedged_config)
    now_ns: int = 10 * SECOND
    wire: Wire = field(default_factory=Wire)
    slot: Slot = field(init=False)
    trades: int = 0

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.slot = slot_of(self.folder / "j.sqlite3", self.wire, self.configured, lambda: Nanos(self.now_ns))
        self.look(0)

    @property
    def quoted(self) -> LiveMarket:
        return self.slot.markets["btc"]

    @property
    def hedge(self) -> LiveMarket:
        return self.slot.markets["btc.hedge"]

    def look(self, seconds: float = 0.1) -> None:
        """Time passes, the feeds go on."""
        self.now_ns += int(seconds * SECOND)
        seen = tick(self.now_ns)
        for live in (self.hedge, self.quoted):
            live.handle(replace(seen, bid_lots=Lots(10**6), ask_lots=Lots(10**6)))
        self.quoted.handle(VenueTicked(time_ns=Nanos(self.now_ns), bid=Ticks(5_900_000), ask=Ticks(6_100_000)))
        for live in (self.hedge, self.quoted):
            live.handle(TimePassed(time_ns=Nanos(self.now_ns)))

    def sent(self, leg: int) -> list[Any]:
        """Takes the commands of a leg off the wire."""
        kept: list[Any] = []
        found: list[Any] = []
        for command in self.wire.sent:
            key = decode(command.order_id)
            assert key is not None
            (found if key.leg == leg else kept).append(command)
        self.wire.sent = kept
        return found

    def fill(self, live: LiveMarket, order: Place, lots: int = 0) -> None:
        self.trades += 1
        live.handle(OrderFilled(time_ns=Nanos(self.now_ns), order_id=order.order_id, trade_id=f"t{self.trades}",
                                side=order.side, price=order.price, quantity=Lots(lots or order.quantity), fee=0,
                                fee_asset="USDT"))  # fmt: skip

    def accept(self, live: LiveMarket, *orders: Place) -> None:
        for order in orders:
            live.handle(OrderAccepted(time_ns=Nanos(self.now_ns), order_id=order.order_id, venue_order_id="v"))

    def bought(self) -> Place:
        """Our bid is filled; returns the hedge that follows at once."""
        orders = self.sent(0)
        self.accept(self.quoted, *orders)
        self.fill(self.quoted, next(order for order in orders if order.side is Side.BUY))
        (hedge,) = self.sent(1)
        assert isinstance(hedge, Place)
        return hedge


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.slot.journal.close()


def test_a_fill_is_hedged_within_the_same_event_by_an_order_of_the_other_leg_that_takes(desk: Desk) -> None:
    hedge = desk.bought()

    assert (hedge.side, hedge.quantity, hedge.post_only) == (Side.SELL, SIZE, False)
    assert hedge.price >= 6_000_000 * 998 // 1000, "no further than hedgeSlippageBps beyond the best price"
    desk.fill(desk.hedge, hedge)
    assert desk.quoted.engine.market.residual == 0
    assert desk.sent(1) == []


def test_the_profit_and_what_the_losses_are_measured_by_are_those_of_both_markets(desk: Desk) -> None:
    """A price that falls by a tenth costs a hedged position nothing."""
    hedge = desk.bought()
    desk.fill(desk.hedge, hedge)
    before = desk.quoted.engine.market.profit
    for live in (desk.hedge, desk.quoted):
        live.handle(tick(desk.now_ns, 5_400_000, 5_400_002))

    assert before == desk.quoted.engine.market.profit
    assert desk.quoted.engine.market.state is TradingState.ACTIVE, "the loss of one leg alone is over the limit of 100"
    assert desk.slot.halts.held == []


def test_paused_and_reducing_bots_hedge_what_is_left_though_the_hedge_market_s_position_grows(desk: Desk) -> None:
    orders = desk.sent(0)
    desk.accept(desk.quoted, *orders)
    desk.slot.update(desired=DesiredState.PAUSED)
    desk.fill(desk.quoted, next(order for order in orders if order.side is Side.BUY))

    assert [order.side for order in desk.sent(1)] == [Side.SELL]


def test_an_order_that_would_do_more_than_take_the_residual_away_is_refused_by_risk(desk: Desk) -> None:
    hedge = desk.bought()
    market = desk.hedge.engine.market
    market.hedging.quoted = 10 * SIZE * BTC.lot_units  # whoever is wrong about what is due
    market.hedging.residual = 0
    once_more = Place(order_id=desk.hedge.engine.ids.ahead(0, 1), side=hedge.side, price=hedge.price,
                      quantity=hedge.quantity, post_only=False)  # fmt: skip
    decision = review([once_more], market.situation(Nanos(desk.now_ns), 10), market.terms.limits)
    assert [refused.reason for refused in decision.refused] == [Refusal.REDUCE_ONLY]


def test_a_hedge_of_unknown_fate_is_never_sent_again_and_what_comes_later_is_hedged_beside_it(desk: Desk) -> None:
    hedge = desk.bought()
    desk.hedge.handle(OutcomeLost(time_ns=Nanos(desk.now_ns), order_id=hedge.order_id))
    for _ in range(100):
        desk.look()
    assert desk.sent(1) == []
    assert {quote.side for quote in desk.quoted.engine.quotes} == {Side.SELL}
    buy = next(order for order in desk.sent(0) if isinstance(order, Place) and order.side is Side.BUY)
    desk.fill(desk.quoted, buy, 400)  # it was on its way
    (beside,) = desk.sent(1)
    assert (beside.side, beside.quantity) == (Side.SELL, 400)


def test_a_hedge_that_rests_is_cancelled_after_half_the_timeout_and_its_rest_is_sent_anew(desk: Desk) -> None:
    hedge = desk.bought()
    desk.accept(desk.hedge, hedge)
    desk.fill(desk.hedge, hedge, 300)
    desk.look(0.5)
    assert desk.sent(1) == []
    desk.look(0.6)
    (cancel,) = desk.sent(1)
    assert isinstance(cancel, Cancel)
    desk.look()
    assert desk.sent(1) == [], "until it is gone it may still fill"
    desk.hedge.handle(OrderCanceled(time_ns=Nanos(desk.now_ns), order_id=hedge.order_id))
    (rest,) = desk.sent(1)
    assert (rest.side, rest.quantity) == (Side.SELL, SIZE - 300)


def test_a_refused_hedge_is_tried_again_late_and_then_reduces_what_is_quoted(desk: Desk) -> None:
    hedge = desk.bought()
    for _ in range(60):
        desk.hedge.handle(
            OrderRejected(time_ns=Nanos(desk.now_ns), order_id=hedge.order_id, reason="-2010", message="no")
        )
        desk.look()
        again = desk.sent(1)
        hedge = again[0] if again else hedge
    told = desk.quoted.engine.market.hedge
    assert told is not None
    assert told.stress is HedgeStress.REDUCING
    assert {quote.side for quote in desk.quoted.engine.quotes} == {Side.SELL}


def denied(desk: Desk, hedge: Place) -> None:
    desk.hedge.handle(OrderDenied(time_ns=Nanos(desk.now_ns), order_id=hedge.order_id, reason="BuildLost"))


def test_a_hedge_that_did_not_leave_is_sent_again_in_a_moment_and_then_once_a_second(desk: Desk) -> None:
    hedge, waited = desk.bought(), []
    for _ in range(7):
        denied(desk, hedge)
        began_ns = desk.now_ns
        while not (again := desk.sent(1)):
            desk.look(0.05)
            assert desk.now_ns - began_ns <= 2 * SECOND, "a position stays open meanwhile"
        (hedge,) = again
        waited.append(round((desk.now_ns - began_ns) / SECOND, 2))

    assert waited == [0.1, 0.2, 0.4, 0.8, 1, 1, 1]
    desk.fill(desk.hedge, hedge)
    assert desk.quoted.engine.market.residual == 0


def test_an_order_of_the_quoted_market_that_did_not_leave_waits_as_after_a_refusal(desk: Desk) -> None:
    (first, *_) = desk.sent(0)
    desk.quoted.handle(OrderDenied(time_ns=Nanos(desk.now_ns), order_id=first.order_id, reason="BuildLost"))
    assert desk.quoted.engine.market.quiet.until_ns == desk.now_ns + SECOND


def test_a_lock_of_the_hedge_s_venue_withdraws_the_quotes_at_once(desk: Desk) -> None:
    desk.accept(desk.quoted, *desk.sent(0))
    desk.slot.venue_locked(VenueLocked(time_ns=Nanos(desk.now_ns), venue="there", locked=True, reason="maintenance"))

    assert [type(command) for command in desk.sent(0)] == [Cancel, Cancel]
    assert desk.slot.standing.state is TradingState.ACTIVE, "the other venue takes cancels"


def test_a_halt_withdraws_both_markets_orders_and_hedges_nothing_more(desk: Desk) -> None:
    hedge = desk.bought()
    desk.accept(desk.hedge, hedge)
    desk.accept(desk.quoted, *desk.sent(0))
    desk.slot.halted_by_hand("someone", "enough")

    assert {type(command) for command in desk.wire.sent} == {Cancel}
    assert {decode(command.order_id).leg for command in desk.wire.sent} == {0, 1}  # type: ignore[union-attr] # ours
    desk.sent(0), desk.sent(1)
    desk.hedge.handle(OrderCanceled(time_ns=Nanos(desk.now_ns), order_id=hedge.order_id))
    desk.look(3)
    assert desk.wire.sent == []


def test_a_halt_that_flattens_closes_the_position_of_each_market_where_it_is(desk: Desk) -> None:
    hedge = desk.bought()
    desk.fill(desk.hedge, hedge)
    left = desk.sent(0)
    desk.slot.halted_by_hand("someone", "out", OnBreach.FLATTEN)
    for command in [*left, *desk.sent(0)]:
        desk.quoted.handle(OrderCanceled(time_ns=Nanos(desk.now_ns), order_id=command.order_id))
    desk.look(3)
    (here,), (there,) = desk.sent(0), desk.sent(1)

    assert (here.side, here.quantity, there.side, there.quantity) == (Side.SELL, SIZE, Side.BUY, SIZE)


def test_a_restart_knows_the_residual_from_the_journal_and_hedges_it_once(desk: Desk) -> None:
    """The process ended after the fill was journalled; its order was never sent."""
    orders = desk.sent(0)
    buy = next(order for order in orders if order.side is Side.BUY)
    fill = OrderFilled(time_ns=Nanos(1), order_id=buy.order_id, trade_id="t", side=Side.BUY, price=buy.price,
                       quantity=buy.quantity, fee=0, fee_asset="USDT")  # fmt: skip
    desk.slot.journal.keep_fill("btc", "a", desk.quoted.instrument, fill)
    desk.slot.journal.close()
    desk.start()

    assert [(order.side, order.quantity) for order in desk.sent(1)] == [(Side.SELL, SIZE)]


def test_another_strategy_has_orders_in_other_markets_and_needs_a_restart() -> None:
    another = hedged_config(strategy={"marketMaking": {"spreadBps": "10", "sizes": ["0.01"]}})

    assert cold_differences(hedged_config(), another) == ["strategy (other markets have orders in it)"]
    assert cold_differences(hedged_config(), hedged_config(strategy={"crossExchange": CROSS | {"edgeBps": "9"}})) == []


def test_a_snapshot_holds_what_both_markets_know_of_each_other(desk: Desk) -> None:
    desk.bought()
    for live in (desk.hedge, desk.quoted):
        market = live.engine.market
        assert differences(market, market_of(state_of(market), market.terms)) == {}


def test_hedges_may_use_what_else_only_cancels_may(desk: Desk) -> None:
    budget = desk.hedge.engine.budget
    budget.reserve = budget.burst

    assert desk.bought().quantity == SIZE


def test_an_order_that_stands_further_in_than_is_wanted_does_not_stay_and_one_further_out_does(desk: Desk) -> None:
    """The edge is what is written, at least; the hysteresis of 10 ticks only saves messages on the other side."""
    desk.accept(desk.quoted, *desk.sent(0))
    higher = replace(tick(desk.now_ns, 6_000_004, 6_000_006), bid_lots=Lots(10**6), ask_lots=Lots(10**6))
    desk.quoted.handle(higher)

    assert [order.side for order in desk.sent(0) if not isinstance(order, Cancel)] == [Side.SELL]
