"""A scenario: a gateway connected to a scripted DeltaDeFi venue, both in the test's event loop."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from harness.deltadefi_shell import Shell, shell
from harness.deltadefi_venue import ScriptedVenue, scripted_venue

Scenario = Callable[[Shell, ScriptedVenue], Awaitable[None]]


def play(scenario: Scenario) -> None:
    async def run() -> None:
        api_key, password = secrets.token_hex(8), secrets.token_hex(8)
        async with (
            scripted_venue(api_key, password) as venue,
            shell(venue.url, venue.stream, api_key, password) as made,
        ):
            await made.until(lambda: venue.sockets, "the account stream is there")
            await scenario(made, venue)

    asyncio.run(run())
