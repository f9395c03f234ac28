"""`make bench-operator`: the operator with a thousand bots, beside the limits that it has to keep.

    PYTHONPATH=tests .venv/bin/python tests/bench/operator_scale.py [--bots N] [--window S] [--json FILE]

A real control plane on loopback (etcd, API server, controller manager; no nodes), the operator as a real process with
the rights of its own manifests, and a fake node: each bot's pod answers the control stream over TLS with the
certificate and the token that the operator made. Making the bots is not measured. The limits are those for 1,000 bots.
Exit code: 0; 1 when a limit is missed; 2 when the bench could not run; 3 when one is missed on a busy machine.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import psutil
import uvloop
from rich.console import Console
from scale_rows import STEPS, Load
from scale_table import Row, show
from scale_watch import NotInTime
from scale_world import OperatorEnded, Tell, world

from harness.control_plane import CannotStart, ControlPlane, running_control_plane

LOOK_S = 3.0
QUIET = 0.25  # of the processors: what others may take on a machine that is called quiet
MET, MISSED, FAILED, BUSY = 0, 1, 2, 3


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bots", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument(
        "--window", type=float, default=60, help="seconds in which nothing may be written (default: 60)"
    )
    parser.add_argument("--load", type=float, default=30, help="seconds of changes and breaches (default: 30)")
    parser.add_argument("--only", nargs="+", choices=[name for name, _ in STEPS], help="measure only these")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="keep the operators' logs there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    return parser.parse_args()


async def measure(
    plane: ControlPlane, options: argparse.Namespace, folders: tuple[Path, Path], tell: Tell
) -> list[Row]:
    """Raises NotInTime, OperatorEnded."""
    load, rows = Load(options.window, options.load), []
    async with world(plane, options.bots, folders, tell) as here:
        await here.make_bots()
        for name, step in STEPS:
            if options.only is None or name in options.only:
                tell(f"measuring: {name}")
                rows += await step(here, load)
        if wrong := here.leader.forbidden():
            raise OperatorEnded(f"it lacks a right: {wrong[0]}")
    return rows


def bench(options: argparse.Namespace, console: Console) -> int:
    others = psutil.cpu_percent(LOOK_S) / 100
    with tempfile.TemporaryDirectory() as text, console.status("starting a control plane") as status:
        top, logs = Path(text), (options.logs or Path(text) / "logs").resolve()
        for folder in (logs, top / "client", top / "world"):
            folder.mkdir(parents=True, exist_ok=True)
        with running_control_plane(top / "plane", top / "client") as plane:
            rows = asyncio.run(measure(plane, options, (top / "world", logs), status.update))
    show(console, title(options, others), rows)
    if options.json is not None:
        found = {"bots": options.bots, "others": others, "rows": [asdict(row) | {"met": row.met} for row in rows]}
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return verdict(rows, others)


def title(options: argparse.Namespace, others: float) -> str:
    busy = "" if others <= QUIET else ": not quiet, the times are too long"
    return f"{options.bots} bots; {os.cpu_count()} processors, others took {others:.0%} of them before{busy}"


def verdict(rows: Sequence[Row], others: float) -> int:
    if all(row.met for row in rows):
        return MET
    return MISSED if others <= QUIET else BUSY


def main() -> int:
    options, console = arguments(), Console()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a socket for each stream, on both sides
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    try:
        return bench(options, console)
    except (CannotStart, NotInTime, OperatorEnded) as error:
        console.print(f"FAILED: {error}", markup=False, highlight=False)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
