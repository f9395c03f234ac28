"""What `make bench-operator` measures; each function returns the rows of one thing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from scale_table import Row, percentile
from scale_watch import until
from scale_world import World, cpu_of, resident_mb, told, trading_halt

from harness.fleet_process import Greeted

COLD_START_WITHIN_S = 240.0
SEEN_WITHIN_S = 120.0
P99 = 0.99


@dataclass(frozen=True, slots=True)
class Load:
    """`breaches_per_second` are of different bots each; they stay halted."""

    window_s: float = 60.0
    load_s: float = 30.0
    changes_per_second: float = 25.0
    breaches_per_second: float = 2.0


async def converged(world: World, load: Load) -> list[Row]:
    before = await world.writes()
    with cpu_of(world.leader, world.plane) as cpu:
        await asyncio.sleep(load.window_s)
    wrote = await world.writes() - before
    note = f"{cpu.operator_s / load.window_s:.0%} of one processor; {told(wrote) or 'nothing'}"
    return [Row(f"converged: API writes in {load.window_s:g} s", wrote.total(), "", 0, cpu, note)]


async def cold_start(world: World, _: Load) -> list[Row]:
    """The operator is stopped and started; bots and pods go on meanwhile."""
    old = (await world.fleet.greeted()).term
    await asyncio.to_thread(world.leader.stop)
    began = time.monotonic()
    world.leader = world.begin_operator()
    with cpu_of(world.leader, world.plane) as cpu:
        now = await _greeted_anew(world, old, began + COLD_START_WITHIN_S)
        rested = await world.at_rest(began + COLD_START_WITHIN_S - time.monotonic())
    streams_s = f"all streams after {now.last_at - began:.1f} s"
    wrote = await world.writes()
    resident = resident_mb(world.leader)
    each = f"{resident * 1000 / world.bots:.0f} KB a bot, all in all"
    return [
        Row("cold start: all bots reconciled, all streams up", rested - began, "s", 20, cpu, streams_s),
        Row("cold start: API writes", wrote.total(), "", 0, None, told(wrote)),
        Row("resident memory then", resident, "MB", 250, None, each),
    ]


async def under_load(world: World, load: Load) -> list[Row]:
    """Specs change and pods breach at a steady pace."""
    await world.still(SEEN_WITHIN_S)  # a new leader's watches go on telling for a while what it has listed
    before = await world.writes()
    with cpu_of(world.leader, world.plane) as cpu:
        changes, breaches = await asyncio.gather(_changes(world, load), _breaches(world, load))
        await until(lambda: all(key in world.sight.spreads for key in changes), SEEN_WITHIN_S,
                    lambda: f"changes applied; not {sorted(set(changes) - set(world.sight.spreads))[:5]}")  # fmt: skip
        await until(lambda: all(bot in world.sight.halted for bot in breaches), SEEN_WITHIN_S,
                    lambda: "Halted=True of every bot that breached")  # fmt: skip
    applied = [world.sight.spreads[key] - at for key, at in changes.items()]
    halted = [world.sight.halted[bot] - at for bot, at in breaches.items()]
    await world.still(SEEN_WITHIN_S)
    wrote = await world.writes() - before
    each = wrote.total() / (len(applied) + len(halted))
    share = f"{cpu.operator_s / load.load_s:.0%} of one processor"
    pace = f"{load.changes_per_second:g} specs change a second"
    return [
        Row(f"spec change -> children applied, p99, {pace}", percentile(applied, P99), "s", 2, cpu,
            f"{_spread(applied)}; {share}"),
        Row("breach reported -> Halted=True, p99, same load", percentile(halted, P99), "s", 1, None, _spread(halted)),
        Row("API writes for each of them", each, "", None, None, told(wrote)),
    ]  # fmt: skip


async def _changes(world: World, load: Load) -> dict[tuple[str, str], float]:
    """(bot, spread) -> when the change was sent."""
    sent: dict[tuple[str, str], float] = {}

    async def change(number: int) -> None:
        bot, spread = world.names[number], f"9.{number:05d}1"
        sent[bot, spread] = time.monotonic()
        await world.spread(bot, spread)

    each_once = min(load.load_s, world.bots / load.changes_per_second)  # a second change may overtake the first
    await _paced(load.changes_per_second, each_once, change)
    return sent


async def _breaches(world: World, load: Load) -> dict[str, float]:
    """Bot -> when its pod reported it."""
    told: dict[str, float] = {}

    async def breach(number: int) -> None:
        bot = world.names[-1 - number]
        told[bot] = await world.fleet.breach(f"{bot}-0", f"bench-{number}")

    each_once = min(load.load_s, world.bots / load.breaches_per_second)
    await _paced(load.breaches_per_second, each_once, breach)
    return told


async def _paced(per_second: float, seconds: float, act: Callable[[int], Awaitable[None]]) -> None:
    """`act` is started that often, whether what was started before has ended or not."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(max(int(per_second * seconds), 1)):
            await asyncio.sleep(max(began + number / per_second - time.monotonic(), 0))
            group.create_task(_awaited(act(number)))


