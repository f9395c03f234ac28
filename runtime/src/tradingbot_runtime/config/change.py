"""What a change of a field takes: declared once, in the field's annotation; what is inside of a field inherits it."""

from collections.abc import Mapping
from enum import StrEnum


class ChangeClass(StrEnum):
    """The least first. Where several fields change, the greatest class counts."""

    IGNORE = "Ignore"
    HOT_RELOAD = "HotReload"
    SCALE = "Scale"
    RESTART = "Restart"
    RECREATE = "Recreate"

    @property
    def rank(self) -> int:
        return tuple(ChangeClass).index(self)


MEANINGS: Mapping[ChangeClass, str] = {
    ChangeClass.IGNORE: "no pod hears of it",
    ChangeClass.HOT_RELOAD: "pushed to the running pods, taken between two ticks, and acknowledged",
    ChangeClass.SCALE: "slots come or go, drained first; where markets move from one slot to another, slots restart",
    ChangeClass.RESTART: "the pods are made anew, one slot after the other",
    ChangeClass.RECREATE: "refused by the API server: only another object can have another value",
}
