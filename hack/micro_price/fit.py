"""Fit the micro-price's table to a recording of best bids and offers, and print it as it goes into a manifest.

    .venv/bin/python hack/micro_price/fit.py RECORDING --tick 0.01 [--spreads 2] [--buckets 5]

RECORDING: lines of `<time> <frame>` with Binance's bookTicker frames, plain or gzip. The method is Stoikov's ("The
micro-price", Quantitative Finance 18(12), 2018): the book is a Markov chain of states (imbalance, spread); the
micro-price is the mid that it is expected to have after ever more changes of the mid. What is seen on one side counts
for the other as well, so that the table is symmetric. Offline statistics: floats do no harm here.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from tradingbot_runtime.simulator.recording import read_lines

ROUNDS = 200  # of mid changes looked ahead; the sum has converged long before
NEVER_LEFT = 1e-12
Matrix = list[list[float]]


class Tick(NamedTuple):
    """Prices in ticks."""

    bid: int
    bid_quantity: float
    ask: int
    ask_quantity: float


class _Data(msgspec.Struct):
    b: str
    B: str
    a: str
    A: str


class _Frame(msgspec.Struct):
    data: _Data


def fit(ticks: Iterable[Tick], spreads: int, buckets: int) -> list[list[float]]:
    """`spreads` rows of `buckets` shifts in ticks, from the balanced book to the one-sided one.

    Raises ValueError when no state was ever left: there is nothing to learn from.
    """
    count = spreads * 2 * buckets
    stays = [[0.0] * count for _ in range(count)]  # to a state of the same mid
    moves = [[0.0] * count for _ in range(count)]  # to a state of another mid
    drift = [0.0] * count  # the sum of the mid's changes, in ticks
    before: Tick | None = None
    for tick in ticks:
        if before is not None and max(_spread(before), _spread(tick)) <= spreads:
            change = (tick.bid + tick.ask - before.bid - before.ask) / 2
            for mirrored in (False, True):
                start, end = (_state(t, buckets, mirrored=mirrored) for t in (before, tick))
                (moves if change else stays)[start][end] += 1
                drift[start] += -change if mirrored else change
        before = tick
    shifts = _limit(stays, moves, drift)
    return [
        [max(shifts[(spread * 2 + 1) * buckets + bucket], 0.0) for bucket in range(buckets)]
        for spread in range(spreads)
    ]


def _spread(tick: Tick) -> int:
    return tick.ask - tick.bid


def _state(tick: Tick, buckets: int, *, mirrored: bool) -> int:
    total = tick.bid_quantity + tick.ask_quantity
    share = tick.bid_quantity / total if total else 0.5
    share = 1 - share if mirrored else share
    return (_spread(tick) - 1) * 2 * buckets + min(int(share * 2 * buckets), 2 * buckets - 1)


def _limit(stays: Matrix, moves: Matrix, drift: Sequence[float]) -> list[float]:
    """G* = sum of B^i G1 with G1 = (I - Q)^-1 R K and B = (I - Q)^-1 T."""
    seen = [sum(row) + sum(other) for row, other in zip(stays, moves, strict=True)]
    if not any(map(any, moves)):
        raise ValueError("the mid never moved in this recording")
    n = len(seen)
    left = [[(i == j) - (stays[i][j] / seen[i] if seen[i] else 0.0) for j in range(n)] for i in range(n)]
    right = [[*(m / seen[i] if seen[i] else 0.0 for m in moves[i]), drift[i] / seen[i] if seen[i] else 0.0]
             for i in range(n)]  # fmt: skip
    solved = _solve(left, right)
    step = [row[-1] for row in solved]
    total = list(step)
    for _ in range(ROUNDS):
        step = [sum(b * s for b, s in zip(row, step, strict=False)) for row in solved]
        total = [t + s for t, s in zip(total, step, strict=True)]
    return total


def _solve(left: Matrix, right: Matrix) -> Matrix:
    """X of left X = right, by Gauss-Jordan elimination with pivoting; a state that is never left stays at zero."""
    rows = [[*a, *b] for a, b in zip(left, right, strict=True)]
    n = len(rows)
    for column in range(n):
        pivot = max(range(column, n), key=lambda i: abs(rows[i][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column][column]
        if abs(head) < NEVER_LEFT:
            continue
        rows[column] = [value / head for value in rows[column]]
        for i in range(n):
            factor = rows[i][column]
            if i != column and factor:
                rows[i] = [value - factor * own for value, own in zip(rows[i], rows[column], strict=True)]
    return [row[n:] for row in rows]


def recorded(path: Path, tick: Decimal) -> Iterator[Tick]:
    decode = msgspec.json.Decoder(_Frame).decode
    for line in read_lines(path):
        if b"@bookTicker" in line:
            data = decode(line.partition(b" ")[2]).data
            yield Tick(int(Decimal(data.b) / tick), float(data.B), int(Decimal(data.a) / tick), float(data.A))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--tick", type=Decimal, required=True, help="the reference's tick size")
    parser.add_argument("--spreads", type=int, default=2, help="rows: spreads from one tick up")
    parser.add_argument("--buckets", type=int, default=5, help="columns: parts of the imbalance")
    options = parser.parse_args(arguments)
    table = fit(recorded(options.recording, options.tick), options.spreads, options.buckets)
    rows = "\n".join(f"    - {json.dumps([f'{shift:.4f}' for shift in row])}" for row in table)
    sys.stdout.write(f"referencePrice: MicroPrice\nmicroPrice:\n  shiftTicks:\n{rows}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
