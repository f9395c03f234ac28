"""The runtime's own tick path against the bench's venue, as one process.

    bot_client.py PORT FOLDER [--unwritten] [--stages] [--watched | --unwatched]

Made of what `barrier.py` makes it of: BinanceFeed, LiveMarket, Engine, the journal on a file, BinanceGateway with HMAC
keys read from a mounted folder, on uvloop. Left out is only what the bench's venue does not serve: REST (the
instrument is fixed, the balances are told), metrics and the control stream. Ends with the venue,
or by SIGTERM.
"""

import argparse
import asyncio
import json
import secrets
import signal
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from string import Template

import structlog
import uvloop
from observed import Unwatched, log_as_a_pod, scrape
from stage_times import ENGINE, JOURNAL, SEND, MeasurableEngine, Stages

from tradingbot_runtime.clock import Clock
from tradingbot_runtime.config import SlotConfig, load, slot_config
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.order_ids import OrderIds, bot_number
from tradingbot_runtime.core.positions import Account, Position
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.lease import boot_time_ns
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import (
    BalancesReported,
    ClockMeasured,
    Instrument,
    Lots,
    Money,
    StateChanged,
    TimePassed,
    TradingState,
)
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.terms import budget_of, terms_of
from tradingbot_runtime.venues.binance.signing import Credentials, credentials
from tradingbot_runtime.venues.credentials import CredentialsFolder
from tradingbot_runtime.venues.link import VenueLink
from tradingbot_runtime.venues.protocols import GatewayPorts

TIMER_S = 0.1  # as in app.py
DEAD_AFTER_NS = 20_000_000_000
LEASE_NS = 3_600 * 1_000_000_000
BTCUSDT = Instrument(
    venue="bench", symbol="BTCUSDT", base="BTC", quote="USDT", tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"),
    min_lots=Lots(1), max_lots=Lots(900_000_000), min_notional=Money(5 * 10**8),
)  # fmt: skip


class UnwrittenJournal(Journal):
    """Keeps nothing of what is decided: what the journal costs is the difference to a run with one."""

    def write(self, *_: object) -> None:
        """Nothing."""


def configuration(port: int) -> SlotConfig:
    text = Path(__file__).with_name("bot.yaml").read_text(encoding="utf-8")
    manifest = load(Template(text).substitute(port=port))
    return slot_config(manifest.identity, manifest.bot, manifest.venues, {0: ["btc"]}, 0)


def mounted_keys(folder: Path) -> Callable[[], Credentials]:
    """Made-up HMAC keys in files, read as in a pod."""
    folder.mkdir(parents=True)
    for name in ("apiKey", "secretKey"):
        (folder / name).write_text(secrets.token_hex(32), encoding="utf-8")
    return CredentialsFolder(folder, credentials)


def engine_of(config: SlotConfig, journal: Journal, kind: type[Engine]) -> Engine:
    market = config.markets[0]
    state = Market(terms_of(config, market, BTCUSDT, BTCUSDT), Position(BTCUSDT), Account(BTCUSDT))
    ids = OrderIds(bot_number(config.bot.uid), config.slot, journal.next_epoch(config.epoch))
    return kind(state, ids, budget_of(config, "bench"))


