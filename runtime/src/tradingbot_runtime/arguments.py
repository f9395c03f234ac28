"""The command line."""

import argparse
import re
from collections.abc import Mapping
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import shtab

from tradingbot_runtime import run_command
from tradingbot_runtime.audit import commands as journal_commands
from tradingbot_runtime.cancel_all import CANCEL_ALL_HELP, cancel_all
from tradingbot_runtime.logs import LEVELS
from tradingbot_runtime.model.control import CONTROL_PORT, HTTP_PORT, SHUTDOWN_WITHIN_S
from tradingbot_runtime.options import PORT, Checked, Name, Number, Parser, Whole
from tradingbot_runtime.resume_command import RESUME_HELP, resume
from tradingbot_runtime.simulator import command as simulate_command
from tradingbot_runtime.standard_output import tell
from tradingbot_runtime.top.asked import ADDRESS
from tradingbot_runtime.top.command import TOP_HELP, top

RUN_HELP = """\
Run one TradingBot. Without a cluster, beside `tradingbot-runtime simulate`:
  tradingbot-runtime run manifests/samples/bot-local.yaml
In a pod, the operator passes --slot-config, --control and --credentials.

Credentials of a venue named NAME come from the environment (TRADINGBOT_NAME_API_KEY, and TRADINGBOT_NAME_SECRET_KEY or
TRADINGBOT_NAME_PRIVATE_KEY), or with --credentials from the files DIR/NAME/{apiKey,secretKey,privateKey}.

SIGTERM, Ctrl-C, Ctrl-\\ and the terminal's end (SIGHUP) cancel every order and ask the venue until it lists none, for
--shutdown-within seconds; asked a second time it ends at once and names what may be left. With `nohup` it outlives its
terminal.

Exit codes: 0 ended as asked, no order left; 1 failed, or orders may be left; 2 the configuration or the journal
cannot be used (docs/reference/journal.md); 3 fenced: the slot's Lease was lost.
"""
COMPLETION_HELP = """\
Print a completion script. For this shell only:
  bash   eval "$(tradingbot-runtime completion bash)"
  zsh    tradingbot-runtime completion zsh > DIR/_tradingbot-runtime, where DIR is a folder of $fpath
  fish   tradingbot-runtime completion fish | source
"""
SLOT = Whole(0, 255)
WITHIN_S = Whole(1, 3600)
EVERY_S = Number(Decimal("0.1"), Decimal(3600))


