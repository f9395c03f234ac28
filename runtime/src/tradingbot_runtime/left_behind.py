"""What a market of another name has left, in the same symbol at the same account: a market that was renamed.

Positions are kept by the market's name. One of a market that nobody names any more is still at the account, and in no
limit; its owner is told, once a start, and nothing is traded because of it.
"""

from pathlib import Path

import structlog

from tradingbot_runtime.journal.reading import JournalReader
from tradingbot_runtime.model import Instrument, Lots

log = structlog.get_logger("barrier")

# The payload is JSON in a BLOB, which SQLite's functions take for something else.
_OTHERS = """
    SELECT market, sum(quantity * iif(json_extract(CAST(payload AS TEXT), '$.side') = 'buy', 1, -1)) AS lots FROM fills
    WHERE venue = ? AND account = ? AND symbol = ? AND market != ? GROUP BY market HAVING lots != 0
"""


def tell_left_behind(journal: Path, ledger: str, account: str, instrument: Instrument) -> None:
    """A warning for each former market with a position. Raises JournalError."""
    with JournalReader(journal) as reader:
        others = reader.rows(_OTHERS, instrument.venue, account, instrument.symbol, ledger)
    for other in others:
        position = f"{instrument.quantity_text(Lots(other['lots']))} {instrument.base}"
        message = (f"market {other['market']} has left a position in {instrument.symbol}, which counts for no limit of "
                   "this market: close it yourself, or give the market its former name back")  # fmt: skip
        log.warning("PositionLeftBehind", market=ledger, former=other["market"], position=position, message=message)
