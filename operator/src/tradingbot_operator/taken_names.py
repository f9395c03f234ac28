"""Objects of somebody else with the names of a bot's own: they are never written, and so never come to belong to it.

A server-side apply takes over whatever has the name: a ServiceAccount with all its rights would be the pods', and with
the bot the garbage collector would take it away.
"""

import asyncio
from collections.abc import Iterable

from tradingbot_operator.api_errors import BelongsToSomebodyElse
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Bot, Manifest, owned_by
from tradingbot_operator.store import Store, name_of


async def refuse_taken(cluster: Cluster, store: Store, bot: Bot, children: Iterable[Manifest]) -> None:
    """Raises BelongsToSomebodyElse. Of `children` only those are asked for that no watch has told of."""
    children = tuple(children)
    known = {(child["kind"], child["metadata"]["name"]): store.get(child["kind"], name_of(child)) for child in children}
    unknown = [key for key, stored in known.items() if stored is None]
    found = await asyncio.gather(*(cluster.look_up(kind, bot.namespace, name) for kind, name in unknown))
    for (kind, _), there in (known | dict(zip(unknown, found, strict=True))).items():
        if there is not None:
            refuse_foreign(kind, there, bot)


def refuse_foreign(kind: str, there: Manifest, bot: Bot) -> None:
    """What a person has taken the label of is ours by its owner; what a former bot of that name left, by its label."""
    labels = there["metadata"].get("labels") or {}
    if labels.get(names.MANAGED_BY) != names.FIELD_MANAGER and not owned_by(there, bot):
        raise BelongsToSomebodyElse(f"{kind}/{there['metadata']['name']}")
