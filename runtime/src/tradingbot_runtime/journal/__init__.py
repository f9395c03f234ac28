from tradingbot_runtime.journal.journal import Journal, read_decisions
from tradingbot_runtime.journal.records import ConfigApplied, Decided, WantedQuote

__all__ = ["ConfigApplied", "Decided", "Journal", "WantedQuote", "read_decisions"]
