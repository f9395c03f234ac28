"""A market that moves between slots takes its account along: it is as if one slot had made all trades."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engines import BTC
from harness.slots import config
from tradingbot_runtime.audit.accounts import days
from tradingbot_runtime.carrying import take_over_carried
from tradingbot_runtime.config import CarriedMarket, DesiredState, SlotConfig
from tradingbot_runtime.core.carried import CarriedAccount
from tradingbot_runtime.core.meters import Remembered
from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.core.standing import Circumstances
from tradingbot_runtime.core.trading_days import DAY_NS
from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal.accounts import Accounts
from tradingbot_runtime.journal.reading import JournalReader
from tradingbot_runtime.model import Lots, Money, Nanos, OrderFilled, OrderId, Side, Ticks, TradingState
from tradingbot_runtime.model.control import ClosingStatement
from tradingbot_runtime.risk_memory import RiskMemory, daily_of, meters_of, remembered_of
from tradingbot_runtime.slot import Slot
from tradingbot_runtime.venue_trades import cursor_key

NOW = Nanos(20_000 * DAY_NS + 5)
TRADES = st.tuples(st.sampled_from(Side), st.integers(1, 50), st.integers(90, 110), st.sampled_from(["BTC", "USDT"]))
TENURES = st.lists(st.tuples(st.integers(0, 2), st.lists(TRADES, max_size=6), st.booleans()), min_size=1, max_size=6)
Made = tuple[Side, int, int, str]


def carried(statement: ClosingStatement | None) -> list[CarriedMarket] | None:
    """As the operator hands it on."""
    if statement is None:
        return None
    return [CarriedMarket(id=statement.id, market=statement.market, paper=statement.paper, account=statement.account,
                          instrument=f"{statement.venue}/{statement.symbol}")]  # fmt: skip


def process(
    folder: Path, number: int, brought: list[CarriedMarket] | None = None, configured: SlotConfig | None = None
) -> Slot:
    """A process of a slot, on the slot's own journal. Close that at the end."""
    journal = Journal(folder / f"slot-{number}" / "journal.sqlite3")
    whole = (configured or config()).model_copy(update={"slot": number, "carried": brought})
    slot = Slot(whole, journal, lambda: NOW, "pod", journal.next_epoch(0), Circumstances(DesiredState.RUNNING, True))  # noqa: FBT003 - has markets
    slot.take_halts()
    return slot


def trade(slot: Slot, made: Made, number: int) -> OrderFilled:
    side, lots, price, asset = made
    fill = OrderFilled(time_ns=NOW, order_id=OrderId("o"), trade_id=f"t{number}", side=side, price=Ticks(price),
                       quantity=Lots(lots), fee=lots, fee_asset=asset)  # fmt: skip
    assert slot.journal.keep_fill("btc", "a", BTC, fill)
    return fill


def closed(slot: Slot) -> ClosingStatement:
    slot.circumstances.drained = "it is scaled away"
    (statement,) = slot.closings.of(slot, TradingState.DRAINED)
    return statement


def account(position: Position) -> tuple[object, ...]:
    return position.lots, position.cost, position.realised, position.traded, position.fees


def killed_before_the_end(slot: Slot) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Accounts, "carry", lambda *_: (_ for _ in ()).throw(JournalError("killed")))
        with pytest.raises(JournalError, match="killed"):
            take_over_carried(slot)
    slot.journal.close()


@given(TENURES)
def test_however_often_a_market_moves_its_account_is_that_of_one_slot_that_made_all_trades(
    tenures: list[tuple[int, list[Made], bool]],
) -> None:
    whole, numbers, statement = Position(BTC), count(1), None
    with TemporaryDirectory() as name:
        for number, trades, is_killed in tenures:
            if is_killed and statement is not None:
                killed_before_the_end(process(Path(name), number, carried(statement)))
            slot = process(Path(name), number, carried(statement))
            with closing(slot.journal):
                for _ in range(2):  # the second time, as after a restart with the same configuration
                    take_over_carried(slot)
                    assert account(slot.journal.accounts.position("btc", BTC)) == account(whole)
                slot.journal.keep_market("btc", BTC, BTC)
                for made in trades:
                    whole.apply(trade(slot, made, next(numbers)))
                statement = closed(slot)
                assert statement.summary.startswith(f"position {BTC.quantity_text(whole.lots)} BTC at a cost of ")


