"""The halts of a bot: which hold, which a person has released, and what the slots have yet to be told. Pure.

A halt is never forgotten because nobody mentions it: it holds until the slot's runtime lists it as resumed. Until then
it stands in the status and in the slot's configuration, so that a fresh pod starts halted, also on an empty volume.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tradingbot_operator.api.v1alpha1 import AnsweredResume, HaltStatus
from tradingbot_operator.api.v1alpha1.tradingbot import MAX_HALTS
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Bot, Observed, Pod, StopOrder, Stream
from tradingbot_operator.core.outcome import HaltSlot, ResumeSlot
from tradingbot_operator.core.resumes import answered, consented
from tradingbot_runtime.config import HaltLatch, OnBreach, ResumedHalt, SlotConfig
from tradingbot_runtime.config.slot import HALTS_MOST
from tradingbot_runtime.model.control import GLOBAL_HALT

OPERATOR = "operator"
LAID = ("at", "by", "message", "trading_halt", "trading_halt_uid", "until_deleted")
BY_ANNOTATION = f"annotation {names.RESUME}"


@dataclass(frozen=True, slots=True)
class Halts:
    """`in_force` by slot and id; `resumed`, by slot: released by a person, and not confirmed by the runtime yet."""

    in_force: tuple[HaltStatus, ...] = ()
    resumed: Mapping[int, tuple[ResumedHalt, ...]] = field(default_factory=dict)
    answered: AnsweredResume | None = None  # what has become of the annotation that resumes

    @property
    def unreleased(self) -> tuple[HaltStatus, ...]:
        """What nobody has resumed."""
        released = {(slot, halt.id) for slot, resumed in self.resumed.items() for halt in resumed}
        return tuple(halt for halt in self.in_force if (halt.slot, halt.id) not in released)

    @property
    def slots(self) -> frozenset[int]:
        """That one of these holds; also of slots that are no more."""
        return frozenset(halt.slot for halt in self.unreleased)

    def sorted_with(self, more: Iterable[HaltStatus]) -> tuple[HaltStatus, ...]:
        return _oldest_first([*self.in_force, *more])

    def configured(self, slot: int, config: SlotConfig) -> SlotConfig:
        """`config` with what a fresh pod of the slot has to know of halts."""
        released = self.resumed.get(slot, ())
        gone = {halt.id for halt in released}
        latches = [HaltLatch(id=halt.id, reason=halt.reason, policy=halt.policy)
                   for halt in self.in_force if halt.slot == slot and halt.id not in gone]  # fmt: skip
        # The oldest of more than a configuration may have: it is halted by any of them, and the next ones come up.
        return config.model_copy(update={"halts": latches[:HALTS_MOST], "resumed": list(released[:HALTS_MOST])})

    def holds(self, slot: int, halt_id: str) -> bool:
        """Whether it is in force, and nobody has released it."""
        released = any(halt.id == halt_id for halt in self.resumed.get(slot, ()))
        return not released and any((halt.slot, halt.id) == (slot, halt_id) for halt in self.in_force)

    def awaited(self, pods: Iterable[Pod]) -> frozenset[tuple[int, str]]:
        """By slot and id: released, and their runtimes either are not heard or were told and have yet to obey."""
        streams = {pod.ordinal: pod.stream for pod in pods if pod.stream.connected}
        return frozenset(
            (slot, halt.id) for slot, released in self.resumed.items() for halt in released
            if slot not in streams or halt.id in streams[slot].resumes_ordered
        )  # fmt: skip

    def orders(self, pods: Iterable[Pod]) -> tuple[HaltSlot | ResumeSlot, ...]:
        """What the slots have to be told over their streams; each once on a connection."""
        return tuple(order for pod in pods if pod.stream.connected for order in self._orders(pod))

    def _orders(self, pod: Pod) -> Iterable[HaltSlot | ResumeSlot]:
        reported = {halt.id for halt in pod.stream.report.halts} if pod.stream.report else set()
        released = {halt.id: halt.by for halt in self.resumed.get(pod.ordinal, ())}
        for halt in self.in_force:
            if halt.slot != pod.ordinal or (halt.id in released) is not (halt.id in reported):
                continue
            if halt.id in reported and halt.id not in pod.stream.resumes_ordered:
                yield ResumeSlot(pod.name, halt.id, released[halt.id])
            elif halt.id not in reported and halt.id not in pod.stream.halts_ordered:
                yield HaltSlot(pod.name, halt)


def halts(
    bot: Bot,
    observed: Observed,
    before: Mapping[int, SlotConfig],
    slots: Collection[int],
    found: Iterable[HaltStatus] = (),
) -> Halts:
    """`before` is what the slots were configured with; `slots` those that the bot has now.

    `found` are halts that the operator has found out itself: what they stand for is still so.
    """
    known = _known(bot, observed, before)
    streams = {pod.ordinal: pod.stream for pod in observed.pods if pod.stream.connected}
    for slot, stream in streams.items():
        _heard(known, slot, stream, observed.now)
    for order in observed.stop_orders:
        for slot in slots if order.selected else ():
            report = streams[slot].report if slot in streams else None
            _lay(known, order, HaltPlace(slot, report.resumed if report else (), observed.now))
    known |= {key: halt for halt in found if (key := (halt.slot, halt.id)) not in known and halt.slot in slots}
    answer = answered(bot, known.values(), observed.standing)
    released = _released(observed, before, consented(bot, answer), known)
    for slot, stream in streams.items():
        released[slot] = _still_held(known, slot, stream, released.get(slot, ()))
    _forget_of_the_gone(known, slots, released)
    return Halts(_oldest_first(known.values()), released, answer)


def _oldest_first(halts: Iterable[HaltStatus]) -> tuple[HaltStatus, ...]:
    """As many as a status takes; one of each slot at least."""
    ranked, of_slot = [], Counter[int]()
    for halt in sorted(halts, key=_age):
        of_slot[halt.slot] += 1
        ranked.append((of_slot[halt.slot] > 1, halt))
    ranked.sort(key=lambda found: found[0])
    return tuple(sorted((halt for _, halt in ranked[:MAX_HALTS]), key=_age))


def _age(halt: HaltStatus) -> tuple[str, int, str]:
    return (halt.at, halt.slot, halt.id)


def _forget_of_the_gone(
    known: "Known", slots: Collection[int], released: Mapping[int, tuple[ResumedHalt, ...]]
) -> None:
    """Nobody is there to confirm the release. A bot without slots waits for them: they come back as they went."""
    for slot, resumed in released.items():
        for halt in resumed if slots and slot not in slots else ():
            known.pop((slot, halt.id), None)


Known = dict[tuple[int, str], HaltStatus]  # by slot and id


def _known(bot: Bot, observed: Observed, before: Mapping[int, SlotConfig]) -> Known:
    """By the status and, should that be lost, by the slots' configuration."""
    known = {(halt.slot, halt.id): halt for halt in bot.status.halts}
    for slot, config in before.items():
        released = [HaltLatch(id=halt.id, reason=Reason.HALTED) for halt in config.resumed]  # unconfirmed
        for latch in (*config.halts, *released):
            restored = HaltStatus(id=latch.id, slot=slot, reason=latch.reason, at=observed.now, by=OPERATOR,
                                  policy=latch.policy, confirmed=False)  # fmt: skip
            known.setdefault((slot, latch.id), restored)
    return known


