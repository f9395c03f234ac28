"""The composition root: the one place where the runtime's objects meet, and the order in which they start and end.

servers -> Lease -> start barrier -> trade -> (SIGTERM, Ctrl-C, ...) -> cancel all, confirm, flush, release
"""

import asyncio
import signal
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from tradingbot_runtime.barrier import Barrier
from tradingbot_runtime.carrying import take_over_carried
from tradingbot_runtime.clock import Clock
from tradingbot_runtime.config import OnStop, SlotConfig
from tradingbot_runtime.core.standing import Circumstances
from tradingbot_runtime.ending import tell_left, until_markets_known, withdraw
from tradingbot_runtime.ending_signals import ending_signals
from tradingbot_runtime.errors import ConfigError, JournalError, JournalLocked, TradingError
from tradingbot_runtime.former_markets import left_open
from tradingbot_runtime.halt_file import HaltFile
from tradingbot_runtime.inputs.folder import inputs_folder
from tradingbot_runtime.inputs.lines import Leaving
from tradingbot_runtime.inputs.opening import opening_lines
from tradingbot_runtime.inputs.segments import SegmentWriter
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal.journal import CONFIG
from tradingbot_runtime.journal.presence import Presence
from tradingbot_runtime.journal.retention import most_bytes
from tradingbot_runtime.lease import KubernetesLeases
from tradingbot_runtime.logs import Logs
from tradingbot_runtime.market_watch import MarketWatch
from tradingbot_runtime.model import TimePassed
from tradingbot_runtime.model.control import ENDED, SHUTDOWN_WITHIN_S
from tradingbot_runtime.newer_config import newer, understood
from tradingbot_runtime.owned_tasks import OwnedTasks
from tradingbot_runtime.progress import tell_progress
from tradingbot_runtime.readings import Sources
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.risk_watch import RiskWatch
from tradingbot_runtime.servers import Addresses, serve
from tradingbot_runtime.slot import Slot
from tradingbot_runtime.start_gate import StartGate
from tradingbot_runtime.uncompared import uncompared
from tradingbot_runtime.untraded import fits, untraded_before
from tradingbot_runtime.venue_reports import venue_reports
from tradingbot_runtime.venues.link import VenueLink
from tradingbot_runtime.venues.rotation import Rotation

log = structlog.get_logger("app")

TICK_S = 0.1
LOOK_S = 1.0
LOCK_WITHIN_S = SHUTDOWN_WITHIN_S + 15.0  # a pod's grace period, and some
LOCK_POLL_S = 0.2
UNASKED_WITHIN_S = 4.0  # who ends without being asked is fenced, or is to restart and recover: soon, in both cases
ASKED_AGAIN_S = 0.5  # who asks within this asks for the same: `timeout` signals the process, and then its whole group
DEAD_AFTER_NS = 20_000_000_000
OK, FAILED, REFUSED, FENCED = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Process:
    """How the process runs; what it trades is the slot's configuration."""

    journal: Path
    halt_file: Path  # while it is there, trading is halted
    credentials: Callable[[SlotConfig, str], Callable[[], Any] | None]  # of a venue, of its type
    secrets: KnownSecrets  # all that it has loaded
    addresses: Addresses
    pod_uid: str
    leases: KubernetesLeases | None
    logs: Logs
    shutdown_within_s: float  # how long SIGTERM insists on an empty venue
    tells_progress: bool  # somebody may be watching: log what the markets do
    open_journal: Callable[[Path], Journal] = Journal  # raises JournalError
    spans_dropped: Callable[[], Mapping[str, int]] = dict  # by reason; empty where nothing is traced


