"""A small journal with a story: an order that is filled in part and cancelled, one that is replaced, a halt."""

from pathlib import Path

from harness.engines import BTC
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.journal import Decided, Journal, WantedQuote
from tradingbot_runtime.model import (
    AnyCommand,
    Cancel,
    Lots,
    Money,
    Nanos,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderId,
    Place,
    Replace,
    Side,
    Ticks,
)
from tradingbot_runtime.model.control import Halt

MARKET = "btc"
BUY, OLD, NEW = (OrderId(f"7b07{digit * 28}") for digit in "abc")
START = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
SECOND = 1_000_000_000
DAY = 86_400 * SECOND


def told(path: Path) -> Path:
    with Journal(path) as journal:
        journal.pin("bot", "default/ada")
        journal.next_epoch(0)
        journal.keep_market(MARKET, BTC, BTC)
        place = Place(order_id=BUY, side=Side.BUY, price=Ticks(6_000_000), quantity=Lots(1_000))
        write(journal, decided(START, place), Order(BUY, Side.BUY, Ticks(6_000_000), Lots(1_000)))
        opened = Order(BUY, Side.BUY, Ticks(6_000_000), Lots(1_000), Lots(0), OrderState.OPEN, "v1")
        write(journal, OrderAccepted(time_ns=Nanos(START + SECOND), order_id=BUY, venue_order_id="v1"), opened)
        for number, (quantity, later) in enumerate(((300, 2 * SECOND), (200, DAY)), 1):
            fill = OrderFilled(time_ns=Nanos(START + later), order_id=BUY, trade_id=f"t{number}", side=Side.BUY,
                               price=Ticks(6_000_000), quantity=Lots(quantity), fee=150, fee_asset="BTC")  # fmt: skip
            assert journal.keep_fill(MARKET, "account", BTC, fill)
            write(journal, fill)
        write(journal, decided(START + DAY + SECOND, Cancel(order_id=BUY)))
        closed = Order(BUY, Side.BUY, Ticks(6_000_000), Lots(1_000), Lots(500), OrderState.CANCELED, "v1")
        write(journal, OrderCanceled(time_ns=Nanos(START + DAY + 2 * SECOND), order_id=BUY), closed)
        resting = Order(OLD, Side.SELL, Ticks(6_100_000), Lots(400), Lots(0), OrderState.OPEN, "v2")
        moved = Replace(order_id=NEW, replaces=OLD, side=Side.SELL, price=Ticks(6_090_000), quantity=Lots(400))
        write(journal, decided(START + DAY + 3 * SECOND, moved), resting,
              Order(NEW, Side.SELL, Ticks(6_090_000), Lots(400)))  # fmt: skip
        journal.latches.add(Halt(id="ada-0-1", reason="MaxDailyLoss", at_ns=START + DAY, message="market btc"))
    return path


def decided(time_ns: int, *commands: AnyCommand) -> Decided:
    return Decided(time_ns=Nanos(time_ns), update_id=7, reference_bid=Ticks(6_000_100), reference_ask=Ticks(6_000_200),
                   venue_bid=Ticks(6_000_100), venue_ask=Ticks(6_000_200), base=Lots(5_000),
                   quote=Money(BTC.money("1000.5")), quotes=(WantedQuote(Side.BUY, Ticks(6_000_000), Lots(1_000)),),
                   commands=commands)  # fmt: skip


def write(journal: Journal, record: Decided | OrderAccepted | OrderFilled | OrderCanceled, *orders: Order) -> None:
    journal.write(MARKET, [record], orders)
