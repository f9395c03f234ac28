"""What an operator shows of itself, by its real parts, at a time of the test's choice and without an API server."""

from kubernetes.aio.client import Configuration

from tradingbot_operator.app import utc_now
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.leadership import Leadership
from tradingbot_operator.queue import WorkQueue
from tradingbot_operator.reconcile import Key
from tradingbot_operator.recorder import Recorder
from tradingbot_operator.resync import Resync
from tradingbot_operator.runtime_client import RuntimeClient
from tradingbot_operator.settings import Election
from tradingbot_operator.store import Store
from tradingbot_operator.telemetry import Reconciliations, Telemetry
from tradingbot_operator.watches import Watches


def telemetry(
    now: float, *, leading: bool = True, blind: int = 0, listed: float | None = 0.0,
    runtime: RuntimeClient | None = None,
) -> Telemetry:  # fmt: skip
    """`now` in seconds; `listed`: when everything was last listed, None for never."""
    queue: WorkQueue[Key] = WorkQueue(lambda: 0.0, lambda: 0.5)
    cluster, store = Cluster(Configuration()), Store()
    leadership = Leadership(cluster, "me", Election("n"), lambda: now, utc_now, leading=leading)
    resync = Resync(cluster, store, queue, lambda: now, last_success=listed, blind_in_a_row=blind)
    recorder = Recorder(cluster, "me", utc_now)
    watches, tally = Watches(lambda: now, store), Reconciliations()
    return Telemetry(lambda: now, 100.0, 8, leadership, queue, store, cluster, lambda: runtime, recorder, resync,
                     watches, tally)  # fmt: skip
