"""A bot that quotes at two venues, each a simulator of its own: what becomes of one when the other is away."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.runtime_process import STILL, RuntimeProcess, manifest, runtime
from harness.simulator import SimulatorProcess, until

AWAY, FIRST = "away", "first"  # the venue that a test takes away, and its market: the bot's first


@contextmanager
def quoting_at_two_venues(
    folder: Path, simulator: SimulatorProcess, *options: str
) -> Iterator[tuple[RuntimeProcess, SimulatorProcess]]:
    """The bot, with four orders at `simulator` and four at the second venue, which is yielded as well."""
    with SimulatorProcess(*STILL) as away, runtime(folder, simulator, options=options) as bot:
        bot.environment = {"TRADINGBOT_AWAY_API_KEY": away.api_key, "TRADINGBOT_AWAY_SECRET_KEY": away.secret}
        here, document = manifest(simulator, bot.name)
        there = {**manifest(away, bot.name)[0], "metadata": {"name": AWAY}}
        (market,) = document["spec"]["markets"]
        place = {"venue": AWAY, "symbol": "BTCUSDT"}
        document["spec"]["markets"] = [{"name": FIRST, "reference": place, "execution": place}, market]
        bot.documents = [there, here, document]
        bot.start().until_quoting()
        until(lambda: len(away.admin.open_orders()) == 4, "it quotes at both")
        yield bot, away
