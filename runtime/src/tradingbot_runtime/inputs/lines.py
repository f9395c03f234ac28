"""What a recording of inputs consists of: one JSON object in a line, `type` names it.

A segment begins with `SegmentStarted`, goes on with one `MarketOpened` for each market, and can be replayed by itself.
The lines of the tick path are written by `recorder`, from these very names.
"""

import msgspec

from tradingbot_runtime.model import AnyCommand, AnyEvent, Instrument

FORMAT = 2


class Line(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    pass


class SegmentStarted(Line, frozen=True, kw_only=True):
    """The slot as it was between two events."""

    format: int = FORMAT
    at_ns: int
    missed: int  # events since the segment before that are not recorded
    config: str  # `SlotConfig.document()`
    bot: int  # as in order ids, like the next three
    slot: int
    epoch: int
    used: int


class MarketOpened(Line, frozen=True, kw_only=True):
    """A market as it was before its first event in this segment."""

    market: str
    instrument: Instrument
    reference: Instrument
    state: dict[str, msgspec.Raw]  # fields of `core.market.Market`
    budget: msgspec.Raw  # of its venue, as it was now
    is_leaving: bool  # the process was ending


class Handled(Line, frozen=True, kw_only=True):
    """An event that the engine decided on."""

    market: str
    event: AnyEvent


class Applied(Line, frozen=True, kw_only=True):
    """An event that changed a market's state without a decision."""

    market: str
    event: AnyEvent


class Sent(Line, frozen=True, kw_only=True):
    """What was decided on the `Handled` before it; without such a line: nothing."""

    commands: tuple[AnyCommand, ...]


class Configured(Line, frozen=True, kw_only=True):
    """A configuration took effect."""

    config: str


class BudgetChanged(Line, frozen=True, kw_only=True):
    """Something else than the engine has changed the budget of a market's venue: the venue's word, a question."""

    market: str
    budget: msgspec.Raw


class Renumbered(Line, frozen=True, kw_only=True):
    """Before the first order: the venue knows orders of this epoch already."""

    epoch: int


class Leaving(Line, frozen=True, kw_only=True):
    """The process ends and leaves no order behind, whatever the configuration says of stops."""


AnyLine = SegmentStarted | MarketOpened | Handled | Applied | Sent | Configured | BudgetChanged | Renumbered | Leaving
