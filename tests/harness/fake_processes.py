"""The bots' processes, and the streams to them, in memory: what each may trade, and what it says of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from harness.bot_model import report_of
from harness.slot_volume import Volume
from tradingbot_operator.core.observed import Stream
from tradingbot_operator.core.outcome import HaltOrder, HaltSlot
from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.model.control import ConfigAnswered, Halt, SlotReport
from tradingbot_runtime.model.events import TradingState


@dataclass
class Process:
    """What a container runs: the configuration that it has, and whether it may trade."""

    slot: str  # name of the pod, of the Lease and of the volume
    uid: str
    config: SlotConfig
    account: str
    volume: Volume
    drained: str = ""
    connected: bool = True
    holds_lease: bool = False
    answered: str = ""
    answer: ConfigAnswered | None = None

    @property
    def trades(self) -> frozenset[tuple[str, str]]:
        """(venue, symbol)."""
        if not self.holds_lease or self.drained or self.volume.held:
            return frozenset()
        return frozenset((leg.execution.venue, leg.execution.symbol) for leg in self.config.legs)

    def report(self) -> SlotReport:
        state = TradingState.ACTIVE if self.holds_lease else TradingState.STARTING
        state = TradingState.HALTED if self.volume.held else TradingState.DRAINED if self.drained else state
        whole = report_of(self.config, self.uid, account_uid=self.account, state=state, draining=bool(self.drained),
                          ready=state in (TradingState.ACTIVE, TradingState.DRAINED), message=self.drained,
                          halts=tuple(self.volume.held.values()), resumed=self.volume.released)  # fmt: skip
        if self.trades:
            return whole
        return msgspec.structs.replace(
            whole, markets=tuple(msgspec.structs.replace(market, open_orders=0) for market in whole.markets)
        )


@dataclass
class FakeStreams:
    """In place of `RuntimeClient`: what it is asked is done at once, or not at all."""

    running: Mapping[str, Process]  # by the pod's uid
    changed: Callable[[Process], None]
    halts_ordered: dict[str, frozenset[str]] = field(default_factory=dict)

    def ensure(self, bot: object, uid: str, pod: str, address: str) -> None:
        """There are no connections to open."""

    def keep_only(self, bot: object, uids: object) -> None:
        """As above."""

    def kick(self, uid: str) -> None:
        """As above."""

    def venue_reports(self, *_: str) -> tuple[()]:
        """Nobody's status is looked at."""
        return ()

    def view(self, uid: str) -> Stream:
        process = self.running.get(uid)
        if process is None:
            return Stream()
        drained = 0.1 if process.drained else None
        return Stream(report=process.report(), connected=process.connected, draining_for_s=drained,
                      drain_reason=process.drained, reported_since_drain=bool(process.drained),
                      sent_hash=process.answered, answer=process.answer, lost_for_s=0.0 if process.connected else 60.0,
                      halt_times=dict.fromkeys(process.volume.held, "2026-01-02T00:00:01Z"),
                      halts_ordered=self.halts_ordered.get(uid, frozenset()))  # fmt: skip

    async def drain(self, uid: str, reason: str, *, flatten: bool) -> None:
        if process := self._heard(uid):
            process.drained = f"{reason}, flatten" if flatten else reason
            self.changed(process)

    async def configure(self, uid: str, document: str, config_hash: str) -> None:
        process = self._heard(uid)
        config = SlotConfig.model_validate_json(document)
        if process is None:
            return
        process.answered = config_hash
        takes = [market.name for market in config.markets] == [market.name for market in process.config.markets]
        process.answer = ConfigAnswered(config_hash=config_hash, outcome="Applied" if takes else "RestartRequired")
        if takes:
            process.config = config
            process.volume.take(config)
        self.changed(process)

    async def order(self, uid: str, order: HaltOrder) -> None:
        process = self._heard(uid)
        if process is None:
            return
        if isinstance(order, HaltSlot):
            process.volume.latch(Halt(id=order.halt.id, reason=order.halt.reason, at_ns=0, message=""))
            self.halts_ordered[uid] = self.halts_ordered.get(uid, frozenset()) | {order.halt.id}
        else:
            process.volume.release(order.halt_id)
        self.changed(process)

    def ordered(self, uid: str, order: HaltOrder) -> bool:
        return isinstance(order, HaltSlot) and order.halt.id in self.halts_ordered.get(uid, frozenset())

    def _heard(self, uid: str) -> Process | None:
        process = self.running.get(uid)
        return process if process and process.connected else None