def bought(folder: Path) -> Slot:
    """It has bought 10 at 100."""
    slot = process(folder, 0)
    slot.journal.keep_market("btc", BTC, BTC)
    trade(slot, (Side.BUY, 10, 100, "USDT"), 1)
    return slot


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Slot]:
    """It has lost 300 since the day began."""
    slot = bought(tmp_path)
    with closing(slot.journal):
        slot.journal.keep_day("btc", NOW // DAY_NS, -100)
        meters, daily = meters_of(slot.journal, "btc", NOW), daily_of(slot.journal, "btc")
        assert daily.loss(NOW, Money(-400)) == 300
        meters.remembered = Remembered(day=NOW // DAY_NS, messages=7, capital=10_000, best=50)
        memory = RiskMemory(slot.journal)
        memory.keep("btc", meters)
        memory.keep_value("btc", daily)
        yield slot


def test_neither_the_days_loss_nor_the_drawdown_begins_anew(first: Slot, tmp_path: Path) -> None:
    second = process(tmp_path, 1, carried(closed(first)))
    with closing(second.journal):
        second.journal.keep_day("btc", NOW // DAY_NS, 9_999)  # of an earlier turn, on the same day
        take_over_carried(second)

        assert daily_of(second.journal, "btc").loss(NOW, Money(-500)) == 400
        assert remembered_of(second.journal, "btc") == remembered_of(first.journal, "btc")
        cursor = json.loads(second.journal.meta(cursor_key("btc")) or "{}")
        assert cursor["since_ms"] == NOW // 1_000_000, "the other slot's trades are in the account already"


def test_a_table_of_days_tells_the_position_that_was_there_and_what_came(first: Slot, tmp_path: Path) -> None:
    second = process(tmp_path, 1, carried(closed(first)))
    with closing(second.journal):
        take_over_carried(second)
        trade(second, (Side.SELL, 4, 120, "USDT"), 2)
        with JournalReader(second.journal.path) as reader:
            (day,) = days("btc", BTC, reader)

    assert (day.sold, day.position) == (4 * BTC.lot_size, 6 * BTC.lot_size)
    assert day.realised == BTC.money_unit * BTC.tick_lot * 4 * 20


def test_a_market_that_comes_without_its_account_halts_once_and_goes_on_when_a_person_says_so(tmp_path: Path) -> None:
    missing = [CarriedMarket(id="1.4.gone", market="btc", instrument="sim/BTCUSDT", missing="slot 1 is gone")]
    slot = process(tmp_path, 0, missing)
    with closing(slot.journal):
        take_over_carried(slot)
        (halt,) = slot.halts.held
        assert (halt.reason, halt.message) == ("JournalLost", "market btc came without its account: slot 1 is gone")
        slot.halts.release(halt.id, "ann")

    again = process(tmp_path, 0, missing)
    with closing(again.journal):
        take_over_carried(again)
        assert not again.halts.held


@pytest.mark.parametrize("written", ["{}", '{"lots": "many"}', "nonsense"])
def test_an_account_that_cannot_be_read_halts(written: str, tmp_path: Path) -> None:
    slot = process(tmp_path, 0, [CarriedMarket(id="1.4.7", market="btc", instrument="sim/BTCUSDT", account=written)])
    with closing(slot.journal):
        take_over_carried(slot)
        assert [halt.reason for halt in slot.halts.held] == ["JournalLost"]


def test_a_slot_that_trades_says_nothing_and_one_that_never_knew_its_market_says_so(
    first: Slot, tmp_path: Path
) -> None:
    assert first.closings.of(first, TradingState.ACTIVE) == ()
    unknown = process(tmp_path, 1)
    with closing(unknown.journal):
        assert closed(unknown).account == ""


def test_what_was_filled_late_is_in_another_statement(first: Slot) -> None:
    before = closed(first)
    trade(first, (Side.BUY, 5, 100, "USDT"), 2)
    after = closed(first)

    assert before.id != after.id
    assert msgspec.json.decode(after.account, type=CarriedAccount).lots == 15


def test_a_former_market_is_told_by_the_process_that_does_not_trade_it(tmp_path: Path) -> None:
    other = {"venue": "sim", "symbol": "ETHUSDT"}
    eth = config(markets=[{"name": "eth", "reference": other, "execution": other}])
    bought(tmp_path).journal.close()
    slot = process(tmp_path, 0, None, eth)
    with closing(slot.journal):
        (statement,) = slot.closings.of(slot, TradingState.ACTIVE)

    assert (statement.market, statement.venue, statement.symbol, statement.paper) == ("btc", "sim", "BTCUSDT", False)
    assert msgspec.json.decode(statement.account, type=CarriedAccount).lots == 10


def test_a_market_that_was_only_renamed_is_traded_still_and_not_told(tmp_path: Path) -> None:
    same = {"venue": "sim", "symbol": "BTCUSDT"}
    renamed = config(markets=[{"name": "bitcoin", "reference": same, "execution": same}])
    bought(tmp_path).journal.close()
    slot = process(tmp_path, 0, None, renamed)
    with closing(slot.journal):
        assert slot.closings.of(slot, TradingState.ACTIVE) == ()


def test_an_account_that_is_damaged_in_the_journal_is_told(first: Slot) -> None:
    slot = first
    slot.journal.accounts.carry("btc", "x", NOW, None)
    with closing(sqlite3.connect(slot.journal.path)) as db:
        db.execute("UPDATE carried SET account = CAST('{' AS BLOB)")
        db.commit()
    with pytest.raises(JournalError, match="an account is damaged"):
        slot.journal.accounts.position("btc", BTC)
