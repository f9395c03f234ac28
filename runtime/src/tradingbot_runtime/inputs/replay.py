"""Recorded inputs through the engine once more: every command must be the one that was sent then.

What the engine reads is in its events; a difference means that something else has moved it, or that this program
decides differently from the one that recorded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.order_ids import OrderIds
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.inputs.lines import (
    FORMAT,
    AnyLine,
    Applied,
    BudgetChanged,
    Configured,
    Handled,
    Leaving,
    MarketOpened,
    Renumbered,
    SegmentStarted,
    Sent,
)
from tradingbot_runtime.inputs.segments import read_lines, segments
from tradingbot_runtime.inputs.snapshot import budget_from, differences, market_of
from tradingbot_runtime.model import AnyCommand, Instrument
from tradingbot_runtime.terms import terms_of


@dataclass(frozen=True, slots=True)
class Difference:
    segment: str
    line: int
    what: str
    recorded: str
    replayed: str


@dataclass(slots=True)
class Outcome:
    segments: int = 0
    events: int = 0
    commands: int = 0
    missed: int = 0  # events that were not recorded, as the segments say
    differences: list[Difference] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # segments of another format


@dataclass(slots=True)
class Replay:
    """One recording, segment by segment."""

    outcome: Outcome = field(default_factory=Outcome)
    _config: SlotConfig | None = None
    _ids: OrderIds = field(default_factory=lambda: OrderIds(0, 0, 0))
    _engines: dict[str, Engine] = field(default_factory=dict)
    _references: dict[str, Instrument] = field(default_factory=dict)
    _budgets: dict[str, Budget] = field(default_factory=dict)
    _before: dict[str, Engine] = field(default_factory=dict)  # as the segment before left them
    _decided: tuple[AnyCommand, ...] | None = None  # on the latest event, not compared yet
    _where: tuple[str, int] = ("", 0)

    def segment(self, name: str, lines: Iterable[AnyLine]) -> None:
        """Replay one segment; after a difference the rest of it says nothing more."""
        self.outcome.segments += 1
        for number, line in enumerate(lines, 1):
            found = len(self.outcome.differences)
            if not isinstance(line, Sent):
                self._settle(())
            self._where = (name, number)
            self._take(line)
            if len(self.outcome.differences) > found:
                self._engines = {}
                return
        self._settle(())

    def _take(self, line: AnyLine) -> None:
        match line:
            case SegmentStarted():
                self._start(line)
            case MarketOpened():
                self._open(line)
            case Handled():
                self.outcome.events += 1
                approved = self._engines[line.market].handle(line.event)
                self._decided = tuple(a.command for a in approved)
            case Applied():
                self.outcome.events += 1
                self._engines[line.market].market.apply(line.event)
            case Sent():
                self.outcome.commands += len(line.commands)
                self._settle(line.commands)
            case _:
                self._changed(line)

    def _changed(self, line: Configured | BudgetChanged | Renumbered | Leaving) -> None:
        """By something else than the venue's events."""
        match line:
            case Configured():
                self._configure(SlotConfig.model_validate_json(line.config))
            case BudgetChanged():
                _copy(budget_from(line.budget), self._engines[line.market].budget)
            case Renumbered():
                self._ids.epoch = line.epoch
            case Leaving():
                for engine in self._engines.values():
                    engine.market.terms = engine.market.leaving_nothing()

    def _settle(self, recorded: tuple[AnyCommand, ...]) -> None:
        """Compare what was decided on the latest event."""
        decided, self._decided = self._decided, None
        if decided is not None and decided != recorded:
            self._differ("commands", _lines(recorded), _lines(decided))

    def _start(self, line: SegmentStarted) -> None:
        self.outcome.missed += line.missed
        # Nothing missed, and the same life: the state that the segment before ended with is the one that this begins.
        follows = not line.missed and (line.bot, line.slot, line.epoch) == (
            self._ids.bot, self._ids.slot, self._ids.epoch
        )  # fmt: skip
        self._before = self._engines if follows else {}
        self._engines, self._budgets, self._references = {}, {}, {}
        self._config = SlotConfig.model_validate_json(line.config)
        self._ids = OrderIds(line.bot, line.slot, line.epoch, line.used)

    def _open(self, line: MarketOpened) -> None:
        market = next(m for m in self._loaded.legs if m.name == line.market)
        terms = terms_of(self._loaded, market, line.instrument, line.reference)
        budget = self._budgets.setdefault(line.instrument.venue, budget_from(line.budget))
        _copy(budget_from(line.budget), budget)
        engine = Engine(market_of(line.state, terms), self._ids, budget)
        if line.is_leaving:
            engine.market.terms = engine.market.leaving_nothing()
        self._engines[line.market], self._references[line.market] = engine, line.reference
        if line.market in self._before:
            found = differences(engine.market, self._before[line.market].market)
            for name, (recorded, replayed) in found.items():
                self._differ(f"{name} of market {line.market}", recorded, replayed)

    @property
    def _loaded(self) -> SlotConfig:
        if self._config is None:
            raise ValueError("a segment begins with SegmentStarted")
        return self._config

    def _configure(self, config: SlotConfig) -> None:
        self._config = config
        for market in config.legs:
            engine = self._engines.get(market.name)
            if engine is not None:
                instrument = engine.market.terms.limits.instrument
                engine.market.follow(terms_of(config, market, instrument, self._references[market.name]))

    def _differ(self, what: str, recorded: str, replayed: str) -> None:
        self.outcome.differences.append(Difference(*self._where, what, recorded, replayed))


def replay(folder: Path) -> Outcome:
    """Replay every segment in `folder`, oldest first. Raises OSError, and ConfigError when there is none."""
    found = segments(folder)
    if not found:
        raise ConfigError(f"{folder}: no recorded inputs (*.jsonl.gz)")
    replayed = Replay()
    for path in found:
        try:
            replayed.segment(path.name, _decoded(path))
        except (msgspec.DecodeError, ValueError, KeyError, StopIteration) as error:
            replayed.outcome.unreadable.append(f"{path.name}: {error}")
    return replayed.outcome


def _decoded(path: Path) -> Iterator[AnyLine]:
    decode = msgspec.json.Decoder(AnyLine).decode
    for text in read_lines(path):
        line = decode(text)
        if isinstance(line, SegmentStarted) and line.format != FORMAT:
            raise ValueError(f"written in format {line.format}, known here: {FORMAT}")
        yield line


def _copy(source: Budget, target: Budget) -> None:
    """The markets of a venue share one object."""
    for name in Budget.__slots__:
        setattr(target, name, getattr(source, name))


def _lines(commands: tuple[AnyCommand, ...]) -> str:
    return "\n".join(msgspec.json.encode(command).decode() for command in commands)
