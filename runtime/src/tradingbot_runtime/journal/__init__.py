from tradingbot_runtime.journal.journal import Journal
from tradingbot_runtime.journal.reading import read_decisions
from tradingbot_runtime.journal.records import (
    CancelSent,
    ConfigApplied,
    ConfigRefused,
    CredentialsNotTaken,
    CredentialsRecord,
    CredentialsTaken,
    Decided,
    Halted,
    RefusedOrder,
    Resumed,
    WantedQuote,
)

__all__ = [
    "CancelSent",
    "ConfigApplied",
    "ConfigRefused",
    "CredentialsNotTaken",
    "CredentialsRecord",
    "CredentialsTaken",
    "Decided",
    "Halted",
    "Journal",
    "RefusedOrder",
    "Resumed",
    "WantedQuote",
    "read_decisions",
]
