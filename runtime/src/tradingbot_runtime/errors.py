"""Who is at fault decides what happens next.

* TradingError
  - ConfigError            ours: refuse to start (exit 2)
  - JournalError           the volume's: refuse to start
    - JournalLocked        another process has it; in a cluster, one that is about to be killed
    - JournalDamaged       its file is no database any more, or not a whole one
  - VenueError             theirs: drop the session, resynchronise, resume
    - VenueProtocolError   the venue said something impossible
    - OutcomeUnknown       no answer, or one that proves nothing: ask the venue before anything else
    - VenueRefused         a definite no, with the venue's code
      - CredentialsRefused   to our key or signature

A refused order is not an error but a value (`core.risk.Refused`). Anything else that is raised is a bug: the process
ends, and restarts through the recovery path that is tested anyway.
"""

from collections.abc import Container

OTHER = "Other"  # every code that a venue's own table does not have: what counts must not grow with what a venue says


def counted_as(code: int, table: Container[int]) -> str:
    """How a venue's code is named where it is counted; the code itself is in the log and in the audit trail."""
    return str(code) if code in table else OTHER


class TradingError(Exception):
    """Root of what the runtime raises on purpose."""


class ConfigError(TradingError):
    """The configuration cannot be used."""


class JournalError(TradingError):
    """The journal cannot be used, or belongs to another bot or account."""


class JournalLocked(JournalError):
    """Another process has the journal open."""


class JournalDamaged(JournalError):
    """What is in the journal's file cannot be read, now or later."""


class VenueError(TradingError):
    """The venue or the way to it misbehaves."""

    @property
    def kind(self) -> str:
        """For counting: few, whatever the venue says."""
        return type(self).__name__


class VenueProtocolError(VenueError):
    """The venue said something that its protocol does not allow."""


class OutcomeUnknown(VenueError):
    """The request may or may not have taken effect."""


class VenueRefused(VenueError):
    """The venue refused, and nothing has happened. `code` is the venue's own; `counted`: what it is counted as."""

    def __init__(self, code: int, message: str, counted: str = OTHER) -> None:
        self.code = code
        self.message = message
        self.counted = counted
        super().__init__(f"{message} ({code})")

    @property
    def kind(self) -> str:
        return f"Refused{self.counted}"


class CredentialsRefused(VenueRefused):
    """The venue does not take our key or signature: no retry mends that."""
