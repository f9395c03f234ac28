"""The configuration that is in effect, in the journal: what is audited, and what a start is compared with."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import structlog

from tradingbot_runtime.config import Risk, SlotConfig
from tradingbot_runtime.core.risk.loosening import loosened
from tradingbot_runtime.journal import ConfigApplied, ConfigRefused, Journal
from tradingbot_runtime.journal.journal import CONFIG
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.model.control import ConfigAnswered
from tradingbot_runtime.newer_config import understood

log = structlog.get_logger("slot")

OPERATOR, MANIFEST = "operator", "manifest"  # who has written what a process starts from


def note_config(journal: Journal, config: SlotConfig, before: SlotConfig | None, now_ns: Nanos, by: str = "") -> None:
    """Journal `config`, unless it is the one that was; it came from `by`, or else with the start of the process.

    Limits are compared with those `before`, which are the journal's where a process starts.
    """
    document, kept = config.document(), journal.meta(CONFIG)
    if kept == document:
        return
    why = f"pushed while running, generation {config.generation}" if by else "the process started with it"
    before, hashed = before or understood(kept), config.config_hash()
    wider = loosened(before.risk, config.risk) if before is not None else ()
    widened = tuple(_told(before.risk, config.risk, wider)) if before is not None else ()
    by = by or (OPERATOR if config.lease is not None else MANIFEST)
    applied = ConfigApplied(time_ns=now_ns, config_hash=hashed, document=document, loosened=wider, widened=widened,
                            by=by, why=why)  # fmt: skip
    journal.write("", [applied], [])
    log.info("ConfigApplied", config_hash=hashed)
    if wider:
        log.warning("LimitsLoosened", fields=list(wider), config_hash=hashed)
    elif kept is not None and before is None:
        log.warning("LimitsNotCompared", message="another version of this program wrote the configuration before")


@dataclass(slots=True)
class RefusalsNoted:
    """Refused configurations in the journal; the same one, offered again and again, is one line."""

    journal: Journal
    now_ns: Callable[[], Nanos]
    told: ConfigAnswered | None = None  # the last

    def note(self, answer: ConfigAnswered, offered_hash: str, by: str) -> None:
        if answer != self.told:
            refused = ConfigRefused(time_ns=self.now_ns(), by=by, reason=answer.outcome, message=answer.message,
                                    config_hash=offered_hash)  # fmt: skip
            self.journal.write("", [refused], [])
        self.told = answer


def _told(before: Risk, after: Risk, fields: Iterable[str]) -> Iterator[str]:
    """`maxPosition 0.5 -> 1`, as a manifest has them."""
    former, new = (risk.model_dump(mode="json", by_alias=True) for risk in (before, after))
    return (f"{name} {_value(former[name])} -> {_value(new[name])}" for name in fields)


def _value(value: object) -> str:
    return "none" if value is None else str(value)
