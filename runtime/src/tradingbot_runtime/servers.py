"""The runtime's two servers: HTTP for probes, metrics and people, and the control stream for the operator."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from tradingbot_runtime.control import ControlServer
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
    """A slot that is halted or stopped is ready: it does what it should, and its pod must not be replaced for it."""
    if not slot.circumstances.barrier_passed:
        return [f"waiting for {slot.circumstances.waiting_for}"]
    return [f"fenced: {slot.circumstances.fenced}"] if slot.circumstances.fenced else []
