"""docs/reference/operator-metrics.md: every metric of the operator."""

from tradingbot_operator.metrics import FAMILIES
from tradingbot_runtime.metric_families import Family

INTRODUCTION = """\
<!-- Generated from operator/src/tradingbot_operator/metrics.py by `make generate`. Do not edit. -->

# Metrics of the operator

At `/metrics`, port 8080, beside the `process_*` of the Prometheus client. `workqueue_*`, `controller_runtime_*`,
`leader_election_*` and `rest_client_*` are what every controller has, by the names that controller-runtime gives them.
A standby shows its own; bots, objects and streams are seen by the leader. There is no series for a market, an order
or a fill: the runtimes show those at their own `/metrics`. A reason is one of [conditions.md](conditions.md), and
never another word.

| metric | type | labels | meaning |
|---|---|---|---|
"""


def metrics_reference() -> str:
    return INTRODUCTION + "".join(_row(family) for family in FAMILIES)


def _row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    meaning = family.help.replace("<", "&lt;")
    return f"| `{family.name}` | {family.kind} | {labels} | {meaning} |\n"
