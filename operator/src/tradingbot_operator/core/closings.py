"""What slots have said of the instruments that they let go of, kept until the next slot has it in its configuration.

A market that moves takes its account along: position, cost, the day's profit. Until the slot that had it has said so,
no other slot gets it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tradingbot_operator.core import names
from tradingbot_operator.core.assignment import instrument
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.heard import TOO_LONG
from tradingbot_operator.core.observed import Manifest, Pod
from tradingbot_operator.core.outcome import Announcement
from tradingbot_operator.core.written import parsed
from tradingbot_runtime.config import CarriedMarket, Market, Mode, SlotConfig
from tradingbot_runtime.model.control import ClosingStatement

Accounts = tuple[CarriedMarket, ...]  # of one instrument; none: there is nothing to be carried


@dataclass(frozen=True, slots=True)
class Statements:
    """By instrument. `handed` was given to the slot that is to let go of it now, which may not have taken it over."""

    said: Mapping[str, Accounts] = field(default_factory=dict)
    handed: Mapping[str, Accounts] = field(default_factory=dict)

    def document(self) -> str:
        """Empty where there is nothing to be kept."""
        parts = {"said": self.said, "handed": self.handed}
        content = {part: {name: [one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in accounts]
                          for name, accounts in found.items()} for part, found in parts.items()}  # fmt: skip
        return json.dumps(content, sort_keys=True, separators=(",", ":")) if self.said or self.handed else ""

    def given_with(self, name: str) -> Accounts:
        """What a slot gets with an instrument that it gets anew; also one that has it back before it had let go."""
        return self.said[name] if name in self.said else self.handed.get(name, ())


def stored(config_map: Manifest | None) -> Statements:
    """As the ConfigMap has them; what this version cannot read is as if it had not been said."""
    document = ((config_map or {}).get("data") or {}).get(names.CLOSED)
    if not document:
        return Statements()
    try:
        content = parsed(document)
        parts = ({name: tuple(map(CarriedMarket.model_validate, accounts)) for name, accounts in content[part].items()}
                 for part in ("said", "handed"))  # fmt: skip
        return Statements(*parts)
    except (ValueError, LookupError, AttributeError, TypeError):
        return Statements()


def held_by(slot: int, config: SlotConfig | None, releasing: Mapping[str, int]) -> frozenset[str]:
    """Instruments that a slot trades, or has yet to let go of."""
    trades = map(instrument, config.legs) if config else ()
    return frozenset(trades) | {name for name, holder in releasing.items() if holder == slot}


def said(pod: Pod, config: SlotConfig | None, name: str, handed: Accounts) -> Accounts | None:
    """What the slot of `pod` says of an instrument that `config` does not give it any more; None: nothing yet.

    A process that knows of no account of it, and runs by `config`, has never traded it. What was handed to it counts
    as long as it has not taken that over: its own account is from before then.
    """
    report = pod.stream.report
    if report is None or not pod.stream.connected:
        return None
    if report.closed is None:
        return handed  # a runtime from before
    found = [statement for statement in report.closed if f"{statement.venue}/{statement.symbol}" == name]
    if not found and (config is None or report.config_hash != config.config_hash()):
        return None
    open_still = {(one.market, one.paper): one for one in handed}
    for statement in found:
        last = open_still.get((statement.market, statement.paper))
        if last is None or last.id == statement.follows:
            open_still[statement.market, statement.paper] = _carried(statement)
    return tuple(one for one in open_still.values() if one.account or one.missing)


def _carried(statement: ClosingStatement) -> CarriedMarket:
    carried = CarriedMarket(id=statement.id, market=statement.market, paper=statement.paper, account=statement.account,
                            instrument=f"{statement.venue}/{statement.symbol}", summary=statement.summary)  # fmt: skip
    if statement.account != TOO_LONG:
        return carried
    why = "the slot that had it has said more of its account than anybody can take over: look at its journal"
    return carried.model_copy(update={"account": "", "missing": why})


@dataclass(frozen=True, slots=True)
class Gone:
    """A slot that is no more, with its last configuration and what had been handed to it of one instrument."""

    slot: int
    config: SlotConfig | None
    handed: Accounts


def of_a_slot_that_is_gone(gone: Gone, name: str, mode: Mode, legs: Iterable[Market]) -> Accounts:
    """Its account is in a volume that nobody reads: unless it never ran, a person must look before others go on."""
    epoch = gone.config.epoch if gone.config else 0
    if mode is Mode.PAPER or epoch == 0:
        return gone.handed
    market = next((leg.name for leg in legs if instrument(leg) == name), None)
    if market is None:
        return gone.handed  # nobody wants it any more
    why = (f"slot {gone.slot} is gone and has not said what became of it; its volume is kept: scale back to see its "
           "journal (tradingbot-runtime inspect), or resume to begin without its position")  # fmt: skip
    return (CarriedMarket(id=f"{gone.slot}.{epoch}.gone", market=market, instrument=name, missing=why),)


@dataclass(frozen=True, slots=True)
class HandOver:
    """Configurations with what their slots take over, and what is left for later."""

    slots: Mapping[int, SlotConfig]
    left: Statements
    taken: tuple[tuple[int, CarriedMarket], ...] = ()  # by the slots that get it now


def hand_to(
    slots: Mapping[int, SlotConfig], before: Mapping[int, SlotConfig], told: Statements, releasing: Mapping[str, int]
) -> HandOver:
    """Each instrument that a slot gets anew brings its account, which stays in its configuration as long as it does.

    An account that nobody takes is kept: the market may come back. That there is none is kept while it is on its way.
    """
    made, taken, held = {}, [], set()
    handed = {name: accounts for name, accounts in told.handed.items() if name in releasing}
    for slot, config in slots.items():
        has = {instrument(leg) for leg in config.legs}
        had = {instrument(leg) for leg in before[slot].legs} if slot in before else set()
        kept = [one for one in _brought(before.get(slot)) if one.instrument in had & has]
        new = [one for name in sorted(has - had) for one in told.given_with(name)]
        made[slot] = config.model_copy(update={"carried": [*kept, *new] or None})
        taken += [(slot, one) for one in new]
        held |= has
    for slot, config in before.items():
        for name in {one.instrument for one in _brought(config)} & {n for n, by in releasing.items() if by == slot}:
            handed.setdefault(name, tuple(one for one in _brought(config) if one.instrument == name))
    kept_said = {name: accounts for name, accounts in told.said.items()
                 if name not in held and (accounts or name in releasing)}  # fmt: skip
    return HandOver(made, Statements(kept_said, handed), tuple(taken))


def _brought(config: SlotConfig | None) -> Iterable[CarriedMarket]:
    return (config.carried if config else None) or ()


def handed_over(taken: Iterable[tuple[int, CarriedMarket]]) -> tuple[Announcement, ...]:
    """An Event for each account that a slot goes on with, and for each that nobody knows."""
    return tuple(
        Announcement(Reason.HANDED_OVER, f"slot {slot} takes market {one.market}: {one.missing or one.summary}",
                     warning=bool(one.missing))
        for slot, one in taken
    )  # fmt: skip
