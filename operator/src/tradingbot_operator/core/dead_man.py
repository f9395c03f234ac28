"""The dead man's switch: a slot that nobody hears and whose Lease has run out has its orders withdrawn by a Job. Pure.

Both, because each alone is no death: an operator that is cut off from its pods hears none of them, and all of them
renew; and a runtime that cannot reach the API server withdraws its quotes itself, and says so. The Job is made once for
each time that the Lease runs out, and goes when the slot is heard again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tradingbot_operator.api.v1alpha1 import SlotStatus, TradingBotStatus, Withdrawal, WithdrawalState
from tradingbot_operator.core import names
from tradingbot_operator.core.cancel_job import KIND, cancel_job
from tradingbot_operator.core.children import Plan
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.left_orders import left_by
from tradingbot_operator.core.observed import QUIET, Manifest, Observed, Pod, Silence
from tradingbot_operator.core.outcome import Announcement, ChildReference
from tradingbot_operator.core.untraded import nothing_open
from tradingbot_runtime.config import Mode, SlotConfig

MARGIN_S = 2.0  # to what the holder itself counts: both look at their own clocks
RECHECK_S = 5.0  # at Leases and Jobs, which are not watched
SELDOM_S = 30.0  # where a person is waited for

S = WithdrawalState


@dataclass(frozen=True, slots=True)
class DeadMan:
    withdrawals: Mapping[int, Withdrawal]  # by slot: what the status says from now on
    create: tuple[Manifest, ...] = ()
    remove: tuple[ChildReference, ...] = ()
    events: tuple[Announcement, ...] = ()

    def in_status(self, status: TradingBotStatus) -> TradingBotStatus:
        slots = tuple(slot.model_copy(update={"withdrawal": self.withdrawals.get(slot.ordinal)})
                      for slot in status.slots)  # fmt: skip
        return status.model_copy(update={"slots": slots})


def dead_man(plan: Plan, observed: Observed) -> DeadMan:
    heard = {pod.ordinal for pod in observed.pods if pod.stream.connected}
    withdrawals: dict[int, Withdrawal] = {}
    create: list[Manifest] = []
    remove: list[ChildReference] = []
    events: list[Announcement] = []
    for status in plan.bot.status.slots:
        slot, job = status.ordinal, observed.jobs.get(status.ordinal)
        if slot in heard or _is_outdated(plan, observed, status):
            remove += [ChildReference(KIND, job["metadata"]["name"], job["metadata"]["uid"])] if job else []
            continue
        after = _followed(status.withdrawal, job)
        config = left_by(plan, observed, slot) if after is None else None
        if config is not None and (name := _due(plan, observed, config)):
            after = Withdrawal(job=name, at=observed.now, state=S.RUNNING)
            create.append(cancel_job(plan, config, name))
        if after is not None:
            withdrawals[slot] = after
            events += _told(slot, status.withdrawal, after)
    return DeadMan(withdrawals, tuple(create), tuple(remove), tuple(events))


def recheck_s(observed: Observed, dead: DeadMan) -> float | None:
    """When to look again at what no watch tells of; None: there is nothing."""
    awaited = [slot for slot, silence in observed.silences.items() if silence.holder]
    if any(withdrawal.state is S.RUNNING for withdrawal in dead.withdrawals.values()):
        return RECHECK_S
    if any(slot not in dead.withdrawals for slot in awaited):
        return RECHECK_S
    return SELDOM_S if dead.withdrawals else None


def _is_outdated(plan: Plan, observed: Observed, status: SlotStatus) -> bool:
    """Whether its Lease has changed since: a process of the slot lived, whether we heard it or not."""
    silence, known = observed.silences.get(status.ordinal), status.withdrawal
    if silence is None or known is None:
        return False
    return known.job != names.cancel_job(plan.bot.name, status.ordinal, silence.renewal)


def _followed(known: Withdrawal | None, job: Manifest | None) -> Withdrawal | None:
    """What has become of the one that there is; None: there is none, or its Job is gone without having succeeded."""
    if known is None or known.state is S.SUCCEEDED:
        return known
    if job is None:
        return None  # somebody has deleted it: that is how a person has it tried again
    ended = {c["type"] for c in (job.get("status") or {}).get("conditions") or () if c["status"] == "True"}
    state = S.SUCCEEDED if "Complete" in ended else S.FAILED if "Failed" in ended else S.RUNNING
    return known.model_copy(update={"state": state})


def _due(plan: Plan, observed: Observed, config: SlotConfig) -> str:
    """Name of the Job that is to be made for what the slot has left; empty: none."""
    slot = config.slot
    silence = observed.silences.get(slot)
    if silence is None or not _reaches_an_account(plan, config):
        return ""
    pods = [pod for pod in observed.pods if pod.ordinal == slot]
    if not _has_run_out(silence) or not all(_may_have_orders(plan, observed, pod) for pod in pods):
        return ""
    return names.cancel_job(plan.bot.name, slot, silence.renewal)


def _reaches_an_account(plan: Plan, config: SlotConfig) -> bool:
    """A slot that changes to mode Paper has orders of mode Live until it says that it has none left."""
    return config.mode is Mode.LIVE or bool(plan.held)


def _has_run_out(silence: Silence) -> bool:
    """One that was given back was given back by a process that had withdrawn its orders."""
    return bool(silence.holder) and silence.unrenewed_for_s > silence.duration_s + MARGIN_S


def _may_have_orders(plan: Plan, observed: Observed, pod: Pod) -> bool:
    if nothing_open(plan.bot, observed, pod):
        return False
    report = pod.stream.report
    return report is None or report.state not in QUIET or bool(pod.stream.open_orders)


def words(withdrawal: Withdrawal) -> str:
    """What becomes of the orders of a slot that is lost."""
    return {
        S.RUNNING: f"its orders are withdrawn by Job {withdrawal.job}",
        S.SUCCEEDED: f"Job {withdrawal.job} has found no order of it at its venues any more",
        S.FAILED: f"orders may be open, for Job {withdrawal.job} has failed: look at its log, and at the venue;"
        " delete it to have it tried again",
    }[withdrawal.state]


EVENTS = {S.RUNNING: Reason.DEAD_MANS_SWITCH, S.SUCCEEDED: Reason.ORDERS_WITHDRAWN, S.FAILED: Reason.WITHDRAWAL_FAILED}
LOST = "nobody hears it, and its Lease has run out"


def _told(slot: int, before: Withdrawal | None, after: Withdrawal) -> Iterator[Announcement]:
    if before is None or (before.job, before.state) != (after.job, after.state):
        why = f"{LOST}: " if after.state is S.RUNNING else ""
        yield Announcement(EVENTS[after.state], f"slot {slot}: {why}{words(after)}", after.state is not S.SUCCEEDED)
