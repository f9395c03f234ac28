"""Every venue adapter passes the same scenarios, each against its own simulator."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.conformance_bench import Kit
from harness.conformance_kits import KITS
from harness.conformance_scenarios import NOT_APPLICABLE, SCENARIOS, Scenario

VENUES = Path(__file__).parents[2] / "runtime/src/tradingbot_runtime/venues"
PLAYED = [
    pytest.param(venue, scenario, id=f"{venue}: {scenario.name}")
    for venue in KITS
    for scenario in SCENARIOS
    if scenario.name not in NOT_APPLICABLE[venue]
]


@pytest.fixture(scope="module")
def kits() -> Iterator[dict[str, Kit]]:
    """Those that are needed, each as long as its simulator."""
    made: dict[str, Kit] = {}
    opened = []
    try:
        for venue, open_kit in KITS.items():
            context = open_kit()
            made[venue] = context.__enter__()
            opened.append(context)
        yield made
    finally:
        for context in opened:
            context.__exit__(None, None, None)


@pytest.mark.parametrize(("venue", "scenario"), PLAYED)
def test_a_venue_passes(kits: dict[str, Kit], venue: str, scenario: Scenario) -> None:
    asyncio.run(_play(kits[venue], scenario))


async def _play(kit: Kit, scenario: Scenario) -> None:
    async with kit.open() as bench:
        try:
            for step in scenario.steps:
                await step(bench)
            await bench.agree()
        finally:
            kit.heal(bench)
            await bench.empty()


def test_every_adapter_is_in_the_suite_and_every_scenario_is_played_or_excused() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(names) == len(set(names))
    packages = {path.parent.name for path in VENUES.glob("*/gateway.py")}
    assert packages == {venue.partition(" ")[0].lower() for venue in KITS}
    for venue, excused in NOT_APPLICABLE.items():
        assert set(excused) <= set(names), f"{venue} is excused from what nobody asks for"
        assert all(excused.values())
