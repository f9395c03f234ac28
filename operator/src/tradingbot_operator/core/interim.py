"""What a slot is told whose restart waits: what it runs, with all of the new spec that takes no restart. Pure.

A change of class Restart may wait for its window, for another slot or for a person. A stop, a tighter limit and a wider
spread that are written meanwhile must not wait with it.
"""

from functools import lru_cache

from tradingbot_operator.core.children import Accepted, Plan
from tradingbot_operator.core.observed import Pod
from tradingbot_runtime.config import SlotConfig, slot_config
from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.change_classes import taking

FROM_THE_PLAN = ("lease", "halts", "resumed", "epoch", "generation", "carried")
RECENT = 64  # merged specs that are kept: each is asked for at every look while a restart waits


def running(plan: Plan, pod: Pod) -> Accepted | None:
    """The spec that a pod was started for; None where nobody knows it any more."""
    if pod.inputs == plan.inputs:
        return plan.accepted
    return plan.stable.accepted() if pod.inputs == plan.stable.inputs else None


def interim(plan: Plan, pod: Pod) -> SlotConfig | None:
    """With the markets that the pod has: those that others are to get, or that it is, come with its restart."""
    planned, report, before = plan.slots.get(pod.ordinal), pod.stream.report, running(plan, pod)
    if planned is None or report is None or not report.markets or before is None:
        return None  # also of a slot that idles, or has not got as far as its markets
    accepted = merged(before.document(), plan.accepted.document())
    if accepted is None:
        return None
    slots = {slot: [market.name for market in config.markets] for slot, config in plan.slots.items()}
    slots[pod.ordinal] = [market.market for market in report.markets]
    try:
        config = slot_config(planned.bot, accepted.spec, accepted.venues, slots, pod.ordinal)
    except KeyError:  # a market at a venue that the spec of its start does not name
        return None
    told = {name: getattr(planned, name) for name in FROM_THE_PLAN}
    interim = config.model_copy(update=told)
    if interim.config_hash() == planned.config_hash():
        return planned
    return interim.model_copy(update={"generation": max(planned.generation - 1, 0)})  # the mount is newer


@lru_cache(RECENT)
def merged(running: str, wanted: str) -> Accepted | None:
    """Two documents of accepted specs; None where the two do not go together."""
    before, after = Accepted.read(running), Accepted.read(wanted)
    venues = {name: taking(venue, after.venues[name], ChangeClass.HOT_RELOAD) if name in after.venues else venue
              for name, venue in before.venues.items()}  # fmt: skip
    spec = taking(before.spec, after.spec, ChangeClass.HOT_RELOAD)
    try:
        return Accepted.read(Accepted(spec, venues).document())
    except ValueError:
        return None
