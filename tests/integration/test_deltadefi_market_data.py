"""DeltaDeFi's book and trades from the simulator over real sockets, with the account's key in the address."""

import asyncio

from harness.deltadefi_wire import ADAUSDM
from harness.runtime_process import STILL
from harness.simulator import SimulatorProcess, trade
from harness.waiting import met
from tradingbot_runtime.clock import Clock
from tradingbot_runtime.model import FeedLost, ReferenceTicked
from tradingbot_runtime.venues.connection import Backoff
from tradingbot_runtime.venues.deltadefi.credentials import DeltaDefiCredentials
from tradingbot_runtime.venues.deltadefi.feed import deltadefi_feed, deltadefi_tape
from tradingbot_runtime.venues.tape import PublicTrade


def test_book_and_trades_are_read_and_a_wrong_key_is_a_lost_feed() -> None:
    asyncio.run(watch())


async def watch() -> None:
    ticks: list[ReferenceTicked | FeedLost] = []
    trades: list[PublicTrade] = []
    refused: list[ReferenceTicked | FeedLost] = []
    clock = (Clock().now_ns, Backoff(lambda: 0.0))
    with SimulatorProcess(*STILL, "--venue", "deltadefi", "--symbol", "ADAUSDT") as simulator:
        good, bad = (DeltaDefiCredentials(key, "") for key in (simulator.deltadefi_api_key, "another"))
        stream = simulator.deltadefi_stream
        feeds = (
            deltadefi_feed(stream, lambda: good, ADAUSDM, ticks.append, clock),
            deltadefi_tape(stream, lambda: good, ADAUSDM, trades.append, clock),
            deltadefi_feed(stream, lambda: bad, ADAUSDM, refused.append, clock),
        )
        running = [asyncio.ensure_future(feed.run()) for feed in feeds]
        await met(lambda: ticks and refused and feeds[1].health.frames)
        for number in range(1, 4):
            simulator.admin.play([trade(number, "0.3000", "1000", buyer_is_maker=True, symbol="ADAUSDT")])
        await met(lambda: trades)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    first = ticks[0]
    assert isinstance(first, ReferenceTicked)
    assert first.bid is not None
    assert first.ask is not None
    assert 0 < first.bid < first.ask
    assert [one.trade_id for one in trades] == list(range(1, len(trades) + 1))
    assert {type(event) for event in refused} == {FeedLost}
    assert "another" not in str(refused)
