"""What a journal's rows count in, and what would read them as something else."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from harness.engines import BTC
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.former_markets import require_same_instrument
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.model import Instrument, Lots, OrderId, Side, Ticks


def journal(folder: Path, *, traded: bool) -> Path:
    path = folder / "journal.sqlite3"
    with Journal(path) as made:
        made.keep_market("btc", BTC, BTC)
        if traded:
            made.write("btc", [], [Order(OrderId("a"), Side.BUY, Ticks(1), Lots(1), Lots(0), OrderState.OPEN, "v1")])
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lot_size": Decimal("0.000001")}, "in ticks of 0.01 and lots of 0.000001 now, and this journal"),
        ({"tick_size": Decimal("0.1")}, "in ticks of 0.1 and lots of 0.00001 now, and this journal"),
        ({"symbol": "ETHUSDT"}, "market btc is ETHUSDT at venue sim, and this journal"),
        ({"venue": "other"}, "market btc is BTCUSDT at venue other, and this journal"),
    ],
)
def test_rows_that_would_count_in_something_else_are_refused(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    now: Instrument = msgspec.structs.replace(BTC, **change)
    require_same_instrument(journal(tmp_path / "empty", traded=False), "btc", now)
    with pytest.raises(ConfigError, match=words):
        require_same_instrument(journal(tmp_path / "traded", traded=True), "btc", now)


@pytest.mark.parametrize("ledger", ["btc", "btc/paper", "eth"])
def test_what_the_venue_may_change_is_no_reason(tmp_path: Path, ledger: str) -> None:
    """Least sizes; another mode's rows, and a market without any, are rows of their own."""
    now = msgspec.structs.replace(BTC, min_lots=Lots(10), lot_size=BTC.lot_size if ledger == "btc" else Decimal(1))
    require_same_instrument(journal(tmp_path, traded=True), ledger, now)
