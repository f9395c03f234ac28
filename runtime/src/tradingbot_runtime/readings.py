"""From the counters, where they are kept, to metric families. Runs at a scrape, never on the tick path."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tradingbot_runtime.control import ControlServer
from tradingbot_runtime.feed_readings import feed_readings
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.logs import LineWriter
from tradingbot_runtime.market_readings import market_readings
from tradingbot_runtime.metric_families import Family, Histogram, Readings, Values
from tradingbot_runtime.model import TradingState
from tradingbot_runtime.performance_readings import performance
from tradingbot_runtime.reconcile import Reconciler
from tradingbot_runtime.slot import Slot
from tradingbot_runtime.telemetry import metrics
from tradingbot_runtime.venue_readings import venue_readings
from tradingbot_runtime.venues.link import VenueLink


@dataclass(slots=True)
class Sources:
    """Where the counters are."""

    slot: Slot
    links: Mapping[str, VenueLink]
    reconcilers: Mapping[str, Reconciler]  # by market
    control: ControlServer | None
    log_lines: LineWriter
    lease_left_s: Callable[[], float | None]  # None: there is no Lease to hold
    spans_dropped: Callable[[], Mapping[str, int]] = dict  # by reason; empty where nothing is traced
    lag_s: float = 0.0


def readings(sources: Sources) -> Readings:
    slot = sources.slot
    now_ns, markets = slot.now_ns(), {name: live.engine.market for name, live in slot.markets.items()}
    return {
        **_slot(slot),
        **_process(sources),
        **_journal(slot.journal),
        **venue_readings(sources.links.values(), slot.venues(), slot.budgets, now_ns),
        **feed_readings(slot.config.legs, slot.markets, now_ns),
        **market_readings(slot.markets, sources.reconcilers, now_ns),
        **performance(markets),
    }


def _slot(slot: Slot) -> dict[Family, Values]:
    ticked = Histogram.sum_of(live.health.tick_to_order for live in slot.markets.values())
    return {
        metrics.STATE: {(state,): int(state is slot.standing.state) for state in TradingState},
        metrics.CONFIG_INFO: {(slot.config.config_hash(),): 1},
        metrics.HALTS_HELD: {(reason,): n for reason, n in Counter(halt.reason for halt in slot.halts.held).items()},
        metrics.HALTS_LATCHED: {(reason,): number for reason, number in slot.halts.latched.items()},
        metrics.TICK_TO_ORDER: {(): ticked},
    }


def _process(sources: Sources) -> dict[Family, Values]:
    lease_left_s = sources.lease_left_s()
    return {
        metrics.LEASE_LEFT: {} if lease_left_s is None else {(): lease_left_s},
        metrics.LOOP_LAG: {(): sources.lag_s},
        metrics.TASKS: {(): len(asyncio.all_tasks())},
        metrics.LOG_DROPPED: {(): sources.log_lines.dropped},
        metrics.SPANS_DROPPED: {(reason,): number for reason, number in sources.spans_dropped().items()},
        metrics.CONTROL: {(o,): n for o, n in sources.control.outcomes.items()} if sources.control else {},
    }


def _journal(journal: Journal) -> dict[Family, Values]:
    volume = os.statvfs(journal.path.parent)
    return {
        metrics.JOURNAL_COMMIT: {(): journal.commits},
        metrics.JOURNAL_BYTES: {(): journal.path.stat().st_size},
        metrics.VOLUME_FREE: {(): volume.f_bavail * volume.f_frsize},
        metrics.VOLUME_SIZE: {(): volume.f_blocks * volume.f_frsize},
    }
