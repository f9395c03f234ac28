"""When trading is locked: while the Hydra head closes and opens again, by schedule or on request. Pure."""

MS = 1000


class TradingLock:
    """A cycle is `cycle_s` long, and its last `lock_s` are locked. A lock on request ends a cycle, too."""

    def __init__(self, cycle_s: float, lock_s: float, now_ms: int) -> None:
        self._cycle_ms = int(cycle_s * MS)
        self._lock_ms = int(lock_s * MS)
        self._started_ms = now_ms
        self._until_ms: int | None = None

    def lock(self, seconds: float, now_ms: int) -> None:
        """From now on, for so long; a new cycle begins then."""
        self._until_ms = now_ms + int(seconds * MS)
        self._started_ms = self._until_ms

    def unlock(self, now_ms: int) -> None:
        """Now; a new cycle begins."""
        self._until_ms = None
        self._started_ms = now_ms

    def locked(self, now_ms: int) -> bool:
        if self._until_ms is not None and now_ms < self._until_ms:
            return True
        return self._lock_ms > 0 and (now_ms - self._started_ms) % self._cycle_ms >= self._cycle_ms - self._lock_ms

    def cycle(self, now_ms: int) -> tuple[int, int]:
        """Start and end of the present cycle, in milliseconds since the epoch."""
        start = now_ms - (now_ms - self._started_ms) % self._cycle_ms
        return start, start + self._cycle_ms
