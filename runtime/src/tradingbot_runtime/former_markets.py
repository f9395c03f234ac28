"""What a journal knows of markets that the configuration does not have, or has as something else.

A crash leaves orders in the market, and the next start may bring a configuration with other markets: nobody would ask
about those orders again. So the former configuration runs once more, quotes nothing, and ends when the venue is empty.
"""

from pathlib import Path

import structlog

from tradingbot_runtime.config import Mode, SlotConfig
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.journal.reading import JournalReader
from tradingbot_runtime.model import Instrument

log = structlog.get_logger("former_markets")

_OPEN = "SELECT market, count(*) AS orders FROM orders WHERE closed = 0 GROUP BY market"
_TRADED = (
    "SELECT 1 FROM orders WHERE market = ? UNION ALL SELECT 1 FROM fills WHERE market = ?"
    " UNION ALL SELECT 1 FROM carried WHERE market = ? LIMIT 1"
)


def left_open(journal: Path, former: SlotConfig | None, config: SlotConfig) -> SlotConfig | None:
    """The former configuration where it has orders open that `config` would forget; else None. Raises JournalError.

    Orders of a mode Paper ended with their process. A bot that is in mode Paper now has no keys to withdraw with: it
    tells of what the mode Live has left (`market_reports.live_orders_left`).
    """
    if former is None or Mode.PAPER in (former.mode, config.mode):
        return None
    with JournalReader(journal) as reader:
        orders = {row["market"]: row["orders"] for row in reader.rows(_OPEN)}
    kept = {(leg.name, leg.execution) for leg in config.legs}
    left = {leg.name: orders[leg.name] for leg in former.legs
            if leg.name in orders and (leg.name, leg.execution) not in kept}  # fmt: skip
    if not left:
        return None
    message = "the configuration has these markets no more: their orders are withdrawn first, by the one before it"
    log.warning("FormerOrders", orders=left, message=message)
    return former


def require_same_instrument(journal: Path, ledger: str, now: Instrument) -> None:
    """Rows count in ticks and lots of the instrument that they were written with.

    Raises ConfigError where they would mean something else, and JournalError.
    """
    with JournalReader(journal) as reader:
        kept = reader.instruments().get(ledger)
        if kept is None or _counts_alike(kept, now) or not reader.rows(_TRADED, ledger, ledger, ledger):
            return
    market = ledger.partition("/")[0]
    if (kept.venue, kept.symbol) != (now.venue, now.symbol):
        raise ConfigError(
            f"spec.markets: market {market} is {now.symbol} at venue {now.venue}, and this journal ({journal}) has "
            f"traded {kept.symbol} at {kept.venue} under that name: allowed is another name, or the former instrument"
        )
    raise ConfigError(
        f"venue {now.venue} counts {now.symbol} in ticks of {now.tick_size:f} and lots of {now.lot_size:f} now, and "
        f"this journal ({journal}) in {kept.tick_size:f} and {kept.lot_size:f}: its position would be another one. "
        "Withdraw what may be open (cancel-all), then begin a new journal: docs/reference/journal.md"
    )


def _counts_alike(kept: Instrument, now: Instrument) -> bool:
    def unit(one: Instrument) -> tuple[object, ...]:
        return (one.venue, one.symbol, one.base, one.quote, one.tick_size, one.lot_size)

    return unit(kept) == unit(now)
