"""Asks a Prometheus every query of every dashboard, and says which panels have nothing to show.

.venv/bin/python hack/dashboards/ask.py http://127.0.0.1:9090 [--within SECONDS]
"""

import argparse
import json
import math
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from written_boards import Asked, Shown, boards, shown

ANSWER_WITHIN_S = 10
AGAIN_AFTER_S = 2
Fetch = Callable[[str, Mapping[str, str]], Any]  # path and parameters of Prometheus's API -> its data


class NoAnswer(Exception):
    """Nobody is there, or the query is wrong: what was said."""


class Count(NamedTuple):
    board: str
    panels: int
    empty: tuple[str, ...]


def at(address: str) -> Fetch:
    """Of a Prometheus at `address`. What it gives raises NoAnswer."""

    def fetch(path: str, parameters: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        url = f"{address.rstrip('/')}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_WITHIN_S) as answer:  # noqa: S310 - whoever runs this named it
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refused:
            raise NoAnswer(f"{refused.read().decode(errors='replace')}\n  {parameters}") from refused
        except (OSError, ValueError) as failed:
            raise NoAnswer(f"{url}: {failed}") from failed

    return fetch


def counts(fetch: Fetch) -> Iterator[Count]:
    for name, board in boards():
        panels = list(shown(board, {}))
        yield Count(name, len(panels), tuple(panel.title for panel in panels if not has_data(panel, fetch)))


def has_data(panel: Shown, fetch: Fetch) -> bool:
    """Whether any of its queries has a number now."""
    return any(_has_number(asked, fetch) for asked in panel.asked)


def _has_number(asked: Asked, fetch: Fetch) -> bool:
    found = fetch("query", {"query": asked.expr})["result"]
    return any(not math.isnan(float(series["value"][1])) for series in found)


def until_all_have(fetch: Fetch, within_s: float) -> list[Count]:
    """Ask again until no panel is empty, or the time is over."""
    deadline = time.monotonic() + within_s
    found = list(counts(fetch))
    while any(count.empty for count in found) and time.monotonic() < deadline:
        time.sleep(AGAIN_AFTER_S)
        found = list(counts(fetch))
    return found


def table(found: list[Count]) -> Table:
    made = Table("dashboard", "panels", "with data", "empty")
    for count in found:
        made.add_row(
            count.board, str(count.panels), str(count.panels - len(count.empty)), ", ".join(count.empty) or "none"
        )
    return made


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prometheus", help="its address, as http://127.0.0.1:9090")
    parser.add_argument(
        "--within", type=float, default=0, metavar="SECONDS", help="ask again for so long (default: once)"
    )
    options = parser.parse_args(arguments)
    try:
        found = until_all_have(at(options.prometheus), options.within)
    except NoAnswer as failed:
        print(f"ask.py: {failed}", file=sys.stderr)
        return 2
    Console().print(table(found))
    return int(any(count.empty for count in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
