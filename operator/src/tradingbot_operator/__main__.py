"""Start the operator: settings, logs, one event loop."""

import asyncio
import gc
import os
import sys
from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING

import aiohttp
import structlog
import uvloop

from tradingbot_operator import leaving, malloc
from tradingbot_operator.app import App
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.settings import Settings, SettingsError, read
from tradingbot_runtime.logs import Logs, configure_logs
from tradingbot_runtime.logs.schema import POD, SERVICE, VERSION
from tradingbot_runtime.tracing.switch import begin

if TYPE_CHECKING:
    from tradingbot_operator.traces import Traces

# What is made for a thousand bots are millions of objects without cycles: with Python's own threshold of 700 a sixth
# of the processor's time at a start went into looking for cycles in them.
COLLECTED_EVERY = (10_000, 20, 20)

USAGE = """\
usage: tradingbot-operator [may-leave]

Reconciles TradingBots. `may-leave` starts nothing: its exit status is 0 where no bot or Venue waits for an operator to
let it go, and 1 where some do, which it names; 2: the API server does not say.

Settings come from the environment:
  RUNTIME_IMAGE     image of the runtime where a bot names none
  POD_NAMESPACE     namespace of the leader's Lease         (tradingbot-system)
  WATCH_NAMESPACES  namespaces to work in, as a,b,c         (all)
  KUBECONFIG        cluster to talk to                      (the pod's service account)
  HTTP_HOST, HTTP_PORT   /healthz, /readyz and /metrics     (0.0.0.0, 8080)
  CONTROL_PORT      port of the pods' control stream        (8443)
  DRAIN_TIMEOUT_S   how long a deletion waits for open orders   (60)
  RESYNC_S          pause between two listings of everything, and how long one is spread over  (60)
  STUCK_AFTER_S     how long nothing may move before /healthz says no  (60)
  WORKERS           reconciliations at once                 (8)
  LOG_LEVEL         debug, info, warning or error           (info); SIGUSR1: one level more, SIGUSR2: less
  OTEL_EXPORTER_OTLP_ENDPOINT   where its reconciliations are traced to  (nowhere)
  LEASE_DURATION_S, LEASE_RENEW_DEADLINE_S, LEASE_RETRY_S   leader election (15, 10, 2)
"""
MAY_LEAVE = "may-leave"


def main() -> None:
    arguments = sys.argv[1:]
    if arguments not in ([], [MAY_LEAVE]):
        asked = arguments in (["-h"], ["--help"])
        if not asked:
            sys.stderr.write(f"{' '.join(arguments)}: tradingbot-operator takes nothing but {MAY_LEAVE} or --help\n\n")
        (sys.stdout if asked else sys.stderr).write(USAGE)
        sys.exit(0 if asked else 2)
    try:
        settings = read()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    if arguments:
        sys.exit(uvloop.run(leaving.check(settings.namespaces)))
    logs = configure_logs(settings.log_level)
    who = {SERVICE: "tradingbot-operator", VERSION: settings.installation.operator_version}
    if settings.pod_name:
        who[POD] = settings.pod_name
    logs.name(**who)
    gc.set_threshold(*COLLECTED_EVERY)
    malloc.keep_little()
    structlog.get_logger("main").info("Starting", identity=settings.identity,
                                      version=settings.installation.operator_version)  # fmt: skip
    exporting = begin(os.environ, who)
    if exporting is None:
        sys.exit(uvloop.run(_run(settings, logs, None)))
    with closing(exporting):
        traces = import_module("tradingbot_operator.traces").Traces(exporting)  # needs the extra `tracing`
        sys.exit(uvloop.run(_run(settings, logs, traces)))


async def _run(settings: Settings, logs: Logs, traces: "Traces | None") -> int:
    logs.follow_signals(asyncio.get_running_loop())
    connect = Cluster.connect if traces is None else traces.connect
    async with await connect(settings.namespaces) as cluster, aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0)  # one connection to each pod, for ever
    ) as session:  # fmt: skip
        return await App(settings, cluster, session, logs.lines, traces).run()


if __name__ == "__main__":
    main()
