"""What the watches have told so far: of which kind last, and whether they know by now what the first LIST has shown."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tradingbot_operator.store import Name, Store


@dataclass(slots=True)
class Watches:
    """Of a kind that had no object there is nothing to wait for: its watch begins with a LIST of its own."""

    clock: Callable[[], float]
    store: Store
    heard: dict[str, float] = field(default_factory=dict)  # by kind: when it was last heard of
    _untold: dict[str, set[Name]] = field(default_factory=dict)

    def expect(self, kinds: Iterable[str]) -> None:
        """Each watch has to tell of everything that is in the store now."""
        self._untold = {kind: set(self.store.names(kind)) for kind in kinds}

    def hear(self, kind: str, name: Name) -> None:
        self.heard[kind] = self.clock()
        self._untold.get(kind, set()).discard(name)

    def behind(self) -> tuple[str, ...]:
        """Kinds whose watch has not told everything yet; what is gone by now it need not tell."""
        return tuple(kind for kind, names in self._untold.items() if any(self.store.get(kind, name) for name in names))
