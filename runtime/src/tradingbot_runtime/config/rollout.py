"""How changes that take a restart are rolled out, and when they may be."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tradingbot_runtime.config.fields import Bps, Deadline, DurationRule, NameRule, Share
from tradingbot_runtime.config.spec import Spec

MAX_WINDOWS = 10


def _field(value: str) -> str:
    """One of a schedule's five fields: lists of values, ranges, steps."""
    item = rf"(\*(/[1-9][0-9]?)?|{value}(-{value}(/[1-9][0-9]?)?)?)"
    return f"{item}(,{item})*"


_FIELDS = (
    "[0-5]?[0-9]",
    "([01]?[0-9]|2[0-3])",
    "([1-9]|[12][0-9]|3[01])",
    "([1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)",
    "([0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)",
)
Schedule = Annotated[
    str,
    NameRule(
        f"^{' '.join(map(_field, _FIELDS))}$",
        100,
        "a cron schedule of five fields, minute, hour, day, month and weekday, such as 0 6 * * MON-FRI",
    ),
]
TimeZone = Annotated[str, NameRule(r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", 50,
                                   "the name of a time zone such as UTC or Europe/Berlin")]  # fmt: skip
OpenFor = Annotated[int, DurationRule("1m", "168h")]


class Window(Spec):
    """A time that comes again and again."""

    schedule: Schedule = Field(description="When it begins, as cron has it: minute, hour, day, month, weekday.")
    duration_ns: OpenFor = Field(alias="duration", description="How long it lasts.")
    time_zone: TimeZone = Field(default="UTC", description="Where the schedule's hours are those of the clock.")


Windows = Annotated[list[Window], Field(max_length=MAX_WINDOWS)]


class OnFailure(StrEnum):
    """What becomes of a change whose first slot does not get ready."""

    ROLL_BACK = "RollBack"
    WAIT = "Wait"


class Analysis(Spec):
    """How much worse than the others' the first slot's quoting may be, both since it runs the change."""

    min_fills: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=50, strict=True,
        description="Fills, or orders where orders are compared, that both must have: fewer prove nothing.",
    )  # fmt: skip
    refused_share: Share = Field(
        default=Decimal("0.05"), description="Share of its orders that the venue refuses, above the others' share."
    )
    markout_bps: Bps = Field(
        default=Decimal(2),
        description="Markout ten seconds after a fill, below the others', in basis points of the turnover.",
    )
    profit_bps: Bps = Field(
        default=Decimal(10), description="Profit with fees, below the others', in basis points of the turnover."
    )


class Canary(Spec):
    """One slot tries a change before the others."""

    duration_ns: Deadline = Field(
        alias="duration",
        description="For so long from its start, or its last resume, it runs the change alone, whatever is scaled. "
        "A limit that it breaks meanwhile takes the change back, as onFailure says.",
    )
    analysis: Analysis = Field(
        default=Analysis(),
        description="Quoting that is so much worse than the other slots' takes the change back, too.",
    )


class Rollout(Spec):
    progress_deadline_ns: Deadline = Field(
        default=600_000_000_000, alias="progressDeadline",
        description="No progress for this long is reported as Stalled; a slot that was restarted for a change has so "
        "long to get ready.",
    )  # fmt: skip
    on_failure: OnFailure = Field(
        default=OnFailure.ROLL_BACK,
        description="When a slot that was restarted for a change is not ready after progressDeadline: RollBack returns "
        "to what ran before until the spec is edited, as a whole but for replicas and what trades less (desiredState, "
        "limits); Wait leaves it to a person. The other slots run on unchanged either way.",
    )
    canary: Canary | None = Field(
        default=None, description="The slot with the highest ordinal goes first, and the others wait for it."
    )
    windows: Windows = Field(
        default=[],
        description="A slot that runs is restarted for a change within one of these only; none: at any time. One that "
        "restarts by itself, or is evicted, takes the new configuration with it.",
    )
    blackouts: Windows = Field(default=[], description="It is not within one of these, whatever the windows say.")
    flat_only: bool = Field(
        default=False,
        strict=True,
        description="It is only while it holds no position, and knows what became of every order.",
    )
