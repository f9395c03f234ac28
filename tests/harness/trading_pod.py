"""A runtime as in a pod's container, with an account of a slot in the cluster, that trades against a simulator."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.control_plane import ControlPlane
from harness.pod_process import PodProcess, pod_process
from harness.simulator import SimulatorProcess
from harness.slot_account import create_slot
from harness.slots import config


@contextmanager
def trading_pod(plane: ControlPlane, namespace: str, folder: Path, simulator: SimulatorProcess) -> Iterator[PodProcess]:
    """Not started yet. The simulator's faults end with it."""
    create_slot(plane.client, namespace)
    with pod_process(plane, namespace, folder, "pod-a", config(venues=simulated(simulator))) as made:
        made.environment = {"TRADINGBOT_SIM_API_KEY": simulator.api_key, "TRADINGBOT_SIM_SECRET_KEY": simulator.secret}
        yield made
    simulator.admin.clear_faults()


def simulated(simulator: SimulatorProcess, environment: str = "Simulated") -> Any:  # noqa: ANN401 - a JSON tree
    endpoints = {"rest": simulator.rest, "stream": simulator.stream, "websocketApi": simulator.websocket_api}
    return {"sim": {"environment": environment, "type": "Binance", "endpoints": endpoints,
                    "rateLimit": {"ordersPerSecond": "100", "burst": 100}}}  # fmt: skip
