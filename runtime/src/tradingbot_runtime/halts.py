"""The halts of a slot: latched in the journal, held over restarts, and released one by one, by name."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import structlog

from tradingbot_runtime.config import OnBreach, SlotConfig
from tradingbot_runtime.core.breaches import Breach
from tradingbot_runtime.journal import Halted, Journal, Resumed
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.model.control import BY_HAND, RESUMED_MOST, Halt

log = structlog.get_logger("halts")

MESSAGE_MOST = 512
HELD_MOST = 100  # as many as status and configuration list; a slot that is halted needs no more
BY_MOST = 253
MILDEST_FIRST = (OnBreach.REDUCE_ONLY, OnBreach.CANCEL_ALL, OnBreach.FLATTEN)


def resumed(journal: Journal, halt_id: str, by: str, now_ns: Nanos) -> bool:
    """Whether a halt of this id was in force; it is released, with who did it and when. Raises JournalError."""
    if not journal.latches.release(halt_id, by, now_ns):
        return False
    journal.write("", [Resumed(time_ns=now_ns, halt_id=halt_id, by=by)], [])
    return True


@dataclass(slots=True)
class Halts:
    journal: Journal
    now_ns: Callable[[], Nanos]
    prefix: str  # of the ids: bot and slot
    held: list[Halt] = field(default_factory=list)  # in force, oldest first
    resumed: tuple[str, ...] = ()  # ids, the last one first
    latched: Counter[str] = field(default_factory=Counter)  # by reason, since this process began

    def is_held_by(self, by: str) -> bool:
        """Whether a halt that `by` asked for is in force."""
        return any(halt.by == by for halt in self.held)

    def take(self, config: SlotConfig) -> list[Halt]:
        """What the configuration says of halts: those that hold, and those that were released; the latter's list."""
        self.held = self.journal.latches.held()
        self.resumed = self.journal.latches.released(RESUMED_MOST)
        for latch in config.halts:
            self.ordered(Halt(id=latch.id, reason=latch.reason, at_ns=self.now_ns(), policy=latch.policy,
                              message="by configuration", by="operator"))  # fmt: skip
        known = {halt.id for halt in self.held}
        return [halt for r in config.resumed if r.id in known for halt in self.release(r.id, r.by)]

    def breached(self, market: str, breach: Breach, policy: OnBreach) -> bool:
        """Latch a broken limit; False when the same one is latched for this market already.

        By a milder policy it is latched anew: an approval of what that one did is none of what this one does.
        """
        policies = [halt.policy for halt in self.held if (halt.reason, halt.market) == (breach.reason, market)]
        if any(MILDEST_FIRST.index(OnBreach(held)) >= MILDEST_FIRST.index(policy) for held in policies):
            return False
        message = f"market {market}: {breach.message}"[:MESSAGE_MOST]
        self._latch(breach.reason, policy, message=message, market=market, value=breach.value, limit=breach.limit)
        return True

    def asked(self, reason: str, by: str, message: str, policy: OnBreach = OnBreach.CANCEL_ALL) -> Halt:
        """Latch a halt that somebody asked for; asked for once more, it is the same halt."""
        message = message[:MESSAGE_MOST]
        for halt in self.held:
            if (halt.reason, halt.by, halt.message, halt.policy) == (reason, by[:BY_MOST], message, policy):
                return halt
        if len(self.held) >= HELD_MOST:
            return self.held[-1]
        return self._latch(reason, policy, message=message, by=by[:BY_MOST])

    def ordered(self, halt: Halt) -> bool:
        """Latch a halt that has its name already; False when it is known, one that was released included."""
        if not self.journal.latches.add(halt):
            return False
        self.journal.write("", [Halted(time_ns=self.now_ns(), halt=halt)], [])
        self.held.append(halt)
        self.latched[halt.reason] += 1
        log.error("Halted", halt_id=halt.id, reason=halt.reason, policy=halt.policy, market=halt.market, by=halt.by,
                  message=halt.message, value=halt.value, limit=halt.limit)  # fmt: skip
        return True

    def release(self, halt_id: str, by: str) -> list[Halt]:
        """Release the halt of this id, and no other; what was released."""
        if not resumed(self.journal, halt_id, by, self.now_ns()):
            return []
        released = [halt for halt in self.held if halt.id == halt_id]
        self.held = [halt for halt in self.held if halt.id != halt_id]
        self.resumed = (halt_id, *self.resumed)[:RESUMED_MOST]
        log.warning("HaltResumed", halt_id=halt_id, by=by, left=[halt.id for halt in self.held])
        return released

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(halt.id for halt in self.held)

    def circumstances(self) -> dict[str, object]:
        """What follows for the slot's standing. A halt by hand that does not say so ends a running flattening."""
        reducing = OnBreach.REDUCE_ONLY
        stopping = [halt for halt in self.held if halt.policy != reducing]
        by_hand = [halt for halt in stopping if halt.reason in BY_HAND]
        return {
            "halts": tuple(halt.reason for halt in stopping),
            "reductions": tuple(halt.reason for halt in self.held if halt.policy == reducing),
            "flatten": any(halt.policy == OnBreach.FLATTEN for halt in stopping)
            and all(halt.policy == OnBreach.FLATTEN for halt in by_hand),
        }

    def _latch(self, reason: str, policy: OnBreach, **told: str) -> Halt:
        now_ns = self.now_ns()
        for at_ns in count(now_ns):  # two markets may break a limit at one moment
            halt = Halt(id=f"{self.prefix}-{at_ns:x}", reason=reason, at_ns=now_ns, policy=policy, **told)
            if self.ordered(halt):
                break
        return halt
