"""What an operator shows of itself, by its real parts, at a time of the test's choice and without an API server."""

from kubernetes.aio.client import Configuration

from tradingbot_operator.app import utc_now
from tradingbot_operator.canary import Canary
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.health import Health
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
    now: float, *, leading: bool = True, answering: tuple[float, float] | None = (0.0, 1e9),
    listed: float | None = 0.0,
    runtime: RuntimeClient | None = None,
) -> Telemetry:  # fmt: skip
    """`now` in seconds; `answering`: the API server, from and until; `listed`: everything, None for never.

    The queue's own time stands still at 0, so that what is added to it has waited until `now`.
    """
    queue: WorkQueue[Key] = WorkQueue(lambda: 0.0, lambda: 0.5)
    cluster, store = Cluster(Configuration()), Store()
    leadership = Leadership(cluster, "me", Election("n"), lambda: now, utc_now, leading=leading,
                            answering=answering and (answering[0], min(answering[1], now)))  # fmt: skip
    resync = Resync(cluster, store, queue, lambda: now, last_success=listed, last_end=listed)
    recorder = Recorder(cluster, "me", utc_now)
    canary = Canary(cluster, queue, "me", ("n",), lambda: now, utc_now)
    health = Health(lambda: now, 100.0, 60.0, leadership, queue, resync, Watches(lambda: now, store), canary)
    return Telemetry(health, 8, store, cluster, lambda: runtime, recorder, Reconciliations())
