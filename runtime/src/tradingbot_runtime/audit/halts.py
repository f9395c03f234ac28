"""The halts of a journal, each with what became of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from tradingbot_runtime.audit.causes import released, why
from tradingbot_runtime.audit.steps import HALTED, RESUMED, Step, time_text
from tradingbot_runtime.journal.reading import JournalReader, Row


@dataclass(frozen=True, slots=True)
class ToldHalt:
    """Empty where there is nothing to say, or the journal, of an earlier version, does not know it."""

    id: str
    reason: str
    message: str
    market: str  # that it holds for; empty: all
    at: str
    by: str
    measured: str
    limit: str
    policy: str
    resumed_at: str
    resumed_by: str

    def details(self) -> dict[str, str | bool]:
        """With what became of it."""
        told = {"id": self.id, "reason": self.reason, "message": self.message, "by": self.by,
                "measured": self.measured, "limit": self.limit, "policy": self.policy,
                "resumed_at": self.resumed_at, "resumed_by": self.resumed_by}  # fmt: skip
        return {"in_force": not self.resumed_at} | {name: text for name, text in told.items() if text}


def told_halts(reader: JournalReader) -> list[ToldHalt]:
    """Oldest first."""
    return [_told(row) for row in reader.latches()]


def halt_steps(reader: JournalReader, since_ns: int = 0) -> Iterator[Step]:
    """Halts and releases in the order of their times."""
    steps = []
    for row in reader.latches():
        halt = _told(row)
        details = halt.details()
        steps.append(Step(row["at_ns"], halt.market, "", HALTED, details, who=halt.by, why=why(HALTED, details),
                          halt_id=halt.id))  # fmt: skip
        if row["resumed_ns"] is not None:
            by = {"by": halt.resumed_by} if halt.resumed_by else {}
            steps.append(Step(row["resumed_ns"], halt.market, "", RESUMED, {"id": halt.id, **by}, who=halt.resumed_by,
                              why=released(halt.reason, halt.message), halt_id=halt.id))  # fmt: skip
    return iter(sorted((step for step in steps if step.time_ns >= since_ns), key=lambda step: step.time_ns))


def _told(row: Row) -> ToldHalt:
    resumed_ns = row["resumed_ns"]
    return ToldHalt(
        id=row["id"], reason=row["reason"], message=row["message"], market=row.get("market", ""),
        at=time_text(row["at_ns"]), by=row.get("halted_by", ""), measured=row.get("value", ""),
        limit=row.get("broken_limit", ""), policy=row.get("policy", ""),
        resumed_at="" if resumed_ns is None else time_text(resumed_ns), resumed_by=row["resumed_by"] or "",
    )  # fmt: skip
