"""`make demo`: the whole way, from nothing to a bot that quotes on a real cluster, with the time of every step."""

import argparse
import hashlib
import json
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

import kubectl as k
import monitoring
from live_view import show
from recording_parts import NoRecording, config_maps, require_recording
from rich.console import Console

sys.path.append(str(k.ROOT / "hack/dashboards"))
import ask

MARKET = "tradingbot.dev/recording"  # annotation of the simulator's pods
RECORDING = k.ROOT.parent / "shared/data/spot_btcusdt_20240808.gz"
PANELS_WITHIN_S = 180

TRY = """
[bold]Try:[/]  (K='hack/cluster/cluster kubectl -n tradingbot-demo')
  $K scale tb/demo --replicas=2                 # a second slot: one market, so it idles and says so
  $K patch tb/demo --type=merge -p '{"spec":{"strategy":{"marketMaking":{"spreadBps":"3"}}}}'   # while running
  $K get tb/demo -o yaml                        # conditions, slots, configuration hashes; short: $K get tb
  $K delete pod/demo-0                          # cancels its orders, hands the Lease over, comes back
  $K delete tb/demo                             # no order is left at the venue; the journal's volume stays
Remove its journal, too:  $K delete pvc -l tradingbot.dev/bot=demo   (a new bot named demo would go on with it)
Remove everything:  make demo-down
"""
WATCH = """
[bold]See:[/]  hack/cluster/cluster kubectl -n tradingbot-monitoring port-forward svc/monitoring 9090 9093
  http://127.0.0.1:9090/alerts     # Prometheus: the rules; /graph: any metric of docs/reference/metrics.md
  http://127.0.0.1:9093            # Alertmanager: what is told to whom
  manifests/monitoring/dashboards  # for a Grafana of yours; docs/guides/monitoring.md has pictures
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="hack/demo/demo", description="The demo on the local cluster.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and watch it")
    up.add_argument("--data", type=Path, help="recording to replay (default: the shared one where it is there)")
    up.add_argument("--seconds", type=float, default=30, help="how long to watch")
    up.add_argument("--monitoring", action="store_true", help="with Prometheus, Alertmanager and the alerts")
    commands.add_parser("down", help="remove the cluster and all that it made")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)  # a line of a log stays one line
    try:
        if options.command == "down":
            _step(console, "cluster down", lambda say: k.script(k.CLUSTER, "down", show=say))
        else:
            _up(console, options)
    except (k.StepFailed, NoRecording) as failed:
        console.print(str(failed), style="red", markup=False)
        return 1
    return 0


def _up(console: Console, options: argparse.Namespace) -> None:
    recording, seconds = options.data, options.seconds
    recording = recording or (RECORDING if RECORDING.is_file() else None)
    if recording is not None:
        require_recording(recording)
    started = time.monotonic()
    k.script(k.CLUSTER, "choice", show=lambda _: None)  # what cannot come is refused before the first minute is gone
    _step(console, "images", lambda say: k.script(str(k.ROOT / "hack/images/build"), show=say))
    _step(console, "cluster, and the images in it", lambda say: k.script(str(k.ROOT / "hack/images/load"), show=say))
    _step(console, "CRDs, operator and simulator", lambda say: _installed(say, recording))
    applied = time.monotonic()
    apply = ("apply", "-f", "manifests/demo/bot.yaml")
    _step(console, f"kubectl {' '.join(apply)}", lambda _: k.kubectl(*apply))
    _step(console, "TradingBot Ready", lambda _: _ready())
    console.print(f"  Ready {time.monotonic() - applied:.1f} s after apply")
    console.print(k.kubectl("-n", k.NAMESPACE, "get", "tb", "-o", "wide").rstrip())
    if options.monitoring:
        _step(console, "Prometheus and Alertmanager", _monitored)
    show(console, "demo-0", seconds)
    if options.monitoring:
        _step(console, "every panel of the dashboards has data", lambda _: _drawn(console))
    name = os.environ.get("CLUSTER", "tradingbot")
    console.print(closing_lines(name, monitored=options.monitoring))
    console.print(f"[dim]all of it took {time.monotonic() - started:.0f} s, {seconds:.0f} of them to watch[/]")


def closing_lines(cluster: str, *, monitored: bool = False) -> str:
    """The commands, each for this cluster and no other."""
    lines = TRY + (WATCH if monitored else "")
    if cluster == "tradingbot":
        return lines
    return lines.replace("kubectl -n", f"kubectl --name {cluster} -n").replace(
        "make demo-down", f"make demo-down CLUSTER={cluster}"
    )


def _step(console: Console, name: str, action: Callable[[Callable[[str], None]], object]) -> None:
    started = time.monotonic()
    if console.is_terminal:
        with console.status(name) as status:
            action(lambda line: status.update(f"{name} [dim]{line[:100]}"))
    else:
        action(lambda line: console.print(f"    {line}", markup=False))
    console.print(f"[green]ok[/] {name} [dim]{time.monotonic() - started:.1f} s[/]")


def _installed(say: Callable[[str], None], recording: Path | None) -> None:
    """Both are applied before either is waited for."""
    _operator()
    _simulator(say, recording)
    _rolled_out("tradingbot-system", "tradingbot-operator")
    _rolled_out(k.NAMESPACE, "simulator")


def _rolled_out(namespace: str, deployment: str) -> None:
    k.kubectl("-n", namespace, "rollout", "status", f"deployment/{deployment}", "--timeout=120s")


def _operator() -> None:
    before = k.kubectl("get", "deployments", "-A", "-l", "app.kubernetes.io/name=tradingbot-operator", "-o", "name")
    k.kubectl("apply", "--server-side", "--force-conflicts", "-f", "manifests/install.yaml")
    if before.strip():  # the image has kept its tag; a new one starts with what was loaded
        k.kubectl("-n", "tradingbot-system", "rollout", "restart", "deployment/tradingbot-operator")


def _simulator(say: Callable[[str], None], recording: Path | None) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": k.NAMESPACE}}
    k.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(namespace))
    if "demo-keys" not in k.kubectl("-n", k.NAMESPACE, "get", "secrets", "-o", "name"):
        keys = [f"--from-literal={name}={secrets.token_hex(16)}" for name in ("apiKey", "secretKey")]
        k.kubectl("-n", k.NAMESPACE, "create", "secret", "generic", "demo-keys", *keys)
    say(f"recording: {recording.name}" if recording else "no recording: a market is made up")
    for part in config_maps(recording, k.NAMESPACE):
        k.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(part))
    # Another recording is another market: the simulator starts anew with it, and only then.
    marked = hashlib.sha256(recording.read_bytes() if recording else b"").hexdigest()[:16]
    _forget_the_bot_of_another_market(say, marked)
    k.kubectl("apply", "-f", "manifests/demo/simulator.yaml")
    template = {"template": {"metadata": {"annotations": {MARKET: marked}}}}
    k.kubectl("-n", k.NAMESPACE, "patch", "deployment/simulator", "--type=merge", "-p", json.dumps({"spec": template}))


def _forget_the_bot_of_another_market(say: Callable[[str], None], marked: str) -> None:
    """An exchange that starts anew knows none of its orders, and a bot does not believe such a thing."""
    found = k.kubectl("-n", k.NAMESPACE, "get", "deployments", "-o", "json")
    before = [d["spec"]["template"]["metadata"].get("annotations", {}).get(MARKET) for d in json.loads(found)["items"]]
    if before in ([], [marked]):
        return
    say("another recording: the bot of the one before is deleted, with its journal")
    k.kubectl("-n", k.NAMESPACE, "delete", "tb/demo", "--ignore-not-found", "--timeout=90s")
    k.kubectl("-n", k.NAMESPACE, "delete", "pvc", "-l", "tradingbot.dev/bot=demo", "--timeout=90s")


def _monitored(say: Callable[[str], None]) -> None:
    monitoring.load_image(say)
    monitoring.install(monitoring.bots())


def _drawn(console: Console) -> None:
    """A panel is about something that must have happened once: a fill, a minute of quoting."""
    found = ask.until_all_have(monitoring.asked, PANELS_WITHIN_S)
    console.print(ask.table(found))
    if any(count.empty for count in found):
        raise k.StepFailed(f"after {PANELS_WITHIN_S} s some panels of the dashboards have no data")


def _ready() -> None:
    """StepFailed says what the bot itself says."""
    try:
        k.kubectl("-n", k.NAMESPACE, "wait", "tb/demo", "--for=condition=Ready", "--timeout=60s")
    except k.StepFailed as failed:
        told = k.kubectl("-n", k.NAMESPACE, "get", "tb/demo", "-o",
                         'jsonpath={.status.conditions[?(@.type=="Ready")].reason}: '
                         '{.status.conditions[?(@.type=="Ready")].message}')  # fmt: skip
        raise k.StepFailed(f"{failed}\nthe bot is not Ready: {told}") from failed


if __name__ == "__main__":
    sys.exit(main())
