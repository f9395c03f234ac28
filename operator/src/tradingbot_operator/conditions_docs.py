"""docs/reference/conditions.md: every condition of every kind, its reasons by status, and what each reason means."""

from collections.abc import Iterator, Mapping

from tradingbot_operator.api.v1alpha1 import ConditionStatus
from tradingbot_operator.core.conditions import ConditionType, Reason
from tradingbot_operator.core.vocabulary import EVENTS_ONLY, KINDS, MEANINGS, PENDING, Words

INTRODUCTION = """\
<!-- Generated from operator/src/tradingbot_operator/core/vocabulary.py by `make generate`. Do not edit. -->

# Conditions and reasons

Each condition has the shape of `metav1.Condition`, with an `observedGeneration` of its own; all are there from the
first write on (`Unknown`, `NotYetObserved`), and `lastTransitionTime` moves only when `status` does. A message says
what is so and, where a person is needed, what to do; it is at most 1 KiB, and has nothing in it that changes with
every trade. A reason is the same word in a condition, an Event, the log and a metric.

`kubectl wait --for=condition=Ready tb/NAME` waits for a bot; `Reconciling` and `Stalled` are what kstatus and Argo CD
look at. `Reconciling`, `Stalled`, `Halted`, `Fenced`, `ReconciliationPaused` and `TemplateDrift` are good when they are
False.
"""


def conditions_reference() -> str:
    return "\n".join(
        [
            INTRODUCTION,
            *(line for kind, words in KINDS.items() for line in _kind(kind, words)),
            *_pending(),
            *_reasons(),
        ]
    )


def _kind(kind: str, words: Mapping[ConditionType, Words]) -> Iterator[str]:
    yield f"## {kind}\n"
    yield "| condition | True means | reasons when True | when False | when Unknown |\n|---|---|---|---|---|"
    for condition, told in words.items():
        cells = (_listed(told, status) for status in ConditionStatus)
        yield f"| `{condition}` | {told.means} | " + " | ".join(cells) + " |"
    yield ""


def _pending() -> Iterator[str]:
    yield "## status.pendingChange of a TradingBot\n"
    yield "There while a change has not reached every slot: the class of what is still to be done (the greatest, where"
    yield "there are several; see the [API reference](api.md)), the slots, what it waits for, and until when at least,"
    yield "where that is known.\n"
    yield "| class | reasons |\n|---|---|"
    for change, reasons in PENDING.items():
        yield f"| `{change}` | " + ", ".join(f"`{reason}`" for reason in reasons) + " |"
    yield ""


def _listed(words: Words, status: ConditionStatus) -> str:
    return ", ".join(f"`{reason}`" for reason in words.reasons(status))


def _reasons() -> Iterator[str]:
    yield "## Reasons\n\nWith the conditions that may have them; those without one are of Events only.\n"
    yield "| reason | means | conditions |\n|---|---|---|"
    for reason in sorted(Reason):
        where = {condition: None for words in KINDS.values() for condition, told in words.items()
                 if any(reason in told.reasons(status) for status in ConditionStatus)}  # fmt: skip
        conditions = "every one" if reason is Reason.NOT_YET_OBSERVED else ", ".join(f"`{name}`" for name in where)
        yield f"| `{reason}` | {MEANINGS[reason]} | {'' if reason in EVENTS_ONLY else conditions} |"
    yield ""
