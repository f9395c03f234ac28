"""Whether the operator may be taken away: nothing may wait for it that it alone lets go. The chart asks that."""

import sys
from collections.abc import AsyncIterator, Collection

from tradingbot_operator.api_errors import ApiError, NotFound
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core import names

KEPT_BY = {"TradingBot": names.FINALIZER, "Venue": names.IN_USE}
MAY, WAITED_FOR, UNKNOWN = 0, 1, 2  # exit codes
MOST_TOLD = 20
WHAT_TO_DO = """\
Without the operator they could not be deleted any more: their finalizers are its to take away.
Delete the bots and Venues first; it withdraws their orders. Or keep them, and install the operator again before you
delete one: helm uninstall --no-hooks. The bots trade on meanwhile, and nobody halts them from outside.
"""


async def waiting(cluster: Cluster) -> AsyncIterator[str]:
    """What has a finalizer of the operator's, as Kind namespace/name. Raises ApiError."""
    for kind, finalizer in KEPT_BY.items():
        try:
            async for found in cluster.list(kind, metadata_only=True):
                metadata = found["metadata"]
                if finalizer in metadata.get("finalizers", ()):
                    yield f"{kind} {metadata['namespace']}/{metadata['name']}"
        except NotFound:  # the kind has gone, and with it all that was of it
            continue


async def check(namespaces: tuple[str, ...]) -> int:
    """The exit code: MAY, WAITED_FOR, or UNKNOWN where the API server does not say. Tells on stderr."""
    try:
        async with await Cluster.connect(namespaces) as cluster:
            found = [each async for each in waiting(cluster)]
    except ApiError as error:
        sys.stderr.write(f"what waits for the operator is not known: {error}\n")
        return UNKNOWN
    sys.stderr.write(told(found))
    return WAITED_FOR if found else MAY


def told(found: Collection[str]) -> str:
    if not found:
        return "nothing waits for the operator: it may go\n"
    more = [f"... and {len(found) - MOST_TOLD} more"] if len(found) > MOST_TOLD else []
    lines = [f"{len(found)} objects wait for this operator:", *sorted(found)[:MOST_TOLD], *more]
    return "\n".join(lines) + "\n" + WHAT_TO_DO
