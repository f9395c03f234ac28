"""The bot as it is now, for the terminal: quotes, orders, position and profit, twice a second."""

import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

from kubectl import forwarded
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from tradingbot_runtime.progress import summary

REFRESH_S = 0.5
PLAIN_EVERY_S = 5.0


def show(console: Console, pod: str, seconds: float) -> None:
    """For `seconds`; where the output is no terminal, a line every few seconds instead."""
    with forwarded(f"pod/{pod}", 8080) as port:
        states = _states(port, seconds)
        if console.is_terminal:
            with Live(console=console, refresh_per_second=4) as live:
                for left, state in states:
                    live.update(_picture(state, left))
            return
        shown = -PLAIN_EVERY_S
        for left, state in states:
            if seconds - left - shown >= PLAIN_EVERY_S:
                shown = seconds - left
                console.print(_line(state), highlight=False)


def _states(port: int, seconds: float) -> Iterator[tuple[float, dict[str, Any]]]:
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/state", timeout=5) as answer:
            yield left, json.load(answer)
        time.sleep(REFRESH_S)


def _line(state: dict[str, Any]) -> str:
    market = next(iter(state["markets"].values()), None)
    if market is None:
        return f"  {state['state']} ({state['reason']}): no market yet"
    facts = "  ".join(f"{name} {value}" for name, value in summary(market).items())
    return f"  {state['state']}: {market['symbol']}  {facts}"


def _picture(state: dict[str, Any], left: float) -> Panel:
    title = (
        f"{state['bot']} slot {state['slot']}: [bold]{state['state']}[/] ({state['reason']}), epoch {state['epoch']}"
    )
    body = [_market(market) for market in state["markets"].values()]
    return Panel(Group(*body), title=title, subtitle=f"{left:.0f} s left")


def _market(market: dict[str, Any]) -> Columns:
    ladder = Table(title=f"{market['symbol']}  {market['referenceBid']} / {market['referenceAsk']}")
    for column in ("bid", "quantity", "state", "ask", "quantity", "state"):
        ladder.add_column(column, justify="right")
    bids = sorted((o for o in market["orders"] if o["side"] == "buy"), key=lambda o: -float(o["price"]))
    asks = sorted((o for o in market["orders"] if o["side"] == "sell"), key=lambda o: float(o["price"]))
    for i in range(max(len(bids), len(asks), 1)):
        ladder.add_row(*_cells(bids, i, "green"), *_cells(asks, i, "red"))
    facts = Table(show_header=False, box=None)
    for name, value in (
        ("position", f"{market['position']} {market['base']}"),
        ("profit", f"{market['profit']} {market['quote']} (after fees)"),
        ("realised", f"{market['realised']} {market['quote']}"),
        ("fills", ", ".join(f"{count} {side}" for side, count in market["fills"].items()) or "none yet"),
        ("traded", f"{market['traded']} {market['base']}"),
        ("feed age", f"{market['feedAgeSeconds']} s"),
        ("refused", ", ".join(f"{count} {reason}" for reason, count in market["refused"].items()) or "none"),
    ):
        facts.add_row(f"[dim]{name}", str(value))
    return Columns([ladder, facts])


def _cells(orders: list[dict[str, Any]], i: int, colour: str) -> tuple[str, str, str]:
    if i >= len(orders):
        return "", "", ""
    order = orders[i]
    return f"[{colour}]{order['price']}", order["quantity"], order["state"]
