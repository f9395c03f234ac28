"""`make bench`: a tick leaves the venue -> the order that it causes arrives there, over loopback.

    .venv/bin/python tests/bench/tick_to_order.py [--rate N] [--seconds S] [--runs N] [--json FILE]

Five clients answer the same venue in turn, again and again, so that what else the machine does hits all of them: the
floor (a minimal C client on epoll), our runtime, our runtime with a journal that keeps nothing, and our runtime as
somebody watches it and as nobody does (observed.py). The table shows
the medians over the runs; last comes one run with clocks in it, which says where our time goes.
Exit code: 0; 1 when a client missed a move or sent an order too many; 2 without a C compiler.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench_run import Client, Load, Measured, Run, RunFailed, run
from msgspec import to_builtins
from rich.console import Console
from rich.status import Status
from rich.table import Table
from venue_build import BUILD, NoCompiler, build

BOT = (sys.executable, str(Path(__file__).with_name("bot_client.py")), "{port}", "{folder}")
FLOOR = Client("minimal C client on epoll (floor)", (str(BUILD / "floor_client"), "{port}"))
OURS = Client("tradingbot-runtime", BOT, "}")
UNWRITTEN = Client("tradingbot-runtime, journal not written", (*BOT, "--unwritten"), "}")
PROFILED = Client("tradingbot-runtime, with clocks in it", (*BOT, "--stages"), "}")
WATCHED = Client("tradingbot-runtime, metrics, logs and audit on", (*BOT, "--watched"), "}")
UNWATCHED = Client("tradingbot-runtime, metrics, logs and audit off", (*BOT, "--unwatched"), "}")
MEASURED = (FLOOR, OURS, UNWRITTEN, WATCHED, UNWATCHED)
IN_PROCESS = "in process"
HEAD = ("tick sent -> order received", "p50 us", "p99 us", "p50 ratio", "p99 ratio", "new order p50", "new order p99",
        "orders/moves")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """Medians over a client's runs, in microseconds; ratios to the floor's. `p50`, `p99`: of the first message."""

    client: str
    p50: float
    p99: float
    p50_ratio: float
    p99_ratio: float
    new_order_p50: float
    new_order_p99: float
    orders: int
    moves: int

    @property
    def cells(self) -> tuple[str, ...]:
        numbers = (self.p50, self.p99, self.p50_ratio, self.p99_ratio, self.new_order_p50, self.new_order_p99)
        return (self.client, *(f"{number:.1f}" for number in numbers), f"{self.orders}/{self.moves}")


def rows_of(runs: Mapping[Client, Sequence[Measured]]) -> list[Row]:
    floor = _row(FLOOR, runs[FLOOR], None)
    return [_row(client, runs[client], floor) for client in MEASURED]


def _row(client: Client, runs: Sequence[Measured], floor: Row | None) -> Row:
    p50, p99 = median(r.first_message.p50 for r in runs), median(r.first_message.p99 for r in runs)
    return Row(
        client=client.name,
        p50=p50,
        p99=p99,
        p50_ratio=p50 / floor.p50 if floor else 1.0,
        p99_ratio=p99 / floor.p99 if floor else 1.0,
        new_order_p50=median(r.new_order.p50 for r in runs),
        new_order_p99=median(r.new_order.p99 for r in runs),
        orders=sum(r.answered for r in runs),
        moves=sum(r.moves for r in runs),
    )


def in_turn(load: Load, rounds: int, status: Status) -> Iterator[Run]:
    """Every client once in each round. Raises RunFailed."""
    for number in range(rounds):
        for client in MEASURED:
            status.update(f"round {number + 1} of {rounds}: {client.name}")
            yield run(client, load)


def show(console: Console, rows: Sequence[Row], stages: Mapping[str, float]) -> None:
    """The table, and what our time was spent on; plain lines where the output is no terminal."""
    lines = [HEAD, *(row.cells for row in rows)]
    if console.is_terminal:
        table = Table(HEAD[0])
        for name in HEAD[1:]:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(*row.cells)
        console.print(table)
    else:
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for first, *numbers in lines:
            cells = (first.ljust(widths[0]), *(n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True)))
            console.print("  ".join(cells), highlight=False, soft_wrap=True)
    watched, unwatched = (next(row for row in rows if row.client == each.name) for each in (WATCHED, UNWATCHED))
    console.print(f"Metrics, logs and audit on against off: p50 {watched.p50 / unwatched.p50:.2f}x, "
                  f"p99 {watched.p99 / unwatched.p99:.2f}x", highlight=False)  # fmt: skip
    whole = stages[IN_PROCESS]
    shares = (f"{name} {us:.0f} us ({us / whole:.0%})" for name, us in stages.items() if name != IN_PROCESS)
    console.print(f"Our process, frame read to first message written, one run with clocks: {whole:.0f} us =",
                  f"{', '.join(shares)}.", highlight=False, soft_wrap=True)  # fmt: skip


def document(load: Load, runs: Sequence[Run], rows: Sequence[Row], stages: Mapping[str, float]) -> dict[str, object]:
    every = [{"client": r.client.name, "measured": to_builtins(r.measured)} for r in runs]
    return {"load": asdict(load), "rows": [asdict(row) for row in rows], "stages_us": stages, "runs": every}


def mistakes(runs: Sequence[Run]) -> list[str]:
    """A line for each run in which a move had no order, or an order no move."""
    return [
        f"{r.client.name}: {r.measured.moves} moves, {r.measured.answered} answered, {r.measured.placed} orders"
        for r in runs
        if not r.measured.is_complete
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1000, help="ticks a second (default: 1000)")
    parser.add_argument("--seconds", type=float, default=2.5, help="of each run, its warm-up included (default: 2.5)")
    parser.add_argument("--warmup", type=float, default=0.5, help="seconds that do not count (default: 0.5)")
    parser.add_argument("--move-every", type=int, default=5, help="ticks from one move to the next (default: 5)")
    parser.add_argument("--runs", type=int, default=5, help="rounds: each client runs once in each (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run's figures there")
    return parser.parse_args()


def bench(options: argparse.Namespace, console: Console) -> int:
    """Raises RunFailed."""
    load = Load(options.rate, options.seconds, options.move_every, options.warmup)
    with console.status("the first round") as status:
        runs = list(in_turn(load, options.runs, status))
        status.update("one run with clocks in it")
        profiled = run(PROFILED, load)
    found = mistakes([*runs, profiled])
    for line in found:
        console.print(f"FAILED: {line}", highlight=False)
    stages: dict[str, float] = json.loads(profiled.output)
    if not stages:
        return 1
    rows = rows_of({client: [r.measured for r in runs if r.client is client] for client in MEASURED})
    show(console, rows, stages)
    if options.json is not None:
        options.json.write_text(json.dumps(document(load, runs, rows, stages), indent=1), encoding="utf-8")
    return 1 if found else 0


def main() -> int:
    options, console = arguments(), Console()
    try:
        build()
        return bench(options, console)
    except NoCompiler as error:
        console.print(f"{error}")
        return 2
    except RunFailed as error:
        console.print(f"FAILED: {error}", markup=False)
        return 1


if __name__ == "__main__":
    sys.exit(main())
