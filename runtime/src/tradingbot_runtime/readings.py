"""From the counters, where they are kept, to metric families. Runs at a scrape, never on the tick path."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tradingbot_runtime.control import ControlServer
from tradingbot_runtime.core.orders import UNPROVED
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.metric_families import Family, Histogram, Readings, Values
from tradingbot_runtime.model import ASSET_EXPONENT, HedgeStress, TradingState
from tradingbot_runtime.performance_readings import performance
from tradingbot_runtime.slot import Slot
from tradingbot_runtime.telemetry import LineWriter, metrics
from tradingbot_runtime.venues.link import VenueLink


@dataclass(slots=True)
class Sources:
    """Where the counters are."""

    slot: Slot
    links: Mapping[str, VenueLink]
    control: ControlServer | None
    log_lines: LineWriter
    lag_s: float = 0.0


def readings(sources: Sources) -> Readings:
    slot = sources.slot
    found: dict[Family, Values] = {
        metrics.STATE: {(state,): int(state is slot.standing.state) for state in TradingState},
        metrics.CONFIG_INFO: {(slot.config.config_hash(),): 1},
        metrics.HALTS: {(reason,): count for reason, count in Counter(halt.reason for halt in slot.halts.held).items()},
        metrics.JOURNAL_COMMIT: {(): slot.journal.commits},
        metrics.LOOP_LAG: {(): sources.lag_s},
        metrics.TASKS: {(): len(asyncio.all_tasks())},
        metrics.LOG_DROPPED: {(): sources.log_lines.dropped},
        metrics.CONTROL: {(o,): n for o, n in sources.control.outcomes.items()} if sources.control else {},
    }
    measured = performance({name: live.engine.market for name, live in slot.markets.items()})
    return {**found, **_feeds(slot, sources.links.values()), **_markets(slot.markets.values()), **measured}


def _feeds(slot: Slot, links: Iterable[VenueLink]) -> dict[Family, Values]:
    frames: dict[tuple[str, ...], int] = {}
    ages: dict[tuple[str, ...], float] = {}
    late: dict[tuple[str, ...], float] = {}
    reconnects: dict[tuple[str, ...], int] = {}
    errors: dict[tuple[str, ...], int] = {}
    for link in links:
        for feed in link.feeds.values():
            health = feed.health
            bad = health.bad or {}
            frames[health.name, "ok"] = health.frames - sum(bad.values())
            frames.update({(health.name, reason): count for reason, count in bad.items()})
            ages[health.name,] = (slot.now_ns() - health.last_frame_ns) / 1e9
            late[health.name,] = health.late_ns / 1e9
            reconnects[health.name,] = health.reconnects
        if link.gateway is not None:
            errors.update({(link.name, kind): count for kind, count in link.gateway.health.errors.items()})
    return {
        metrics.FRAMES: frames, metrics.FEED_AGE: ages, metrics.FEED_LATE: late, metrics.RECONNECTS: reconnects,
        metrics.VENUE_ERRORS: errors,
    }  # fmt: skip


def _markets(markets: Iterable[LiveMarket]) -> dict[Family, Values]:
    found: dict[Family, dict[tuple[str, ...], int | Decimal]] = {
        family: {}
        for family in (metrics.RESIDUAL, metrics.HEDGE_STRESS, metrics.ORDERS, metrics.OPEN_ORDERS,
                       metrics.UNKNOWN_ORDERS, metrics.POSITION, metrics.PNL, metrics.FILLS, metrics.RISK_REFUSED)
    }  # fmt: skip
    durations = Histogram()
    for market in markets:
        name, state, instrument, health = market.name, market.engine.market, market.instrument, market.health
        found[metrics.OPEN_ORDERS][name,] = len(state.orders.live)
        found[metrics.UNKNOWN_ORDERS][name,] = sum(1 for order in state.orders if order.state in UNPROVED)
        found[metrics.POSITION][name,] = instrument.lot_size * state.position.lots
        if state.hedge is not None:
            found[metrics.RESIDUAL][name,] = Decimal(state.residual).scaleb(ASSET_EXPONENT)
            for stress in HedgeStress:
                found[metrics.HEDGE_STRESS][name, stress] = int(state.hedge.stress is stress)
        if state.reference.is_valid and state.terms.hedge is None:  # a hedge's profit is in that of what it hedges
            found[metrics.PNL][name,] = Decimal(state.profit - state.daily.opening).scaleb(instrument.money_exponent)
        found[metrics.ORDERS] |= {(name, outcome): count for outcome, count in health.orders.items()}
        found[metrics.ORDERS] |= {(name, f"Anomaly{reason}"): count for reason, count in health.anomalies.items()}
        found[metrics.ORDERS][name, "DuplicateFill"] = health.duplicate_fills
        found[metrics.FILLS] |= {(name, side): count for side, count in health.fills.items()}
        found[metrics.RISK_REFUSED] |= {(name, reason): count for reason, count in health.refused.items()}
        durations = health.tick_to_order
    return {**found, metrics.TICK_TO_ORDER: {(): durations}}
