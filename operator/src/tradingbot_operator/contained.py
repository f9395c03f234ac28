"""A bug that one object brings out is that object's trouble, and nobody else's: guards, and what is said (ADR 14)."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from tradingbot_operator.api_errors import ApiError
from tradingbot_operator.core.broken import broken
from tradingbot_operator.observation import read_bot
from tradingbot_operator.reconcile import Key, Reconciler
from tradingbot_runtime.logs import of_object

log = structlog.get_logger("contained")


@contextmanager
def contained(event: str, **what: str) -> Iterator[None]:
    """THE guard around what is done for one object among many. What the API server did has its own way."""
    try:
        yield
    except ApiError:
        raise
    except Exception:  # must end neither the halts of the others nor the look at them
        log.exception(event, **what)


@dataclass(slots=True)
class Bugs:
    """Since when reconciliations have met nothing but bugs: then it is the whole operator that is broken."""

    since: float | None = None  # the first one after the last success

    def met(self, now: float) -> None:
        self.since = now if self.since is None else self.since

    def none(self) -> None:
        self.since = None

    def age_s(self, now: float) -> float:
        return 0.0 if self.since is None else now - self.since


@dataclass(frozen=True, slots=True)
class Broken:
    """Tells of a bot with which a reconciliation has failed, and has halts reach its pods. Raises nothing."""

    reconciler: Reconciler

    async def tell(self, key: Key, error: Exception, failures: int) -> None:
        about = of_object(*key)
        with contained("BrokenNotTold", **about):  # the same bug may be in what is read for it
            try:
                await self._tell(key, error, failures)
            except ApiError as refused:
                log.warning("BrokenNotWritten", **about, error=str(refused))

    async def _tell(self, key: Key, error: Exception, failures: int) -> None:
        kind, *name = key
        manifest = self.reconciler.store.get(kind, (name[0], name[1])) if kind == "TradingBot" else None
        if manifest is None:
            return  # the status of other kinds halts nobody: the log and the metric tell of it
        bot = read_bot(manifest)
        observed = self.reconciler.observer.halting(bot)
        outcome = broken(bot, observed, place(error), failures)
        await self.reconciler.carry_out_halts(bot, outcome)


def place(error: Exception) -> str:
    """The kind of error, and our line: its words may have a secret in them."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "tradingbot_" in frame.filename]
    return (
        f"{type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else type(error).__name__
    )