def parser() -> argparse.ArgumentParser:
    root = Parser(prog="tradingbot-runtime", description="The runtime of one trading bot.")
    root.add_argument("--version", action="version", version=version("tradingbot-runtime"))
    root.set_defaults(ends_in_order=False)
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a bot", description=RUN_HELP,
                              formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    _run_arguments(run)
    simulate = commands.add_parser(
        "simulate", help="simulate an exchange: Binance spot's protocol, DeltaDeFi's beside it"
    )
    simulate_command.add_arguments(simulate)
    simulate.set_defaults(command=simulate_command.run)
    journal_commands.add_commands(commands)
    withdraw = commands.add_parser("cancel-all", help="cancel every order of a journal's bot, without the bot",
                                   description=CANCEL_ALL_HELP,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    _cancel_all_arguments(withdraw)
    release = commands.add_parser("resume", help="release a halt of a bot that does not run", description=RESUME_HELP,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    _resume_arguments(release)
    watch = commands.add_parser("top", help="show one running bot, live", description=TOP_HELP,
                                formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    _top_arguments(watch)
    completion = commands.add_parser("completion", help="print a completion script for your shell",
                                     description=COMPLETION_HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    completion.add_argument("shell", choices=shtab.SUPPORTED_SHELLS, help="which one")
    completion.set_defaults(command=lambda options: _print_completion(root, options.shell))
    return root


def _run_arguments(run: argparse.ArgumentParser) -> None:
    add = run.add_argument
    what = run.add_mutually_exclusive_group(required=True)
    manifest = what.add_argument("manifest", nargs="?", type=Path, help="YAML with one TradingBot and its Venues")
    folder = what.add_argument("--slot-config", type=Path, metavar="DIR",
                               help="folder with slot-N.json, made by the operator")  # fmt: skip
    add("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides",
        help="override a field, e.g. --set spec.strategy.marketMaking.spreadBps=12; repeatable")  # fmt: skip
    add("--slot", action=Checked, kind=SLOT, metavar="N",
        help="ordinal of the slot, with --slot-config; where absent from POD_NAME")  # fmt: skip
    journal = add("--journal", type=Path, metavar="FILE",
                  help="journal file (default: below the state folder of your account)")  # fmt: skip
    halt = add("--halt-file", type=Path, metavar="FILE",
               help="while it is there, trading is halted (default: HALT beside the journal)")  # fmt: skip
    credentials = add("--credentials", type=Path, metavar="DIR",
                      help="folder with one folder for each venue (default: the environment)")  # fmt: skip
    control = add("--control", type=Path, metavar="DIR",
                  help="folder with tls.crt, tls.key, token (default: no control stream)")  # fmt: skip
    add("--host", help="address of the servers (default: 127.0.0.1; in a pod 0.0.0.0)")
    add("--http-port", action=Checked, kind=PORT, metavar="PORT", default=str(HTTP_PORT),
        help="port of the probes, /metrics and /state; 0: any free one")  # fmt: skip
    add("--control-port", action=Checked, kind=PORT, metavar="PORT",
        help=f"port of the control stream; 0: any free one; where absent CONTROL_PORT, or {CONTROL_PORT}")  # fmt: skip
    add("--shutdown-within", action=Checked, kind=WITHIN_S, metavar="SECONDS", default=str(SHUTDOWN_WITHIN_S),
        help="when asked to end: how long to insist on an empty venue that is slow, silent or locked")  # fmt: skip
    add("--log-level", default="info", choices=LEVELS, help="what is logged: this, and what is worse (default: info)")
    run.set_defaults(command=run_command.run, ends_in_order=True)
    _complete({manifest: shtab.FILE, journal: shtab.FILE, halt: shtab.FILE, folder: shtab.DIRECTORY,
               credentials: shtab.DIRECTORY, control: shtab.DIRECTORY})  # fmt: skip


def _cancel_all_arguments(withdraw: argparse.ArgumentParser) -> None:
    what = withdraw.add_mutually_exclusive_group(required=True)
    journal = what.add_argument("journal", nargs="?", type=Path, metavar="JOURNAL", help="the journal's file")
    folder = what.add_argument("--slot-config", type=Path, metavar="DIR",
                               help="folder with slot-N.json, where the journal is out of reach")  # fmt: skip
    withdraw.add_argument("--slot", action=Checked, kind=SLOT, metavar="N",
                          help="ordinal of the slot, with --slot-config; where absent from POD_NAME")  # fmt: skip
    credentials = withdraw.add_argument("--credentials", type=Path, metavar="DIR", help="as in `run`")
    withdraw.add_argument("--former-bot", action="append", default=[], type=_bot_number, metavar="NUMBER",
                          help="also the orders of this bot, eight hexadecimal digits; repeatable")  # fmt: skip
    withdraw.add_argument(
        "--left-by-live",
        action="store_true",
        help="in mode Paper: also what the slot has left at its venues since it was in mode Live",
    )
    withdraw.add_argument("--within", action=Checked, kind=WITHIN_S, metavar="SECONDS", default="30",
                          help="give up after so long")  # fmt: skip
    withdraw.set_defaults(command=cancel_all)
    _complete({journal: shtab.FILE, folder: shtab.DIRECTORY, credentials: shtab.DIRECTORY})


def _resume_arguments(release: argparse.ArgumentParser) -> None:
    journal = release.add_argument("journal", type=Path, metavar="JOURNAL", help="the journal's file")
    release.add_argument("halt_id", nargs="?", metavar="HALT_ID", help="which one (default: list those in force)")
    release.add_argument("--by", action=Checked, kind=Name(), default="command line", metavar="NAME",
                         help="who releases it, for the journal")  # fmt: skip
    release.set_defaults(command=resume)
    _complete({journal: shtab.FILE})


def _top_arguments(watch: argparse.ArgumentParser) -> None:
    watch.add_argument("address", nargs="?", default=ADDRESS, metavar="ADDRESS",
                       help="where its /state is: host:port or a URL (default: %(default)s)")  # fmt: skip
    watch.add_argument("--every", action=Checked, kind=EVERY_S, metavar="SECONDS", default="1",
                       help="how often to look (default: %(default)s)")  # fmt: skip
    watch.add_argument("--once", action="store_true", help="look once")
    watch.set_defaults(command=top)


def _complete(kinds: Mapping[argparse.Action, object]) -> None:
    for action, kind in kinds.items():
        action.complete = kind  # type: ignore[attr-defined]  # where shtab looks


def _bot_number(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{8}", text):
        raise argparse.ArgumentTypeError(f"{text!r}: must be eight hexadecimal digits, as the log says")
    return text.lower()


def _print_completion(root: argparse.ArgumentParser, shell: str) -> int:
    tell(f"{shtab.complete(root, shell)}\n")
    return 0