async def _awaited(act: Awaitable[None]) -> None:
    await act


def _spread(values: Sequence[float]) -> str:
    return f"{len(values)} times: p50 {percentile(values, 0.5):.2f} s, most {max(values):.2f} s"


async def leader_killed(world: World, _: Load) -> list[Row]:
    """SIGKILL, with another one standing by; a spec that changes at that moment is applied by the next."""
    standby = await asyncio.to_thread(world.begin_operator)
    await until_ready(world, standby.get)
    old, bot, spread = (await world.fleet.greeted()).term, world.names[0], "7.5"
    await asyncio.to_thread(world.leader.kill)
    killed, world.leader = time.monotonic(), standby
    await world.spread(bot, spread)
    with cpu_of(standby, world.plane) as cpu:
        applied = await until(lambda: (bot, spread) in world.sight.spreads, SEEN_WITHIN_S, lambda: "a change applied")
        now = await _greeted_anew(world, old, killed + SEEN_WITHIN_S)
    note = f"all streams after {now.last_at - killed:.1f} s" if now.streams == world.bots else f"{now.streams} streams"
    await world.at_rest(SEEN_WITHIN_S)
    return [Row("leader killed -> the next applies a change", applied - killed, "s", 25, cpu, note)]


async def _greeted_anew(world: World, old_term: int, end: float) -> Greeted:
    """What the next leader's streams are when it has all of them, or at the end: the caller says what lacks."""
    while (now := await world.fleet.greeted()).term <= old_term or now.streams < world.bots:
        if time.monotonic() > end:
            break
        await asyncio.sleep(0.1)
    return now


async def until_ready(world: World, get: Callable[[str], tuple[int, str]]) -> None:
    """A standby is ready once it has seen that the leader renews."""
    end = time.monotonic() + SEEN_WITHIN_S
    while (await asyncio.to_thread(get, "/readyz"))[0] != 200 and time.monotonic() < end:
        world.tell("waiting for the standby")
        await asyncio.sleep(0.1)


async def halt(world: World, _: Load) -> list[Row]:
    name = "everything"
    by = f"TradingHalt/{name}"
    before = await world.writes()
    with cpu_of(world.leader, world.plane) as cpu:
        began = time.monotonic()
        await world.api.create("TradingHalt", world.namespace, trading_halt(name))
        await until(lambda: all((bot, name) in world.sight.held for bot in world.names), SEEN_WITHIN_S,
                    lambda: f"{len(world.sight.held)} of {world.bots} statuses say so")  # fmt: skip
    streams = await world.fleet.halted(by)
    held = [world.sight.held[bot, name] - began for bot in world.names]
    acknowledged = (
        f"{len(streams)} of {world.bots} streams, half of them after {percentile(streams, 0.5) - began:.2f} s"
    )
    return [
        Row("TradingHalt -> acknowledged on every stream", max(streams) - began, "s", 5, cpu, acknowledged),
        Row(
            "TradingHalt -> in every status",
            max(held),
            "s",
            20,
            None,
            f"half of them after {percentile(held, 0.5):.2f} s; {told(await world.writes() - before)}",
        ),
    ]


STEPS: Sequence[tuple[str, Callable[[World, Load], Awaitable[list[Row]]]]] = (
    ("converged", converged), ("cold start", cold_start), ("load", under_load), ("leader killed", leader_killed),
    ("halt", halt),
)  # fmt: skip