@dataclass(slots=True)
class App:
    config: SlotConfig
    process: Process
    clock: Clock = field(default_factory=Clock)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    asked_at: float | None = None  # when the first signal came, on the event loop's clock
    hurried: asyncio.Event = field(default_factory=asyncio.Event)  # end now, whatever is left
    exit_code: int = OK
    next: SlotConfig | None = None  # this process only withdraws what its configuration has left, then runs that one
    refusal: ConfigError | None = None  # why the configuration cannot be used, where only the venue could tell
    sources: Sources | None = None
    gate: StartGate = field(init=False)
    tasks: OwnedTasks = field(init=False)  # as long as the process lives; a failure ends it: recovery is the restart

    def __post_init__(self) -> None:
        self.tasks = OwnedTasks(self._failed)
        self.gate = StartGate(self.process.leases, self.config.lease, self.process.pod_uid)

    async def run(self) -> int:
        """Trade until asked to end (`ending_signals`); returns the exit code. Raises JournalError and ConfigError."""
        loop = asyncio.get_running_loop()
        for number in ending_signals():
            loop.add_signal_handler(number, self._asked, number)
        self.process.logs.follow_signals(loop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # one that came before is heard now
        async with AsyncExitStack() as stack:
            await self.gate.answer(stack)
            if (found := await self._journal()) is None:
                return OK
            journal, presence = stack.enter_context(found), Presence(found.path)
            journal.pin("bot", f"{self.config.bot.namespace}/{self.config.bot.name}")
            self._choose(newer(self.config, journal.meta(CONFIG)), journal)
            links = self._links()  # a start without credentials is refused, and nothing is written of what never ran
            slot = self._slot(journal)
            stack.callback(slot.inputs.close)
            barrier = Barrier(slot, links, self.gate.is_fenced, self.tasks.spawn)
            slot.venues = partial(venue_reports, links, barrier.doubts, barrier.reconcilers)
            self.sources = Sources(slot, links, barrier.reconcilers, None, self.process.logs.lines,
                                   self.gate.lease_left_s, self.process.spans_dropped)  # fmt: skip
            await serve(stack, self.process.addresses, self.sources)
            watch = RiskWatch(slot, links, HaltFile(self.process.halt_file, slot.halts.is_held_by, slot.halted_by_hand))
            watch.halt_file.look()
            for work in (watch.halt_file.watch(), watch.clocks(), watch.remember(), presence.watch(),
                         self._trade(slot, barrier)):  # fmt: skip
                self.tasks.spawn(work)
            await self.ended.wait()
            await self._end(slot, barrier)
            self._remember(watch, presence)
        if self.refusal is not None:
            raise self.refusal
        if self.next is not None and self.exit_code == OK and self.asked_at is None:
            return await App(self.next, self.process).run()
        return self.exit_code

    def _choose(self, wanted: SlotConfig, journal: Journal) -> None:
        """What to start from: the wanted configuration, or first the one before it, for the orders that it has left."""
        former = left_open(journal.path, understood(journal.meta(CONFIG)), wanted)
        self.config, self.next = (wanted, None) if former is None else (former, wanted)

    def _asked(self, number: signal.Signals) -> None:
        """To end in order; asked once more, to end now. A shell and the kernel both tell of one terminal's end."""
        now = asyncio.get_running_loop().time()
        if self.asked_at is None:
            self.asked_at = now
        elif now - self.asked_at >= ASKED_AGAIN_S and number != signal.SIGHUP:
            self.hurried.set()
        self.ended.set()

    async def _journal(self) -> Journal | None:
        """In a cluster the slot's former pod may still be dying on the same volume: that takes seconds, not a crash.

        None where this process is asked to end while it waits.
        """
        tries = int(LOCK_WITHIN_S / LOCK_POLL_S) if self.process.leases is not None else 0
        for attempt in range(tries):
            try:
                return self.process.open_journal(self.process.journal)
            except JournalLocked:
                if attempt == 0:
                    log.info("JournalAwaited", journal=str(self.process.journal))
            with suppress(TimeoutError):
                async with asyncio.timeout(LOCK_POLL_S):
                    await self.ended.wait()
                return None
        return self.process.open_journal(self.process.journal)

    def _slot(self, journal: Journal) -> Slot:
        desired = Circumstances(self.config.desired_state, bool(self.config.markets),
                                closes_stopped=self.config.on_stop is OnStop.FLATTEN)  # fmt: skip
        epoch_before, untraded = journal.last_epoch, untraded_before(journal, self.config)
        epoch = journal.next_epoch(self.config.epoch)
        slot = Slot(self.config, journal, self.clock.now_ns, self.process.pod_uid, epoch, desired)
        slot.epoch_before, slot.epoch_seen_before = epoch_before, self.config.epoch
        slot.account_uid = self.gate.account_uid
        slot.untraded = lambda: untraded and fits(epoch, self.gate.holdings())
        slot.note_config()
        slot.take_halts()
        take_over_carried(slot)
        slot.inputs.writer = SegmentWriter(inputs_folder(self.process.journal), self.config.inputs_bytes)
        slot.inputs.snapshot = partial(opening_lines, slot)
        slot.inputs.drain()  # from the first event on
        return slot

    def _links(self) -> dict[str, VenueLink]:
        credentials = partial(self.process.credentials, self.config)
        return {
            name: VenueLink(name, spec, self.clock.now_ns, credentials(name), self.process.secrets)
            for name, spec in self.config.venues.items()
        }

    # -- life ----------------------------------------------------------------------------------------------------

    async def _trade(self, slot: Slot, barrier: Barrier) -> None:
        await self.gate.acquire(slot)
        self.tasks.spawn(self._keep_lease(slot))
        self.tasks.spawn(self._tick(slot))
        for link in barrier.links.values():
            self.tasks.spawn(link.watch(DEAD_AFTER_NS))
            self.tasks.spawn(Rotation(link, lambda record: slot.journal.write("", [record], [])).watch())
        if self.next is not None:
            await barrier.compare()
            self.ended.set()
            return
        await barrier.run()
        log.info("BarrierPassed", state=slot.standing.state, markets=sorted(slot.markets), epoch=slot.epoch)
        if self.process.tells_progress:
            self.tasks.spawn(tell_progress(slot))
        while True:
            await asyncio.sleep(LOOK_S)
            # Without the account stream as well: REST can withdraw what it cannot. A market whose questions hang holds
            # up no other one.
            await asyncio.gather(*(reconciler.look() for reconciler in barrier.reconcilers.values()))
            late = uncompared(barrier.reconcilers.values())
            slot.update(uncompared="; ".join(f"venue {venue}: {text}" for venue, text in sorted(late.items())))

    async def _keep_lease(self, slot: Slot) -> None:
        if await self.gate.keep(slot):
            self.exit_code = FENCED
            # An end that has begun is cut short: sooner or later the next pod's orders would be met as well.
            asyncio.get_running_loop().call_later(UNASKED_WITHIN_S, self.hurried.set)
            self.ended.set()

    async def _tick(self, slot: Slot) -> None:
        """The timer of everything that depends on time alone; measures how late the event loop is."""
        loop = asyncio.get_running_loop()
        due, watch = loop.time(), MarketWatch(slot)
        while True:
            due += TICK_S
            await asyncio.sleep(max(due - loop.time(), 0))
            if self.sources is not None:
                self.sources.lag_s = max(loop.time() - due, 0)
            due = max(due, loop.time() - TICK_S)
            slot.journal.check()
            slot.journal.trim(most_bytes(slot.config.history_bytes, self.process.journal))
            slot.inputs.drain()
            for market in slot.markets.values():
                market.handle(TimePassed(time_ns=self.clock.now_ns()))
                daily = market.engine.market.daily
                if daily.day >= 0:
                    slot.journal.keep_day(market.ledger, daily.day, daily.opening)
            watch.look()

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, ConfigError):
            self.refusal = error
        elif isinstance(error, JournalError) and self.sources is not None:
            self.sources.slot.journal.abandon()
        self.exit_code = FAILED if self.refusal is None else REFUSED
        known = isinstance(error, TradingError)  # says all there is to say; anything else is a bug
        log.error("Failed", error=type(error).__name__, message=str(error), exc_info=None if known else error)
        self.ended.set()

    # -- end -----------------------------------------------------------------------------------------------------

    async def _end(self, slot: Slot, barrier: Barrier) -> None:
        """SIGTERM always cancels, and never sells: cancel all, confirm at the venue, flush, release the Lease."""
        slot.inputs.note(Leaving())
        for market in slot.markets.values():
            market.engine.market.terms = market.engine.market.leaving_nothing()
        self._stop(slot)
        asked = self.exit_code == OK
        within_s = self.process.shutdown_within_s if asked else UNASKED_WITHIN_S
        if asked:
            within_s = await until_markets_known(slot, barrier, self.gate.is_fenced, within_s, self.hurried)
        await withdraw(barrier.reconcilers.values(), within_s, self.hurried, self._failed)
        if tell_left(slot, barrier):
            self.exit_code = self.exit_code or FAILED
        await self.tasks.cancel()
        for link in barrier.links.values():
            await link.close()
        log.info(ENDED, exit_code=self.exit_code, never_traded=slot.never_traded)

    def _stop(self, slot: Slot) -> None:
        """Whatever the journal does: this comes before the first cancel, which must not be missed for it."""
        try:
            slot.update(terminating=True)
        except JournalError as error:
            self._failed(error)
            slot.tell_markets()  # without the journal: those that have not heard of it would go on quoting

    def _remember(self, watch: RiskWatch, presence: Presence) -> None:
        try:
            if self.exit_code == OK:  # else it is known
                presence.look()
            watch.remember_now()
        except JournalError as error:
            self._failed(error)
