"""The runtime's two servers: HTTP for probes, metrics and people, and the control stream for the operator."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from tradingbot_runtime.control import ControlServer
from tradingbot_runtime.model import TradingState
from tradingbot_runtime.os_errors import listening
from tradingbot_runtime.readings import Sources, readings
from tradingbot_runtime.slot import Slot
from tradingbot_runtime.state_view import state_view
from tradingbot_runtime.telemetry import HttpServer, registry
from tradingbot_runtime.telemetry.http import Sources as HttpSources

log = structlog.get_logger("servers")

LAG_DEADLY_S = 10.0


@dataclass(frozen=True, slots=True)
class Addresses:
    host: str
    http_port: int
    control_port: int
    control: Path | None  # folder of the control stream's certificate and token; None: no control stream


async def serve(stack: AsyncExitStack, addresses: Addresses, sources: Sources) -> None:
    """Start both; `stack` stops them. Before anything else, so that a waiting slot can say what it waits for."""
    slot = sources.slot
    if addresses.control is not None:
        sources.control = ControlServer(slot, addresses.control, addresses.host, addresses.control_port)
        with listening(addresses.host, addresses.control_port):
            control_port = await sources.control.start()
        stack.push_async_callback(sources.control.stop)
        log.info("ControlStreamListening", host=addresses.host, port=control_port)
    http = HttpServer(
        HttpSources(
            not_alive=lambda: [f"the event loop is {sources.lag_s:.1f} s late"] if sources.lag_s > LAG_DEADLY_S else [],
            not_ready=lambda: _not_ready(slot),
            state=lambda: state_view(slot),
            metrics=registry(lambda: readings(sources)),
        ),
        addresses.host,
        addresses.http_port,
    )
    with listening(addresses.host, addresses.http_port):
        http_port = await http.start()
    stack.push_async_callback(http.stop)
    log.info("HttpListening", host=addresses.host, port=http_port, url=f"http://{addresses.host}:{http_port}/state")


def _not_ready(slot: Slot) -> list[str]:
    """Why the slot does not do what it should. The kubelet asks once a second and believes the third refusal in a row.

    Readiness sends no traffic here; it lets a rollout go on to the next slot and lets a node be drained. So:

    * halted, stopped or drained is ready: that is what the slot should be, and its pod must not be in the way.
    * starting, fenced, or comparing with a venue that is away is not, at once: a slot that does not reach its venue
      cannot prove that it leaves no order behind, and is not to be evicted on purpose. Three seconds of the kubelet's
      patience cover a reconnect.
    * a stale feed is not ready only after `market_watch.HICCUP_NS` more. Its quotes are gone by then and nothing is in
      danger; to be unready for every second without a tick would stop drains and rollouts of quiet markets.
    """
    if not slot.circumstances.barrier_passed:
        return [f"waiting for {slot.circumstances.waiting_for}"]
    now = slot.standing
    return [] if now.is_ready or now.state is TradingState.HALTED else [f"{now.reason}: {now.message}"]
