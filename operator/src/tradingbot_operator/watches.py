"""What the watches have told: of which kind last, what they owe us of the first LIST, and of what a sweep found."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tradingbot_operator.store import Name, Store


@dataclass(slots=True)
class Watches:
    """Of a kind that had no object there is nothing to wait for: its watch begins with a LIST of its own."""

    clock: Callable[[], float]
    store: Store
    heard: dict[str, float] = field(default_factory=dict)  # by kind: when it was last heard of
    _expected: float = 0.0  # since when
    _untold: dict[str, set[Name]] = field(default_factory=dict)
    _missed: dict[str, dict[Name, float]] = field(default_factory=dict)  # found by a sweep, at what time

    def expect(self, kinds: Iterable[str]) -> None:
        """Each watch has to tell of everything that is in the store now."""
        self._expected, self._untold = self.clock(), {kind: set(self.store.names(kind)) for kind in kinds}
        self._missed = {}

    def hear(self, kind: str, name: Name) -> None:
        self.heard[kind] = self.clock()
        self._untold.get(kind, set()).discard(name)
        self._missed.get(kind, {}).pop(name, None)

    def miss(self, kind: str, name: Name) -> None:
        """A sweep was faster than the watch, or the watch has lost it: a watch that lives tells of it by itself."""
        self._missed.setdefault(kind, {}).setdefault(name, self.clock())

    def owing_s(self) -> float:
        """For how long a watch has owed us the object that it owes us longest; what is gone by now is not owed."""
        owed = (since for kind, missed in self._missed.items() for name, since in missed.items()
                if self.store.get(kind, name))  # fmt: skip
        return self.clock() - min(owed, default=self.clock())

    def owing(self) -> tuple[str, ...]:
        """The kinds whose watches owe us something."""
        return _there(self.store, self._missed)

    def behind(self) -> tuple[str, ...]:
        """Kinds whose watch has not told everything yet; what is gone by now it need not tell."""
        return _there(self.store, self._untold)

    def silent(self, for_s: float) -> tuple[str, ...]:
        """Those of them that have told nothing for so long: what they owe may be gone, and nobody tells of that."""
        now = self.clock()
        return tuple(kind for kind in self.behind() if now - self.heard.get(kind, self._expected) >= for_s)


def _there(store: Store, names: Mapping[str, Collection[Name]]) -> tuple[str, ...]:
    """Kinds of which one of the names is still there."""
    return tuple(kind for kind, some in names.items() if any(store.get(kind, name) for name in some))
