"""`audit`: an order's whole life, or everything since some moment, as a table or as JSON lines."""

import argparse
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from tradingbot_runtime.audit.halts import halt_steps
from tradingbot_runtime.audit.listing import show
from tradingbot_runtime.audit.steps import Step, Steps, time_text
from tradingbot_runtime.audit.tables import page
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.journal.reading import JournalReader, Row
from tradingbot_runtime.standard_output import tell

COLUMNS = ("time (UTC)", "+ms", "market", "order", "who", "what", "why", "details")
SHORTEST = 4  # characters of an id that may stand for it
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def audit(options: argparse.Namespace) -> int:
    """Raises ConfigError for an order that is not there, and JournalError."""
    with JournalReader(options.journal) as reader:
        steps = Steps(reader)
        since_ns = since(options.since) if options.since else 0
        if options.halts:
            return _show(halt_steps(reader, since_ns), "Halts", options)
        if options.order is None:
            return _show(steps.all(since_ns), "Everything since " + time_text(since_ns), options)
        order = find_order(reader, options.order)
        title = f"Order {order['order_id']} of market {order['market']}: {order['state']}"
        told = list(steps.of_order(order["order_id"], since_ns))
        return _show([*told, _end(order, steps, told)], title, options)


def since(text: str, now: datetime | None = None) -> int:
    """Nanoseconds since the epoch, of a moment (ISO 8601, UTC where it names no zone) or of an age such as 90m."""
    try:
        if text[-1:] in _UNITS and text[:-1].isdecimal():
            moment = (now or datetime.now(UTC)) - timedelta(seconds=int(text[:-1]) * _UNITS[text[-1]])
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        wanted = "a moment such as 2026-01-31T08:00 (UTC), or an age such as 90m, 2h, 3d"
        raise ConfigError(f"--since {text!r}: {wanted}") from error
    return int(moment.timestamp()) * 1_000_000_000


def find_order(reader: JournalReader, name: str) -> Row:
    """The order with this id, the beginning or end of one, or the venue's id. Raises ConfigError unless it is one."""
    query = "SELECT * FROM orders WHERE order_id = ?1 OR venue_order_id = ?1"
    found = reader.rows(query, name) if name else []  # one that no venue has taken has no id there
    if not found and len(name) >= SHORTEST:
        pattern = name.replace("%", "").replace("_", "")
        query = "SELECT * FROM orders WHERE order_id LIKE ? OR order_id LIKE ? LIMIT 6"
        found = reader.rows(query, f"{pattern}%", f"%{pattern}")
    if len(found) == 1:
        return found[0]
    if not found:
        wanted = f"an id, or its beginning or end from {SHORTEST} characters on; `inspect` lists those that are open"
        raise ConfigError(f"{reader.path}: no order {name!r}; wanted: {wanted}")
    raise ConfigError(f"{name!r} is more than one order: {', '.join(row['order_id'] for row in found)} ...")


def _end(order: Row, steps: Steps, told: Iterable[Step]) -> Step:
    """How it stands, since the last that was told of it; where nothing is any more, since its creation."""
    units = steps.units(order["market"])
    details = {"price": units.price(order["price"]), "quantity": units.quantity(order["quantity"]),
               "filled": units.quantity(order["filled"]), "venue id": order["venue_order_id"]}  # fmt: skip
    changed_ns = max((step.time_ns for step in told), default=order["created_ns"])
    return Step(changed_ns, order["market"], order["order_id"], f"now {order['state']}", details)


def _show(steps: Iterable[Step], title: str, options: argparse.Namespace) -> int:
    if options.output == "json":
        for step in steps:
            tell(msgspec.json.encode(step.as_json()).decode() + "\n")
        return 0
    show(page(), title, COLUMNS, _rows(steps))
    return 0


def _rows(steps: Iterable[Step]) -> Iterator[tuple[str, ...]]:
    first: int | None = None
    for step in steps:
        first = step.time_ns if first is None else first
        late = f"{(step.time_ns - first) / 1e6:.3f}"
        yield (time_text(step.time_ns), late, step.market, step.order_id[-12:], step.who, step.step, step.why,
               step.as_text())  # fmt: skip
