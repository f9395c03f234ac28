"""What a market of another name has left, in the same symbol at the same account: a market that was renamed.

Positions are kept by the market's name. One of a market that nobody names any more is still at the account, and in no
limit; its owner is told, once a start, and nothing is traded because of it.
"""

from pathlib import Path

import structlog

from tradingbot_runtime.core.positions import Position
from tradingbot_runtime.journal.reading import JournalReader
from tradingbot_runtime.model import Instrument

log = structlog.get_logger("barrier")

_OTHERS = "SELECT DISTINCT market FROM fills WHERE venue = ? AND account = ? AND symbol = ? AND market != ?"


def tell_left_behind(journal: Path, ledger: str, account: str, instrument: Instrument) -> None:
    """A warning for each former market with a position. Raises JournalError."""
    with JournalReader(journal) as reader:
        others = [row["market"] for row in reader.rows(_OTHERS, instrument.venue, account, instrument.symbol, ledger)]
        positions = {other: reader.account(other, Position(instrument)).lots for other in others}
    for other, lots in positions.items():
        if not lots:
            continue
        position = f"{instrument.quantity_text(lots)} {instrument.base}"
        message = (f"market {other} has left a position in {instrument.symbol}, which counts for no limit of this "
                   "market: close it yourself, or give the market its former name back")  # fmt: skip
        log.warning("PositionLeftBehind", market=ledger, former=other, position=position, message=message)