class Bot:
    """One market, from its feed to its gateway."""

    def __init__(
        self, config: SlotConfig, journal: Journal, keys: Callable[[], Credentials], kind: type[Engine] = Engine,
        live: type[LiveMarket] = LiveMarket,
    ) -> None:  # fmt: skip
        self.watched = False
        self.now_ns = Clock().now_ns
        self.ended = asyncio.Event()
        self.link = VenueLink("bench", config.venues["bench"], self.now_ns, keys, KnownSecrets())
        self.link.instruments["BTCUSDT"] = BTCUSDT
        engine = engine_of(config, journal, kind)
        fenced_at_ns = boot_time_ns() + LEASE_NS  # as if a Lease were held: the clock is looked at on every event
        self.gateway = self.link.open_gateway(
            GatewayPorts(
                on_event=lambda _, event: self.market.handle(event),
                on_connected=self.connected,
                on_refused=lambda reason, message: sys.exit(f"refused: {reason}: {message}"),
                budget=engine.budget,
                durable=journal.durable,
                is_fenced=lambda: boot_time_ns() >= fenced_at_ns,
            )
        )
        self.market = live(
            name="btc",
            instrument=BTCUSDT,
            engine=engine,
            journal=journal,
            gateway=self.gateway,
            account="bench",
            on_change=lambda: None,
            on_breach=lambda _, reason: sys.exit(f"halted: {reason}"),
            on_doubt=lambda _, order_id: sys.exit(f"in doubt: {order_id}"),
            is_fenced=lambda: boot_time_ns() >= fenced_at_ns,
        )
        self.feed = self.link.feed(BTCUSDT, self.market.handle)
        self.link.feeds["BTCUSDT"] = self.feed

    def connected(self, connected: bool, reason: str) -> None:  # noqa: FBT001 - as `OnConnected` says
        """Trade while the account stream is live; the venue sends no tick before it is, and comes only once."""
        if not connected:
            self.ended.set()
        state = TradingState.ACTIVE if connected else TradingState.RECONCILING
        self.market.handle(ClockMeasured(time_ns=self.now_ns(), offset_ns=0))  # one machine, one clock
        self.market.handle(BalancesReported(time_ns=self.now_ns(), base=0, quote=BTCUSDT.money("10000")))
        self.market.handle(StateChanged(time_ns=self.now_ns(), state=state, reason=reason or "Trading"))

    async def timer(self) -> None:
        while True:
            await asyncio.sleep(TIMER_S)
            self.market.handle(TimePassed(time_ns=self.now_ns()))

    async def run(self) -> None:
        """Until SIGTERM, or the end of the venue."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.ended.set)
        jobs = [self.feed.run(), self.gateway.run(), self.link.watch(DEAD_AFTER_NS), self.timer()]
        if self.watched:
            jobs.append(scrape(self.market, self.now_ns))
        tasks = [asyncio.create_task(job) for job in jobs]
        await self.ended.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def measured_bot(config: SlotConfig, journal: Journal, keys: Callable[[], Credentials], stages: Stages) -> Bot:
    """A bot with clocks in it."""
    bot = Bot(config, journal, stages.credentials(keys), MeasurableEngine)
    stages.measure_ticks(bot.feed, "on_text")
    stages.measure(bot.market.engine, "handle", ENGINE)
    stages.measure(journal, "write", JOURNAL)
    stages.measure(bot.gateway, "send", SEND)
    return bot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path, help="for the journal and the keys")
    parser.add_argument("--unwritten", action="store_true", help="commit nothing to the journal")
    parser.add_argument("--stages", action="store_true", help="measure the stages of a tick, and print them as JSON")
    seen = parser.add_mutually_exclusive_group()
    seen.add_argument("--watched", action="store_true", help="with logs as in a pod, and a scrape every second")
    seen.add_argument("--unwatched", action="store_true", help="without metrics, logs and decisions in the journal")
    options = parser.parse_args()
    if options.watched:
        log_as_a_pod()
    else:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    config, keys, stages = configuration(options.port), mounted_keys(options.folder / "keys"), Stages()
    with (UnwrittenJournal if options.unwritten else Journal)(options.folder / "journal.sqlite3") as journal:
        live = Unwatched if options.unwatched else LiveMarket
        bot = measured_bot(config, journal, keys, stages) if options.stages else Bot(config, journal, keys, live=live)
        bot.watched = options.watched
        uvloop.run(bot.run())
    print(json.dumps(stages.report()))  # noqa: T201 - this is the program's output


if __name__ == "__main__":
    main()
