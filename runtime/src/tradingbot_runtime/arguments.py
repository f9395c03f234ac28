"""The command line."""

import argparse
import os
from importlib.metadata import version
from pathlib import Path

import shtab

from tradingbot_runtime import run_command
from tradingbot_runtime.model.control import CONTROL_PORT, HTTP_PORT
from tradingbot_runtime.simulator import command as simulate_command
from tradingbot_runtime.simulator.command import port_number

RUN_HELP = """\
Run one TradingBot. Without a cluster:   tradingbot-runtime run manifests/samples/bot-paper.yaml
In a pod, the operator passes --slot-config, --control and --credentials.

Credentials of a venue named NAME come from the environment (TRADINGBOT_NAME_API_KEY, and TRADINGBOT_NAME_SECRET_KEY or
TRADINGBOT_NAME_PRIVATE_KEY), or with --credentials from the files DIR/NAME/{apiKey,secretKey,privateKey}.

Exit codes: 0 ended as asked, no order left; 1 failed, or orders may be left; 2 the configuration cannot be used;
3 fenced: the slot's Lease was lost.
"""


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="tradingbot-runtime", description="The runtime of one trading bot.")
    root.add_argument("--version", action="version", version=version("tradingbot-runtime"))
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a bot", description=RUN_HELP,
                              formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    _run_arguments(run)
    simulate = commands.add_parser("simulate", help="simulate an exchange that speaks Binance spot's protocol")
    simulate_command.add_arguments(simulate)
    simulate.set_defaults(command=simulate_command.run)
    completion = commands.add_parser("completion", help="print a completion script for your shell")
    completion.add_argument("shell", choices=shtab.SUPPORTED_SHELLS)
    completion.set_defaults(command=lambda options: _print_completion(root, options.shell))
    return root


def _run_arguments(run: argparse.ArgumentParser) -> None:
    what = run.add_mutually_exclusive_group(required=True)
    what.add_argument("manifest", nargs="?", type=Path, help="YAML with one TradingBot and its Venues")
    what.add_argument("--slot-config", type=Path, metavar="DIR", help="folder with slot-N.json, made by the operator")
    run.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides",
                     help="override a field, e.g. --set spec.strategy.marketMaking.spreadBps=12")  # fmt: skip
    run.add_argument("--slot", type=int, help="ordinal of the slot (default: from POD_NAME, or 0)")
    run.add_argument("--journal", type=Path, help="journal file (default: below the state folder of your account)")
    run.add_argument("--credentials", type=Path, metavar="DIR", help="folder with one folder for each venue")
    run.add_argument("--control", type=Path, metavar="DIR", help="folder with tls.crt, tls.key, token: the control API")
    run.add_argument("--host", help="address of the servers (default: 127.0.0.1; in a pod 0.0.0.0)")
    run.add_argument(
        "--http-port",
        type=port_number,
        default=HTTP_PORT,
        help="probes, /metrics, /state; 0: any free",
    )
    run.add_argument("--control-port", type=port_number, default=int(os.environ.get("CONTROL_PORT", CONTROL_PORT)),
                     help="control stream; 0: any free one")  # fmt: skip
    run.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    run.set_defaults(command=run_command.run)


def _print_completion(root: argparse.ArgumentParser, shell: str) -> int:
    print(shtab.complete(root, shell))  # noqa: T201 - this is the command's output
    return 0