def _heard(known: Known, slot: int, stream: Stream, now: str) -> None:
    """The runtime's word: what it holds, and what it was told to release. It may not know what it has lost."""
    report = stream.report
    if report is None:
        return
    for halt_id in report.resumed:
        known.pop((slot, halt_id), None)
    held = {halt.id for halt in report.halts}
    for key, halt in known.items():
        if key[0] == slot and halt.confirmed and halt.id not in held:
            known[key] = halt.model_copy(update={"confirmed": False})
    for held_now in report.halts:
        old = known.get((slot, held_now.id))
        fresh = HaltStatus(
            id=held_now.id, slot=slot, reason=held_now.reason, at=stream.halt_times.get(held_now.id, now),
            by=held_now.by, value=held_now.value or (old.value if old else ""), message=held_now.message,
            limit=held_now.limit or (old.limit if old else ""), policy=OnBreach(held_now.policy),
        )  # fmt: skip
        laid = old is not None and (old.trading_halt_uid or fresh.by == OPERATOR)
        known[(slot, held_now.id)] = fresh.model_copy(update=_laying(old)) if old and laid else fresh


def _laying(halt: HaltStatus) -> dict[str, object]:
    """What the runtime does not know of a halt that the operator has laid: it came with its configuration."""
    return {name: getattr(halt, name) for name in LAID}


