"""A bot that is being deleted: drain it, and let it go when nothing is in the market any more, or time is up."""

from collections.abc import Mapping

from tradingbot_operator.api.v1alpha1 import Phase, TradingBotStatus, WithdrawalState
from tradingbot_operator.core import names
from tradingbot_operator.core.children import Plan
from tradingbot_operator.core.conditions import ConditionType, Reason, complete, merge, no, yes
from tradingbot_operator.core.dead_man import DeadMan, dead_man
from tradingbot_operator.core.flat import flat, was_flat
from tradingbot_operator.core.observed import Bot, Installation, Observed, Pod
from tradingbot_operator.core.outcome import Announcement, DrainSlot, Finalizer, Outcome
from tradingbot_operator.core.record import configured, last_accepted
from tradingbot_operator.core.untraded import nothing_open, orders_of_live
from tradingbot_runtime.config import Mode, OnStop

DRAIN_FOR_DELETION = "the TradingBot is being deleted"
NOTHING_OPEN = "no slot has an open order"
LOST_MOST_S = 3600.0  # a Lease of minutes, and all tries of the Job
ONLY_A_PERSON = f"or until a person annotates the bot with {names.ABANDON}=true"
ASK_AGAIN_S = 1.0  # the pods report by themselves; this is for the deadline and for pods that appear late


def release(bot: Bot, observed: Observed, installation: Installation) -> Outcome:
    """Nothing is applied any more. Open orders hold the deletion up, and with `onStop: Flatten` a position: bounded.

    A slot that is lost holds it up until its Lease has run out and its orders are withdrawn: before that a process of
    it may live, and with the bot the Job would go. A person may say that none of this is waited for.
    """
    if names.FINALIZER not in bot.metadata.finalizers:
        return Outcome(status=bot.status)
    waiting = [pod for pod in observed.pods if _is_to_close(bot, pod) or not nothing_open(bot, observed, pod)]
    dead = _dead_man(bot, observed, installation)
    lost = _lost(observed, dead)
    left = installation.drain_timeout_s - observed.deleting_for_s
    if not bot.abandoned and ((waiting and left > 0) or lost):
        drains = tuple(command for pod in waiting if (command := _drain(bot, pod)))
        status = dead.in_status(_status(bot, observed, _waits_for(waiting, lost, installation)))
        return Outcome(status=status, commands=drains, withdraw=dead.create, events=dead.events,
                       requeue_after_s=ASK_AGAIN_S)  # fmt: skip
    return Outcome(status=bot.status, finalizer=Finalizer.REMOVE, events=(_goodbye(bot, waiting, lost),))


def _lost(observed: Observed, dead: DeadMan) -> Mapping[int, str]:
    """Slots that nobody hears and that have not given their Lease back, and what is waited for; bounded as well."""
    if observed.deleting_for_s > LOST_MOST_S:
        return {}
    ended = {slot for slot, withdrawal in dead.withdrawals.items() if withdrawal.state is not WithdrawalState.RUNNING}
    jobs = {slot: withdrawal.job for slot, withdrawal in dead.withdrawals.items()}
    return {slot: f"Job {jobs[slot]} withdraws its orders" if slot in jobs else "its Lease has to run out first"
            for slot, silence in sorted(observed.silences.items()) if silence.holder and slot not in ended}  # fmt: skip


def _dead_man(bot: Bot, observed: Observed, installation: Installation) -> DeadMan:
    config_map = observed.child("ConfigMap", names.slots_config_map(bot.name))
    accepted = last_accepted(config_map)
    if accepted is None:  # nobody knows what it traded: no Job can be made
        return DeadMan({slot.ordinal: slot.withdrawal for slot in bot.status.slots if slot.withdrawal})
    as_it_was = Plan(bot, accepted, configured(config_map), {}, replicas=0, partition=0, storage={},
                     installation=installation)  # fmt: skip
    return dead_man(as_it_was, observed)


def _flattens(bot: Bot) -> bool:
    return bot.spec is not None and bot.spec.on_stop is OnStop.FLATTEN and bot.spec.mode is Mode.LIVE


