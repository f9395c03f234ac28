"""What proves that nothing of a slot can be open at a venue: that it is drained, or that it has never sent an order.

Each proof is somebody's word: the runtime's, the API server's, or that of what was applied. That nothing is known of a
slot is none.
"""

from collections.abc import Callable

from tradingbot_operator.api.v1alpha1 import WithdrawalState
from tradingbot_operator.core import names
from tradingbot_operator.core.observed import Bot, Manifest, Observed, Pod
from tradingbot_runtime.config import Mode


def only_paper(bot: Bot, mode: Mode, config_map: Manifest | None, stateful_set: Manifest | None) -> bool:
    """Whether no slot of the bot ever had a configuration of mode Live, as the ConfigMap is to say from now on.

    It is written with the first configuration and with no later one: a ConfigMap that was lost proves nothing.
    """
    if mode is Mode.LIVE:
        return False
    if config_map is not None:
        return _says_only_paper(config_map, bot)
    return stateful_set is None and not bot.status.slots


def _says_only_paper(config_map: Manifest | None, bot: Bot) -> bool:
    annotations = (config_map or {}).get("metadata", {}).get("annotations") or {}
    return bool(annotations.get(names.ONLY_PAPER) == bot.metadata.uid)


Proof = Callable[[Bot, Observed, Pod], bool]


def drained(_bot: Bot, _observed: Observed, pod: Pod) -> bool:
    """It has withdrawn what it had, as the venue confirmed."""
    return pod.stream.drained


def paper_for_life(bot: Bot, observed: Observed, _pod: Pod) -> bool:
    """Mode Paper has no way to an account."""
    return _says_only_paper(observed.child("ConfigMap", names.slots_config_map(bot.name)), bot)


def never_traded(_bot: Bot, _observed: Observed, pod: Pod) -> bool:
    """By its journal, as it says now; and it will not, for it has heard the Drain."""
    report = pod.stream.report
    return report is not None and pod.stream.connected and report.never_traded and report.draining


def ended_untraded(_bot: Bot, _observed: Observed, pod: Pod) -> bool:
    """The same, by the last words of a process after which there was none."""
    return pod.ended_untraded and not pod.stream.connected


def lease_never_held(_bot: Bot, observed: Observed, pod: Pod) -> bool:
    """No process of this slot has ever come through the start gate."""
    return pod.ordinal in observed.leases_never_held


def withdrawn(bot: Bot, observed: Observed, pod: Pod) -> bool:
    """A Job has found none of its orders at the venue, and no process of the slot has renewed its Lease since."""
    silence = observed.silences.get(pod.ordinal)
    known = next((slot.withdrawal for slot in bot.status.slots if slot.ordinal == pod.ordinal), None)
    if pod.stream.connected or silence is None or known is None:
        return False
    ours = names.cancel_job(bot.name, pod.ordinal, silence.renewal)
    return known.state is WithdrawalState.SUCCEEDED and known.job == ours


PROOFS: tuple[Proof, ...] = (drained, paper_for_life, never_traded, ended_untraded, lease_never_held, withdrawn)


def nothing_open(bot: Bot, observed: Observed, pod: Pod) -> bool:
    """Whether one of the proofs holds; none does against what the runtime says is left of an earlier life."""
    return not orders_of_live(pod) and any(proof(bot, observed, pod) for proof in PROOFS)


def orders_of_live(pod: Pod) -> tuple[str, ...]:
    """Markets of a slot in mode Paper in which it may have left orders when it was Live."""
    report = pod.stream.report
    return tuple(market.market for market in report.markets if market.live_orders_left) if report else ()
