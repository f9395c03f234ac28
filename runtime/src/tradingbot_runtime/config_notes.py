"""The configuration that is in effect, in the journal: what is audited, and what a start is compared with."""

import structlog

from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.core.risk.loosening import loosened
from tradingbot_runtime.journal import ConfigApplied, Journal
from tradingbot_runtime.journal.journal import CONFIG
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.newer_config import understood

log = structlog.get_logger("slot")


def note_config(journal: Journal, config: SlotConfig, before: SlotConfig | None, now_ns: Nanos) -> None:
    """Journal `config`, unless it is the one that was.

    Limits are compared with those `before`, which are the journal's where a process starts.
    """
    document, kept = config.document(), journal.meta(CONFIG)
    if kept == document:
        return
    before, hashed = before or understood(kept), config.config_hash()
    wider = loosened(before.risk, config.risk) if before is not None else ()
    applied = ConfigApplied(time_ns=now_ns, config_hash=hashed, document=document, loosened=wider)
    journal.write("", [applied], [])
    log.info("ConfigApplied", config_hash=hashed)
    if wider:
        log.warning("LimitsLoosened", fields=list(wider), config_hash=hashed)
    elif kept is not None and before is None:
        log.warning("LimitsNotCompared", message="another version of this program wrote the configuration before")
