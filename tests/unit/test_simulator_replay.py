"""The replay's pace at full speed: it waits for clients that are behind, and not for ever."""

import asyncio
import json
from pathlib import Path

from harness.simulator import book_ticker
from tradingbot_runtime.simulator.accounts import Account, Commission
from tradingbot_runtime.simulator.exchange import Exchange
from tradingbot_runtime.simulator.instruments import listing
from tradingbot_runtime.simulator.rate_limits import RateLimits
from tradingbot_runtime.simulator.recording import FrameReader
from tradingbot_runtime.simulator.replay import Replay
from tradingbot_runtime.simulator.signatures import Credentials
from tradingbot_runtime.simulator.venue import SimulatedVenue

BTC = listing("BTCUSDT")
FRAMES = 500


class Client:
    """A client that is behind until it is told to catch up."""

    def __init__(self) -> None:
        self.frames_behind = 1_000_000
        self.asked = asyncio.Event()

    def backlog(self) -> int:
        if self.frames_behind:
            self.asked.set()
        return self.frames_behind


def venue() -> SimulatedVenue:
    exchange = Exchange([BTC], Account({}, Commission(maker=0, taker=0)), first_id=1)
    return SimulatedVenue(exchange, Credentials(api_key="a", secret="b"), RateLimits(1, 1))  # noqa: S106 (no secret)


def recording(folder: Path) -> Path:
    path = folder / "recording"
    lines = [f"{n} {json.dumps(book_ticker(n, ('60000.00', '1'), ('60000.01', '1')))}\n" for n in range(1, FRAMES + 1)]
    path.write_text("".join(lines))
    return path


def test_at_full_speed_the_market_waits_while_a_client_is_behind_and_goes_on_when_it_is_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        simulated, client = venue(), Client()
        replay = Replay(simulated, FrameReader([BTC]), None, client.backlog)
        playing = asyncio.create_task(replay.run(recording(tmp_path), loop=False))
        await asyncio.wait_for(client.asked.wait(), 5)
        assert simulated.market_events < FRAMES
        client.frames_behind = 0
        await asyncio.wait_for(playing, 5)
        assert simulated.market_events == FRAMES

    asyncio.run(scenario())
