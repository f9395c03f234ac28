"""The annotation by which a person resumes: which halts it names, which of those it cannot release, and what is said.

It counts for what could be resumed when it was first seen. A halt that a TradingHalt still lays cannot: if that were
taken for a consent to what comes later, whoever deletes the TradingHalt would start trading without knowing. Which
were refused is in the status, so that another leader knows; the annotation is judged anew when it is written anew.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from tradingbot_operator.api.v1alpha1 import AnsweredResume, HaltStatus
from tradingbot_operator.api.v1alpha1.tradingbot import MAX_HALTS
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Bot, Pod
from tradingbot_operator.core.outcome import Announcement
from tradingbot_operator.core.wording import cut, listed

OF_A_RESUME = frozenset({Reason.RESUME_REFUSED, Reason.NO_SUCH_HALT})
MOST = 300  # characters of an annotation that an Event repeats


def asked(bot: Bot) -> frozenset[str]:
    return names.listed(bot.metadata.annotations.get(names.RESUME, ""))


def answered(bot: Bot, known: Iterable[HaltStatus], standing: Collection[str]) -> AnsweredResume | None:
    """`standing` are the UIDs of TradingHalts that are there and select the bot."""
    wanted, before = asked(bot), bot.status.answered_resume
    if not wanted:
        return None
    annotation = names.digest(bot.metadata.annotations[names.RESUME])
    refused = {halt.id for halt in known if halt.id in wanted and halt.trading_halt_uid in standing}
    if before is not None and before.annotation == annotation:
        refused |= set(before.refused)
    return AnsweredResume(annotation=annotation, refused=tuple(sorted(refused)[:MAX_HALTS]))


def consented(bot: Bot, answer: AnsweredResume | None) -> frozenset[str]:
    return asked(bot) - frozenset(answer.refused if answer else ())


def answers(
    bot: Bot, told: AnsweredResume | None, in_force: Iterable[HaltStatus], pods: Iterable[Pod]
) -> Iterator[Announcement]:
    """Once for each annotation: `told` is what the status says of it from now on."""
    before = bot.status.answered_resume
    if told is None or told == before:
        return
    by_id = {halt.id: halt for halt in in_force}
    if fresh := [halt_id for halt_id in told.refused if before is None or halt_id not in before.refused]:
        yield Announcement(Reason.RESUME_REFUSED, _refused(fresh, by_id), warning=True)
    if before is not None and before.annotation == told.annotation:
        return
    released = {halt_id for pod in pods if pod.stream.report for halt_id in pod.stream.report.resumed}
    if unknown := sorted(asked(bot) - by_id.keys() - released):
        what = cut(listed(unknown), MOST)
        message = f"annotation {names.RESUME}: no halt in force is called {what}; status.halts has their ids"
        yield Announcement(Reason.NO_SUCH_HALT, message, warning=True)


def _refused(ids: list[str], by_id: Mapping[str, HaltStatus]) -> str:
    laid = dict.fromkeys(by_id[halt_id].trading_halt for halt_id in ids if halt_id in by_id)
    holders = listed([f"TradingHalt/{name}" for name in laid])
    return (
        f"annotation {names.RESUME} resumes nothing of {cut(listed(ids), MOST)}, also later: {holders} still holds "
        "it. Delete that first, take the annotation away, then write it anew"
    )