def _is_to_close(bot: Bot, pod: Pod) -> bool:
    """One that was drained for another reason still has its position."""
    return _flattens(bot) and pod.stream.connected and pod.stream.drain_reason != DRAIN_FOR_DELETION


def _drain(bot: Bot, pod: Pod) -> DrainSlot | None:
    if pod.stream.draining_for_s is not None and not _is_to_close(bot, pod):
        return None
    return DrainSlot(pod.name, DRAIN_FOR_DELETION, _flattens(bot))


def _waits_for(waiting: list[Pod], lost: Mapping[int, str], installation: Installation) -> str:
    """Without counts, which change with every fill: a status is not written for one."""
    found = [f"{pod.name}: {_in_the_way(pod)}" for pod in waiting]
    found += [f"slot {slot} is lost: {what}" for slot, what in lost.items()]
    bound = f"at most {installation.drain_timeout_s:g} s from the deletion on" if not lost else ONLY_A_PERSON
    return f"waits until no order is open, {bound}. {'; '.join(found)}"


def _in_the_way(pod: Pod) -> str:
    report = pod.stream.report
    if markets := ", ".join(orders_of_live(pod)):
        return f"orders of mode Live may be left in {markets}, and mode Paper cannot withdraw them: see its log"
    if not pod.started:
        return "has not started, and its slot may have left orders in the market"
    if report is None or not pod.stream.connected:
        return f"does not answer: {pod.stream.trouble}".removesuffix(": ")
    markets = ", ".join(market.market for market in report.markets if market.open_orders)
    said = f"{report.state}, open orders in {markets}" if markets else f"{report.state}, has not confirmed yet"
    away = (f"; venue {venue.venue}: {venue.message}" for venue in report.venues if venue.message)
    return said + "".join(away)


def _goodbye(bot: Bot, waiting: list[Pod], lost: Mapping[int, str]) -> Announcement:
    if not waiting and not lost:
        return Announcement(Reason.DRAINED, NOTHING_OPEN)
    found = [f"{pod.name}: {_left_behind(pod)}" for pod in waiting]
    found += [f"slot {slot} was lost, look at the venue" for slot in lost if slot not in {p.ordinal for p in waiting}]
    message = f"deleted without proof that no order is open. {'; '.join(found)}"
    return Announcement(Reason.ABANDONED if bot.abandoned else Reason.DRAIN_TIMED_OUT, message, warning=True)


def _left_behind(pod: Pod) -> str:
    report = pod.stream.report
    if report is None:
        return "never reported, look at the venue"
    orders = ", ".join([*(f"{m.market} {m.open_orders} open ({m.unknown_orders} unknown)"
                          for m in report.markets if m.open_orders),
                        *(f"of mode Live in {market}" for market in orders_of_live(pod))])  # fmt: skip
    return f"last reported {report.state}, {orders or 'no open orders'}"


def _status(bot: Bot, observed: Observed, message: str) -> TradingBotStatus:
    changed = [
        no(ConditionType.READY, Reason.DELETING, message), yes(ConditionType.RECONCILING, Reason.DELETING, message),
        no(ConditionType.TRADING_ENABLED, Reason.DELETING, "every slot is told to withdraw its orders and stay quiet"),
        flat(observed.pods, 0, before=was_flat(bot.status.conditions)),
    ]  # fmt: skip
    kept = {condition.type: condition for condition in bot.status.conditions if condition.type in KEPT}
    fresh = merge(bot.status.conditions, complete(changed), bot.metadata.generation, observed.now)
    conditions = tuple(kept.get(condition.type, condition) for condition in fresh)
    return bot.status.model_copy(update={
        "conditions": conditions, "phase": Phase.TERMINATING, "observed_generation": bot.metadata.generation,
        "pending_change": None,
    })  # fmt: skip


KEPT = frozenset(ConditionType) - {
    ConditionType.READY,
    ConditionType.RECONCILING,
    ConditionType.TRADING_ENABLED,
    ConditionType.FLAT,
}
