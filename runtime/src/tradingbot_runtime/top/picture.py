"""A bot's state as people read it in a terminal, and as a line where there is none."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tradingbot_runtime.progress import summary

State = Mapping[str, Any]
NEARLY = 0.8  # of a limit
BAR = 10  # characters
COLOURS = {"Active": "green", "Reducing": "yellow", "Reconciling": "yellow", "Starting": "yellow"}  # others: red


def line(state: State) -> str:
    """The first market in a few words."""
    market = next(iter(state["markets"].values()), None)
    if market is None:
        return f"{state['state']} ({state['reason']}): no market yet"
    facts = "  ".join(f"{name} {value}" for name, value in summary(market).items())
    return f"{state['state']}: {market['symbol']}  {facts}"


def picture(state: State, note: str = "") -> Panel:
    """`note`: what is said below, such as the age of all this."""
    colour = COLOURS.get(state["state"], "red")
    title = (
        f"{escape(state['bot'])} slot {state['slot']}: [bold {colour}]{state['state']}[/] ({escape(state['reason'])})"
    )
    body = [*_heading(state), *(_market(name, market) for name, market in state["markets"].items())]
    if not state["markets"]:
        body.append(Text("no market yet"))
    return Panel(Group(*body), title=title, subtitle=escape(note), border_style=colour)


def _heading(state: State) -> Iterator[RenderableType]:
    if state["message"]:
        yield Text(state["message"])
    for halt in state["halts"]:
        yield Text(f"halted {halt['id']}: {halt['reason']} {halt['message']}", style="bold red")
    yield Text(f"epoch {state['epoch']}   configuration {state['configHash']}", style="dim")
    for name, venue in state["venues"].items():
        wrong = [what for what in ("reachable", "authenticated") if venue[what] is False]
        told = f"not {' and not '.join(wrong)}: {venue['message']}" if wrong else "reachable"
        yield Text(f"venue {name}: {told}", style="red" if wrong else "dim")


def _market(name: str, market: State) -> Panel:
    best = " / ".join(market[side] or "-" for side in ("referenceBid", "referenceAsk"))
    title = f"{escape(name)}: {market['symbol']} at {market['venue']}  {best}"
    parts = [_ladder(market["orders"]), _facts(market)]
    if market.get("limits"):
        parts.append(_limits(market["limits"]))
    body: list[RenderableType] = [Columns(parts, padding=(0, 3))]
    if market["hindered"]:
        body.append(Text(f"hindered: {market['hindered']}", style="red"))
    return Panel(Group(*body), title=title, title_align="left")


def _ladder(orders: Sequence[State]) -> Table:
    made = Table(box=None)
    for column in ("bid", "quantity", "state", "ask", "quantity", "state"):
        made.add_column(column, justify="right")
    bids = sorted((o for o in orders if o["side"] == "buy"), key=lambda o: -float(o["price"]))
    asks = sorted((o for o in orders if o["side"] == "sell"), key=lambda o: float(o["price"]))
    for i in range(max(len(bids), len(asks), 1)):
        made.add_row(*_cells(bids, i, "green"), *_cells(asks, i, "red"))
    return made


def _cells(orders: Sequence[State], i: int, colour: str) -> tuple[str, str, str]:
    if i >= len(orders):
        return "", "", ""
    return f"[{colour}]{orders[i]['price']}", orders[i]["quantity"], orders[i]["state"]


def _facts(market: State) -> Table:
    made = Table(show_header=False, box=None)
    for name, value in _told(market):
        made.add_row(f"[dim]{name}", str(value))
    return made


def _told(market: State) -> Iterator[tuple[str, object]]:
    base, quote = market["base"], market["quote"]
    yield "position", f"{market['position']} {base}"
    yield "profit today", f"{market.get('profitToday') or '-'} {quote}"
    yield "profit", f"{market['profit'] or '-'} {quote} (after fees)"
    yield "realised", f"{market['realised']} {quote}"
    yield "fills", ", ".join(f"{count} {side}" for side, count in market["fills"].items()) or "none yet"
    yield "traded", f"{market['traded']} {base}"
    yield (
        "markouts",
        ", ".join(f"{horizon} {bps:.1f} bps" for horizon, bps in _markouts(market["markouts"])) or "none yet",
    )
    yield "feed age", "never heard" if market["feedAgeSeconds"] is None else f"{market['feedAgeSeconds']} s"
    yield "refused", ", ".join(f"{count} {reason}" for reason, count in market["refused"].items()) or "none"
    for word in ("residual", "hedge"):
        if word in market:
            yield word, market[word]


def _markouts(of_series: Sequence[State]) -> Iterator[tuple[str, float]]:
    """Of all sides and layers, by their fills."""
    horizons = dict.fromkeys(each["horizon"] for each in of_series)
    for horizon in horizons:
        of = [each for each in of_series if each["horizon"] == horizon]
        yield horizon, sum(float(each["bps"]) * each["fills"] for each in of) / sum(each["fills"] for each in of)


def _limits(limits: Mapping[str, float]) -> Table:
    made = Table("limit", "used", "", box=None)
    for name, share in limits.items():
        full = min(max(round(share * BAR), 0), BAR)
        colour = "red" if share >= NEARLY else "green"
        made.add_row(name, f"{share:.0%}", f"[{colour}]{'█' * full}[/][dim]{'░' * (BAR - full)}[/]")
    return made
