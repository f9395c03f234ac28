"""What a person at the terminal sees of a running bot: a line for each market, every few seconds."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from tradingbot_runtime.slot import Slot
from tradingbot_runtime.state_view import state_view

log = structlog.get_logger("bot")

EVERY_S = 5.0


async def tell_progress(slot: Slot) -> None:
    """Until cancelled. For a bot in a terminal: in a pod, metrics say the same and do not fill the logs."""
    while True:
        view = state_view(slot)
        for name, market in view["markets"].items():
            log.info("Progress", market=name, state=view["state"], **summary(market))
        await asyncio.sleep(EVERY_S)


def summary(market: Mapping[str, Any]) -> dict[str, str | int]:
    """A market of `/state` in a few words: the reference's and our best bid/ask, what is resting, what came of it."""
    bids = [quote["price"] for quote in market["quotes"] if quote["side"] == "buy"]
    asks = [quote["price"] for quote in market["quotes"] if quote["side"] == "sell"]
    return {
        "reference": f"{market['referenceBid'] or '-'}/{market['referenceAsk'] or '-'}",
        "quotes": f"{bids[0] if bids else '-'}/{asks[0] if asks else '-'}",  # inner first
        "orders": len(market["orders"]),
        "fills": sum(market["fills"].values()),
        "position": f"{market['position']} {market['base']}",
        "profit": f"{market['profit'] or '-'} {market['quote']}",
    }
