"""What is counted over a minute, over two lives of a bot on a real journal."""

from pathlib import Path

from harness.slots import SECOND, Wire, config, slot_of
from tradingbot_runtime.core.meters import Meters
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.risk_memory import RiskMemory


def began(path: Path, at_s: int) -> Meters:
    slot = slot_of(path, Wire(), config(), lambda: Nanos(at_s * SECOND))
    slot.journal.close()
    return slot.markets["btc"].engine.market.meters


def lived(path: Path, at_s: int, *, orders: int, rejects: int) -> None:
    slot = slot_of(path, Wire(), config(), lambda: Nanos(at_s * SECOND))
    meters = slot.markets["btc"].engine.market.meters
    for _ in range(orders):
        meters.orders.add(Nanos(at_s * SECOND))
    for _ in range(rejects):
        meters.rejects.add(Nanos(at_s * SECOND))
    RiskMemory(slot.journal).keep("btc", meters)
    slot.journal.close()


def counted(meters: Meters, at_s: int) -> tuple[int, int]:
    return meters.orders.count(Nanos(at_s * SECOND)), meters.rejects.count(Nanos(at_s * SECOND))


def test_orders_and_refusals_of_the_latest_minute_count_on_after_a_restart_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    lived(path, 1_000, orders=30, rejects=3)
    lived(path, 1_010, orders=12, rejects=0)

    meters = began(path, 1_020)
    assert counted(meters, 1_059) == (42, 3)
    assert counted(meters, 1_060) == (12, 0)
    assert counted(began(path, 5_000), 5_000) == (0, 0)


def test_counts_of_a_clock_that_was_far_ahead_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    lived(path, 9_000, orders=30, rejects=3)

    assert counted(began(path, 1_000), 1_001) == (0, 0)
