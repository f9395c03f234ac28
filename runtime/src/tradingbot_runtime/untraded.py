"""Whether it is proved that a slot has never sent an order to a venue, so that none of its own can be open there.

The journal proves it when it is complete, which it is when it began with the slot's first process and nobody has missed
anything of it since, and when no process in mode Live has passed its barrier. That is written, and on the disk, before
the first order may leave: a lost node cannot take it back, as it can the last orders.
"""

from tradingbot_runtime.config import Mode, SlotConfig
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.live import PAPER

COMPLETE, LIVE = "complete", "live"  # keys in `meta`
YES = "yes"


def untraded_before(journal: Journal, config: SlotConfig) -> bool:
    """Whether no process before this one has sent an order, proved. Asked at the start, before there is a new epoch."""
    if journal.behind or config.epoch > journal.last_epoch:
        journal.put(COMPLETE, "")  # something is missing, for good, also when what can be rebuilt has been
    elif journal.last_epoch == 0:
        journal.put(COMPLETE, YES)
    return journal.meta(COMPLETE) == YES and journal.meta(LIVE) is None and not journal.has_orders_but(PAPER)


async def will_trade(journal: Journal, config: SlotConfig) -> None:
    """Before the first order of this process. Raises JournalError."""
    if config.mode is Mode.LIVE and journal.meta(LIVE) is None:
        journal.put(LIVE, YES)
        await journal.durable()


def fits(epoch: int, holdings: int | None) -> bool:
    """Whether the journal knows as many processes as the Lease: each one that held it had an epoch of its own."""
    return holdings is not None and holdings <= epoch
