"""A journal's records as steps that a person can follow: what was seen, decided, sent and answered."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from tradingbot_runtime.audit.causes import RUNTIME, released, who, why, why_decided
from tradingbot_runtime.journal.reading import JournalReader, Row
from tradingbot_runtime.model import ASSET_EXPONENT, Instrument

HALTED, RESUMED = "Halted", "Resumed"
_SECOND = 1_000_000_000
_PRICES = ("price", "venue_bid", "venue_ask", "bid", "ask")
_QUANTITIES = ("quantity", "executed", "base")
_TIMES = ("venue_time_ns", "at_ns")
_NAMES = {"halt_id": "id"}  # what a record calls otherwise than all the rest does
_OF_A_HALT = {"id": "id", "reason": "reason", "message": "message", "market": "market", "by": "by",
              "measured": "value", "limit": "limit", "policy": "policy"}  # fmt: skip
_HEADER = frozenset({"type", "time_ns", "order_id", "document"})  # `inspect` prints the configuration
_TOLD_AS_WHY = frozenset({"reason", "message", "why", "by"})  # in the columns of their own


@dataclass(frozen=True, slots=True)
class Step:
    time_ns: int
    market: str
    order_id: str  # empty: of no single order
    step: str
    details: Mapping[str, Any] = field(default_factory=dict)  # text, or what JSON has for lists and objects
    who: str = RUNTIME
    why: str = ""
    halt_id: str = ""

    def as_json(self) -> dict[str, Any]:
        """The names are documented in docs/reference/journal.md, and stay."""
        return {"time": time_text(self.time_ns), "who": self.who, "what": self.step, "why": self.why,
                "market": self.market, "order_id": self.order_id, "halt_id": self.halt_id,
                "details": dict(self.details)}  # fmt: skip

    def as_text(self) -> str:
        """The details on one line, but for what stands beside them."""
        rest = ((name, value) for name, value in self.details.items() if name not in _TOLD_AS_WHY)
        return ", ".join(f"{name} {_text(value)}" for name, value in rest)


def time_text(time_ns: int) -> str:
    """UTC, ISO 8601, to the microsecond."""
    seconds, rest = divmod(time_ns, _SECOND)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest // 1000:06}Z"


@dataclass(frozen=True, slots=True)
class Units:
    """The decimals of one market; of a market whose instrument is not known, bare integers."""

    instrument: Instrument | None
    reference: Instrument | None

    def price(self, ticks: int) -> str:
        return self.instrument.price_text(ticks) if self.instrument else f"{ticks} ticks"

    def quantity(self, lots: int) -> str:
        return self.instrument.quantity_text(lots) if self.instrument else f"{lots} lots"

    def money(self, money: int) -> str:
        return self.instrument.money_text(money) if self.instrument else f"{money} money units"

    def reference_price(self, ticks: int) -> str:
        return self.reference.price_text(ticks) if self.reference else f"{ticks} ticks"


@dataclass(slots=True)
class Steps:
    """Of one journal, in the order in which they were committed."""

    reader: JournalReader
    _units: dict[str, Units] = field(default_factory=dict)
    _released: dict[str, str] = field(default_factory=dict)  # by halt: what its release accepted

    def __post_init__(self) -> None:
        self._released = {row["id"]: released(row["reason"], row["message"]) for row in self.reader.latches()}
        instruments, references = self.reader.instruments(), self.reader.references()
        self._units = {name: Units(found, references.get(name)) for name, found in instruments.items()}

    def all(self, since_ns: int = 0) -> Iterator[Step]:
        yield from self._of(self.reader.in_order("events", "time_ns >= ?", since_ns))

    def of_order(self, order_id: str, since_ns: int = 0) -> Iterator[Step]:
        where = "time_ns >= ? AND instr(payload, CAST(? AS BLOB)) > 0"
        rows = self.reader.in_order("events", where, since_ns, order_id)
        return (step for step in self._of(rows) if step.order_id == order_id)

    def units(self, market: str) -> Units:
        return self._units.get(market, Units(None, None))

    def _of(self, rows: Iterable[Row]) -> Iterator[Step]:
        for row in rows:
            record = self.reader.decoded(row["payload"], dict)
            if row["kind"] == "Decided":
                yield from self._decided(row["market"], record)
            elif row["kind"] == HALTED:
                yield _halted(row["time_ns"], record["halt"])
            else:
                yield self._recorded(row["time_ns"], row["market"], row["kind"], record)

    def _recorded(self, time_ns: int, market: str, kind: str, record: Mapping[str, Any]) -> Step:
        halt_id = str(record.get("halt_id", ""))
        return Step(
            time_ns, market, str(record.get("order_id", "")), kind, self._details(market, record),
            who=who(kind, record, market, self.units(market).instrument),
            why=why(kind, record) or self._released.get(halt_id, ""), halt_id=halt_id,
        )  # fmt: skip

    def _decided(self, market: str, record: Mapping[str, Any]) -> Iterator[Step]:
        """What was seen, once for each order; the commands, which risk has approved; what risk refused beside them."""
        units, seen_for = self.units(market), set()
        for command in record["commands"]:
            for order_id, step, what in _moves(command):
                if order_id not in seen_for:
                    seen_for.add(order_id)
                    yield Step(record["time_ns"], market, order_id, "Seen", _seen(record, units))
                details = {"risk": "approved", **self._details(market, what)}
                yield Step(record["time_ns"], market, order_id, step, details, why=why_decided(step, what))
        if not record["commands"]:  # risk let none of it through
            yield Step(record["time_ns"], market, "", "Seen", _seen(record, units))
        for side, price, quantity, reason, message in record.get("refused", ()):
            told = {"side": side, "price": units.price(price), "quantity": units.quantity(quantity), "why": message}
            yield Step(record["time_ns"], market, "", f"Refused{reason}", told, why=f"{reason}: {message}")

    def _details(self, market: str, record: Mapping[str, Any]) -> dict[str, Any]:
        units = self.units(market)
        is_balance = record.get("type") == "BalancesReported"
        details: dict[str, Any] = {}
        for name, value in record.items():
            if name in _HEADER or value in ("", None, []) or (name in _TIMES and not value):
                continue
            text: Any
            if name in _PRICES:
                text = units.price(value)
            elif name in _QUANTITIES and not is_balance:
                text = units.quantity(value)
            elif name in ("fee", "base"):
                text = format(Decimal(value).scaleb(ASSET_EXPONENT).normalize(), "f")
            elif name == "quote":
                text = units.money(value)
            elif name in _TIMES:
                text = time_text(value)
            else:
                text = value if isinstance(value, list | dict) else _text(value)
            details[_NAMES.get(name, name)] = text
        return details


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _halted(time_ns: int, halt: Mapping[str, Any]) -> Step:
    """When it began; what became of it is told where halts are."""
    told = {name: halt.get(field_, "") for name, field_ in _OF_A_HALT.items()}
    details = {name: text for name, text in told.items() if text and name != "market"}
    return Step(time_ns, told["market"], "", HALTED, details, who=told["by"], why=why(HALTED, told), halt_id=told["id"])


def _moves(command: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(order, step, what is told of it) for each order that a command is about."""
    kind = command["type"]
    if kind == "CancelAll":
        for order_id in command["order_ids"]:
            yield order_id, "CancelDecided", {"by": "CancelAll"}
        return
    if kind == "Replace":
        yield command["replaces"], "CancelDecided", {"by": "Replace", "replaced_by": command["order_id"]}
    names = {"Place": "PlaceDecided", "Replace": "PlaceDecided", "Cancel": "CancelDecided"}
    yield command["order_id"], names.get(kind, kind), command


def _venue(record: Mapping[str, Any], units: Units) -> str:
    if not record.get("venue_known", True):
        return "unknown"
    sides = (record["venue_bid"], record["venue_ask"])
    return " / ".join("nobody" if side is None else units.price(side) for side in sides)


def _seen(record: Mapping[str, Any], units: Units) -> dict[str, str]:
    return {
        "reference": f"{units.reference_price(record['reference_bid'])} / "
        f"{units.reference_price(record['reference_ask'])} (update {record['update_id']})",
        "venue": _venue(record, units),
        "holds": f"{units.quantity(record['base'])} base, {units.money(record['quote'])} quote",
        "wanted": f"{len(record['quotes'])} quotes",
    }
