"""Markets to slots: rendezvous hashing, and a hand-over in which no market ever has two slots.

An instrument is `<venue>/<symbol>` of the execution side: a market that is merely renamed is still the same orders.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from tradingbot_runtime.config import Market


def instrument(market: Market) -> str:
    return f"{market.execution.venue}/{market.execution.symbol}"


def rendezvous(instruments: Collection[str], slots: int) -> dict[str, int]:
    """The slot of each instrument; none where there are no slots.

    Each pair has a score and the highest wins, so that one slot more or less moves only that slot's own share.
    """
    return {name: max(range(slots), key=lambda slot: _score(name, slot)) for name in instruments} if slots else {}


def _score(name: str, slot: int) -> bytes:
    return hashlib.sha256(f"{name}|{slot}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Halted:
    """Slots that a halt holds which nobody has resumed; and, by instrument, those of them whose halts hold it."""

    slots: frozenset[int] = frozenset()
    markets: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def document(self) -> str:
        """Of the markets, for the ConfigMap; empty: no halt holds any."""
        content = {name: sorted(of) for name, of in self.markets.items()}
        return json.dumps(content, sort_keys=True, separators=(",", ":")) if content else ""


def deal(instruments: Collection[str], slots: int, holders: Mapping[str, int], halted: Halted) -> dict[str, int]:
    """As `rendezvous`, but a slot that is halted neither gives a market away nor takes another's.

    `holders` has the slot that has each now, or has yet to let go of it: those that are there, and no others.
    """
    free = [slot for slot in range(slots) if slot not in halted.slots]
    found: dict[str, int] = {}
    for name, best in rendezvous(instruments, slots).items():
        has = {holders[name]} if name in holders else halted.markets.get(name, frozenset())
        if best in has or (best in free and not has & halted.slots):
            found[name] = best
        elif kept := [slot for slot in sorted(has) if slot in halted.slots or slot < slots or not free]:
            found[name] = kept[0]
        else:  # a market that is new; where every slot is halted, it starts with the halts of its own
            found[name] = max(free, key=lambda slot: _score(name, slot)) if free else best
    return found


def waited_for(wanted: Mapping[str, int], slots: int, halted: Halted) -> dict[int, bool]:
    """Halted slots without which markets would be dealt otherwise, and whether they have any of these."""
    waits: dict[int, bool] = {}
    for name, best in rendezvous(wanted, slots).items():
        slot = wanted[name] if wanted[name] in halted.slots else best
        if wanted[name] != best:
            waits[slot] = waits.get(slot, False) or slot == wanted[name]
    return waits


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who may trade what (`granted`), and who has yet to prove that it stopped (`releasing`)."""

    granted: Mapping[str, int]
    releasing: Mapping[str, int]
    doubted: frozenset[int] = frozenset()  # slots of which no record says what they had, and that have not let go


def hand_over(wanted: Mapping[str, int], now: Assignment, released: Callable[[int, str], bool]) -> Assignment:
    """The next step from `now` to `wanted`: release, then acquire.

    `released(slot, instrument)` says whether the slot is proved to have nothing of the instrument in the market. An
    instrument is granted only when it has no slot, is being released by none, or returns to the one that it had.
    """
    granted: dict[str, int] = {}
    releasing = {name: slot for name, slot in now.releasing.items() if not released(slot, name)}
    for name, slot in now.granted.items():
        if wanted.get(name) == slot:
            granted[name] = slot
        else:
            releasing[name] = slot  # also when it looks released already: it still has it in its configuration
    for name, slot in wanted.items():
        if releasing.get(name, slot) == slot:
            releasing.pop(name, None)
            granted[name] = slot
    return Assignment(granted, releasing)


def with_hedges(now: Assignment, wanted: Mapping[str, str], before: Mapping[str, int]) -> Assignment:
    """The same step for what the markets hedge with: it comes and goes with its market, and has one slot as well.

    `wanted`: the instrument that each market hedges with, by the market's own; `before`: the slot of each up to now.
    """
    granted, releasing = dict(now.granted), dict(now.releasing)
    kept = {hedge: granted[name] for name, hedge in wanted.items() if name in granted}
    releasing |= {hedge: slot for hedge, slot in before.items() if kept.get(hedge) != slot}
    for name, hedge in wanted.items():
        slot = granted.get(name)
        if slot is None:
            continue
        if releasing.get(hedge, slot) == slot:
            releasing.pop(hedge, None)
        else:
            del granted[name]  # another slot has yet to let go of what it would hedge with
    return Assignment(granted, releasing)


def held_back(
    step: Assignment, before: Mapping[str, int], hedged: Mapping[str, str], doubted: frozenset[int]
) -> Assignment:
    """Without what a slot would get now and another one may have: one of `doubted`, as no record says what they had.

    `before`: what each slot had up to now, by the records that there are; `hedged`: what each market hedges with.
    """
    granted, releasing = dict(step.granted), dict(step.releasing)
    for name, slot in step.granted.items():
        gets = [one for one in (name, hedged.get(name)) if one is not None and before.get(one) != slot]
        if gets and doubted - {slot}:
            del granted[name]
            if name not in gets:
                releasing[name] = slot  # it had the market, and not yet what it hedges with
    return Assignment(granted, releasing, doubted)
