"""Markets of which only a part is known begin at zero, a market and its hedge together; and stay so."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import msgspec
import pytest

from harness.desk import Venue
from harness.engines import BTC, tick
from harness.slots import SECOND, Wire, config, slot_of
from tradingbot_runtime.beginning import begin_at_zero
from tradingbot_runtime.carrying import take_over_carried
from tradingbot_runtime.config import CarriedMarket, DesiredState, SlotConfig
from tradingbot_runtime.core.carried import closed_account
from tradingbot_runtime.core.meters import Remembered
from tradingbot_runtime.core.positions import DailyLoss, Position
from tradingbot_runtime.core.standing import Circumstances
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal_loss import JournalLoss
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import Lots, Nanos, OrderFilled, OrderId, Side, Ticks, TimePassed
from tradingbot_runtime.slot import Slot
from tradingbot_runtime.venue_trades import cursor_key
from tradingbot_runtime.venues.protocols import Gateway

PAIR = ("btc", "btc.hedge")


def pair_config(**changes: object) -> SlotConfig:
    sim = config().model_dump(mode="json", by_alias=True, exclude_none=True)["venues"]["sim"]
    where = {"reference": {"venue": "there", "symbol": "BTCUSDT"}, "execution": {"venue": "sim", "symbol": "BTCUSDT"}}
    cross = {"crossExchange": {"size": "0.01", "edgeBps": "5", "hedgeTimeout": "2s"}}
    usual = {"venues": {"sim": sim, "there": sim}, "strategy": cross, "markets": [{"name": "btc", **where}]}
    return config(**(usual | changes))


def at_the_barrier(folder: Path, configured: SlotConfig, wire: Wire) -> Slot:
    slot = slot_of(folder / "j.sqlite3", wire, configured)
    for live in slot.markets.values():
        slot.journal.keep_market(live.ledger, live.instrument, BTC)
    slot.update(barrier_passed=False)
    wire.sent.clear()
    return slot


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def pair(tmp_path: Path, wire: Wire) -> Iterator[Slot]:
    slot = at_the_barrier(tmp_path, pair_config(), wire)
    with closing(slot.journal):
        yield slot


def fill(live: LiveMarket, side: Side, lots: int, trade_id: str = "t1") -> None:
    live.handle(OrderFilled(time_ns=Nanos(SECOND), order_id=OrderId("o"), trade_id=trade_id, side=side,
                            price=Ticks(6_000_000), quantity=Lots(lots), fee=3, fee_asset="BTC"))  # fmt: skip


def lots(slot: Slot) -> dict[str, int]:
    return {name: live.engine.market.position.lots for name, live in slot.markets.items()}


def kept(slot: Slot) -> dict[str, int]:
    """As a restart would have them."""
    accounts = slot.journal.accounts
    return {name: accounts.position(live.ledger, live.instrument).lots for name, live in slot.markets.items()}


@pytest.mark.parametrize("known", PAIR)
@pytest.mark.parametrize("whole", [(), ("btc",), ("btc.hedge",)])
def test_a_pair_of_which_one_side_was_found_begins_on_both_at_zero(
    pair: Slot, wire: Wire, known: str, whole: tuple[str, ...]
) -> None:
    fill(pair.markets[known], Side.SELL, 1_000)
    quoted = pair.markets["btc"].engine.market
    assert quoted.residual != 0

    told = begin_at_zero(pair, whole, "0.1")

    assert (quoted.residual, lots(pair)) == (0, {"btc": 0, "btc.hedge": 0})
    assert quoted.profit == 0, "nor is the day's loss measured from there"
    assert pair.markets["btc.hedge"].engine.market.hedging.residual == 0
    assert kept(pair) == lots(pair)
    assert f"every market begins at zero, position and residual; only a part is known, -0.01000 BTC of {known}," in told
    pair.update(barrier_passed=True)
    assert wire.sent == [], "there is nothing that a trade could take away"


def test_what_is_filled_from_then_on_counts(pair: Slot) -> None:
    fill(pair.markets["btc.hedge"], Side.SELL, 1_000)
    begin_at_zero(pair, (), "0.1")
    fill(pair.markets["btc"], Side.BUY, 70, "t2")

    assert kept(pair) == lots(pair) == {"btc": 70, "btc.hedge": 0}
    assert pair.markets["btc"].engine.market.residual == 70 * BTC.lot_units - 3, "the fee in it is its own"


def test_what_is_forgotten_was_neither_won_nor_lost(pair: Slot) -> None:
    live = pair.markets["btc"]
    fill(live, Side.BUY, 1_000)
    for at_ns in (1, 2):
        live.handle(tick(at_ns * SECOND, 5_000_000, 5_000_002))
        live.handle(TimePassed(time_ns=Nanos(at_ns * SECOND)))
    market = live.engine.market
    assert market.performance.capture.opening_profit < 0
    begin_at_zero(pair, (), "0.1")
    live.handle(TimePassed(time_ns=Nanos(3 * SECOND)))

    assert market.performance.capture.parts(market.position, market.mark) == (0, 0, 0)


def test_a_pair_that_is_known_on_both_sides_keeps_what_it_has(pair: Slot) -> None:
    fill(pair.markets["btc"], Side.BUY, 1_000)
    fill(pair.markets["btc.hedge"], Side.SELL, 900)
    begin_at_zero(pair, PAIR, "0.1")

    assert kept(pair) == lots(pair) == {"btc": 1_000, "btc.hedge": -900}


def test_markets_that_hedge_nothing_begin_at_zero_one_by_one(tmp_path: Path, wire: Wire) -> None:
    slot = at_the_barrier(tmp_path, config("one", "two"), wire)
    with closing(slot.journal):
        for name, live in slot.markets.items():
            fill(live, Side.BUY, 500, name)
        told = begin_at_zero(slot, {"two"}, "0.1")

        assert kept(slot) == lots(slot) == {"one": 0, "two": 500}
        assert told.startswith("one begin at zero, ")


def test_a_beginning_is_no_statement_of_another_slot(pair: Slot) -> None:
    fill(pair.markets["btc"], Side.BUY, 1_000)
    account = closed_account(Position(BTC), BTC, DailyLoss(), Remembered(), Nanos(5))
    pair.journal.accounts.carry("btc", "1.4.7", Nanos(5), account)
    fill(pair.markets["btc"], Side.BUY, 200, "t2")
    begin_at_zero(pair, (), "0.1")

    assert pair.journal.accounts.follows("btc") == "1.4.7", "the operator asks for what it has handed over"
    assert pair.journal.accounts.taken_over_ns("btc") == 5
    assert kept(pair)["btc"] == 0


def looked(slot: Slot, exclusive: str = "") -> JournalLoss:
    """A start with a journal that lacks something, before it reads the trades. `exclusive`: a venue that names none."""
    slot.journal.put("behind", "the journal is missing")
    loss = JournalLoss(slot)
    for live in slot.markets.values():
        live.gateway = cast("Gateway", Venue(exclusive=live.name == exclusive))
        asyncio.run(loss.look(live))
        slot.journal.put(cursor_key(live.ledger), "{}")  # as the reading does, page by page
    return loss


def test_a_first_reading_of_trades_that_was_cut_short_proves_nothing_to_the_next_start(pair: Slot) -> None:
    """Its cursor is there, and nobody has read what was traded before today."""
    fill(pair.markets["btc.hedge"], Side.SELL, 1_000)
    looked(pair)  # and was killed
    looked(pair).settle([])
    assert [halt.reason for halt in pair.halts.held] == ["JournalLost"]
    assert kept(pair) == lots(pair) == {"btc": 0, "btc.hedge": 0}

    fill(pair.markets["btc"], Side.BUY, 1_000, "t2")
    fill(pair.markets["btc.hedge"], Side.SELL, 1_000, "t3")
    looked(pair).settle([])
    assert len(pair.halts.held) == 1, "from where that start had read, the trades tell it all"
    assert kept(pair) == lots(pair) == {"btc": 1_000, "btc.hedge": -1_000}


@pytest.mark.parametrize("unnamed", PAIR)
def test_a_pair_with_a_venue_that_names_no_trades_begins_at_zero_though_its_journal_knew_of_earlier_ones(
    pair: Slot, unnamed: str
) -> None:
    """An older copy: the other side alone is brought up to date."""
    fill(pair.markets["btc"], Side.BUY, 1_000)
    for name in PAIR:
        pair.journal.put(cursor_key(name), "{}")
    looked(pair, unnamed).settle([])

    assert [halt.reason for halt in pair.halts.held] == ["JournalLost"]
    assert kept(pair) == lots(pair) == {"btc": 0, "btc.hedge": 0}


def carried(market: str, lots_held: int | None) -> CarriedMarket:
    """None: nobody knows."""
    position = Position(BTC)
    if lots_held is None:
        return CarriedMarket(id="1.4.gone", market=market, instrument="sim/BTCUSDT", missing="slot 1 is gone")
    position.lots = Lots(lots_held)
    account = closed_account(position, BTC, DailyLoss(), Remembered(), Nanos(5))
    text = msgspec.json.encode(account).decode()
    return CarriedMarket(id="1.4.7", market=market, instrument="sim/BTCUSDT", account=text)


@pytest.mark.parametrize("without", PAIR)
def test_a_pair_that_is_handed_over_with_one_account_begins_at_zero(tmp_path: Path, without: str) -> None:
    brought = [carried(name, None if name == without else -1_000) for name in PAIR]
    configured = pair_config(carried=[one.model_dump(mode="json", by_alias=True) for one in brought])
    with closing(Journal(tmp_path / "j")) as journal:
        slot = Slot(configured, journal, lambda: Nanos(9), "pod", 1,
                    Circumstances(DesiredState.RUNNING, has_markets=True))  # fmt: skip
        for _ in range(2):
            take_over_carried(slot)
            assert [journal.accounts.position(name, BTC).lots for name in PAIR] == [0, 0]
        (halt,) = slot.halts.held
        assert halt.message.endswith(
            "it and its other side begin at zero: square the accounts by hand before you resume"
        )


def test_an_account_that_a_lost_journal_takes_over_once_more_is_of_before_what_was_traded_since(pair: Slot) -> None:
    """The operator keeps it in the configuration; no cursor reaches back to what was traded from then to the loss."""
    brought = [carried("btc", 1_000), carried("btc.hedge", -1_000)]
    pair.config = pair.config.model_copy(update={"carried": brought})
    take_over_carried(pair)
    assert kept(pair) == {"btc": 1_000, "btc.hedge": -1_000}
    for live in pair.markets.values():  # the barrier makes the markets after it
        live.engine.market.position = pair.journal.accounts.position(live.ledger, live.instrument)

    looked(pair).settle([])

    assert [halt.reason for halt in pair.halts.held] == ["JournalLost"]
    assert kept(pair) == lots(pair) == {"btc": 0, "btc.hedge": 0}