@dataclass(frozen=True, slots=True)
class HaltPlace:
    slot: int
    resumed: tuple[str, ...]  # ids that the slot's runtime would not latch again
    now: str

    def halt_id(self, order: StopOrder) -> str:
        """At most 56 characters; the UID's first eight tell it from another one's of the same name.

        A bot that was deselected and resumed, and is selected again, gets another one.
        """
        return free_id(f"{order.name}-{order.uid[:8]}-{self.slot}", self.resumed)


def free_id(name: str, resumed: Sequence[str]) -> str:
    """`name`, or the next one after it that a runtime which has released `resumed` latches."""
    ids = (name, *(f"{name}.{again}" for again in range(2, len(resumed) + 3)))
    return next(halt_id for halt_id in ids if halt_id not in resumed)


def _lay(known: Known, order: StopOrder, place: HaltPlace) -> None:
    key = (place.slot, place.halt_id(order))
    new = HaltStatus(
        id=key[1], slot=place.slot, reason=GLOBAL_HALT, at=place.now, by=f"TradingHalt/{order.name}",
        message=order.reason, policy=OnBreach.FLATTEN if order.flatten else OnBreach.CANCEL_ALL, confirmed=False,
    )  # fmt: skip
    # Also of a known one: it may have come back from the configuration, which knows its id and its policy only.
    old = known.get(key, new)
    told = {"by": new.by, "message": new.message} if old.by == OPERATOR or not old.message else {}
    laid = {"trading_halt": order.name, "trading_halt_uid": order.uid, "until_deleted": order.until_deleted}
    known[key] = old.model_copy(update=told | laid)


def _still_held(known: Known, slot: int, stream: Stream, released: tuple[ResumedHalt, ...]) -> tuple[ResumedHalt, ...]:
    """Those that the runtime has yet to release. One that it does not hold, on an empty volume, is gone."""
    held = {halt.id for halt in stream.report.halts} if stream.report else {halt.id for halt in released}
    for halt in released:
        if halt.id not in held:
            known.pop((slot, halt.id), None)
    return tuple(halt for halt in released if halt.id in held)


def _released(
    observed: Observed, before: Mapping[int, SlotConfig], asked: Collection[str], known: Known
) -> dict[int, tuple[ResumedHalt, ...]]:
    """A halt of a TradingHalt that is still there cannot be released: it would be laid again at once.

    `before` has what was released and is not confirmed yet; `asked` are the ids that a person resumes.
    """
    existing, standing = {order.uid for order in observed.stop_orders}, observed.standing
    pending = {(slot, r.id): r.by for slot, config in before.items() for r in config.resumed}
    found: dict[int, tuple[ResumedHalt, ...]] = {}
    for (slot, halt_id), halt in sorted(known.items()):
        by = pending.get((slot, halt_id), "")
        if halt_id in asked:
            by = by or BY_ANNOTATION
        elif halt.trading_halt_uid and halt.until_deleted and halt.trading_halt_uid not in existing:
            by = by or f"deletion of TradingHalt/{halt.trading_halt}"
        if by and halt.trading_halt_uid not in standing:
            found[slot] = (*found.get(slot, ()), ResumedHalt(id=halt_id, by=by))
    return found
