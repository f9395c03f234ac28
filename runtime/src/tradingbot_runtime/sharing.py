"""What the markets of a slot tell each other of what they hold, and of the accounts that they share."""

from collections.abc import Mapping

from msgspec.structs import replace

from tradingbot_runtime.exposures import Accounts, accounts_of, others_exposed
from tradingbot_runtime.live import PAPER, LiveMarket
from tradingbot_runtime.model import Nanos, OthersExposed


def share(markets: Mapping[str, LiveMarket], moved: str, now_ns: Nanos) -> None:
    """Tell the other markets what `moved` could come to hold, and what it takes of an account that is theirs, too.

    Only where a limit counts them together they decide anew at once, which may lead to the next change. An account is
    looked at with the next decision: each order of one market would have all the others decide.
    """
    if len(markets) == 1:
        return
    accounts = _accounts(markets)
    for name, live in markets.items():
        market = live.engine.market
        known, others = market.others, (each.engine.market for other, each in markets.items() if other != name)
        event = others_exposed(market, others, accounts, now_ns)
        if name == moved or (known is not None and replace(event, time_ns=known.time_ns) == known):
            continue
        if _counted(event) == (_counted(known) if known is not None else (0, 0, 0)):
            live.take(event)
        else:
            live.handle(event)
            accounts = _accounts(markets)


def _accounts(markets: Mapping[str, LiveMarket]) -> Accounts:
    """On paper each market has an account of its own."""
    return accounts_of(live.engine.market for live in markets.values() if live.account != PAPER)


def _counted(event: OthersExposed) -> tuple[int, int, int]:
    """By limits on all markets together."""
    return event.long, event.short, event.gross
