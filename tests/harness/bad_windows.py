"""Windows of a rollout that must be refused; part of the table in `bad_manifest_table.py`."""

from harness.bad_manifests import Bad

WINDOW = {"schedule": "0 6 * * *", "duration": "1h"}
SCHEDULE = "must be a cron schedule of five fields, minute, hour, day, month and weekday, such as 0 6 * * MON-FRI"
LENGTH = "must be a duration from 1m to 168h"
ZONE = "must be the name of a time zone such as UTC or Europe/Berlin"
WORDS = "the API server's own words"


def _window(name: str, field: str, value: str, allowed: str) -> Bad:
    return Bad(f"a window {name}", {"spec.rollout.windows": [WINDOW | {field: value}]},
               (f"spec.rollout.windows[0].{field}", allowed))  # fmt: skip


BAD_WINDOWS = (
    _window("at minute 60", "schedule", "60 6 * * *", SCHEDULE),
    _window("of six fields", "schedule", "0 0 6 * * *", SCHEDULE),
    _window("at a word", "schedule", "@daily", SCHEDULE),
    _window("on the last day", "schedule", "0 6 L * *", SCHEDULE),
    _window("of no time", "duration", "30s", LENGTH),
    _window("in a zone with a blank", "timeZone", "Europe/New Berlin", ZONE),
    Bad("a window without an end", {"spec.rollout.windows": [{"schedule": "0 6 * * *"}]},
        ("spec.rollout.windows[0].duration", "Required value"), ("spec.rollout.windows[0].duration", "is required"),
        why=WORDS),
    Bad("too many blackouts", {"spec.rollout.blackouts": [WINDOW] * 11},
        ("spec.rollout.blackouts", "must have at most 10 items"),
        ("spec.rollout.blackouts", "must have at most 10, has 11"), why=WORDS),
    Bad("flatOnly as a word", {"spec.rollout.flatOnly": "yes"},
        ("spec.rollout.flatOnly", 'must be of type boolean: "string"'),
        ("spec.rollout.flatOnly", "must be true or false"), why=WORDS),
)  # fmt: skip
