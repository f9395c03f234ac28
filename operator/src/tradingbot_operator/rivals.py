"""Who else trades, or wants to trade, what a bot does."""

from collections.abc import Mapping

from tradingbot_operator.core.claims import by_account, instruments
from tradingbot_operator.core.observed import Bot, Rival
from tradingbot_operator.store import Store


def rivals(store: Store, bot: Bot, of: Mapping[str, str]) -> tuple[Rival, ...]:
    """Those that hold or want an instrument of this bot; of a thousand others few do."""
    ours = by_account(instruments(bot.spec), of) if bot.spec else frozenset()
    if not ours:
        return ()
    held, wanted = store.claims, store.wants
    near = [name for name, theirs in (*held.items(), *wanted.items())
            if name[0] == bot.namespace and not ours.isdisjoint(by_account(theirs, of))]  # fmt: skip
    found = ((name, store.get("TradingBot", name)) for name in dict.fromkeys(near))
    return tuple(
        Rival(
            name=name[1],
            created=other["metadata"].get("creationTimestamp", ""),
            uid=other["metadata"]["uid"],
            holds=by_account(held.get(name, ()), of),
            wants=by_account(wanted.get(name, ()), of),
        )
        for name, other in found
        if other is not None and other["metadata"]["uid"] != bot.metadata.uid
    )
