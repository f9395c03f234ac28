"""A slot: the markets of one pod, their common state, and what the operator may ask of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from pydantic import ValidationError

from tradingbot_runtime.carrying import Closings
from tradingbot_runtime.cold_differences import cold_differences
from tradingbot_runtime.config import Mode, OnBreach, OnStop, SlotConfig, problems
from tradingbot_runtime.config_notes import OPERATOR, RefusalsNoted, note_config
from tradingbot_runtime.controlled import Changes
from tradingbot_runtime.core.breaches import Breach
from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.order_ids import bot_number, number_text
from tradingbot_runtime.core.standing import Circumstances, Standing, standing
from tradingbot_runtime.halts import Halts
from tradingbot_runtime.inputs.lines import Configured, Renumbered
from tradingbot_runtime.inputs.recorder import Recorder
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.market_reports import market_reports
from tradingbot_runtime.model import (
    ClockMeasured,
    HaltResumed,
    Instrument,
    Nanos,
    StateChanged,
    TradingState,
    VenueLocked,
)
from tradingbot_runtime.model.control import (
    APPLIED,
    MANUAL_HALT,
    REJECTED,
    RESTART_REQUIRED,
    ConfigAnswered,
    Halt,
    HaltAnswered,
    HaltTrading,
    SlotReport,
    VenueReport,
)
from tradingbot_runtime.risk_memory import accept
from tradingbot_runtime.sharing import share
from tradingbot_runtime.terms import budget_of, terms_of

log = structlog.get_logger("slot")

TERM = "term"  # in the journal: the highest leader's term seen


@dataclass(slots=True)
class Slot:
    config: SlotConfig
    journal: Journal
    now_ns: Callable[[], Nanos]
    pod_uid: str
    epoch: int
    circumstances: Circumstances
    markets: dict[str, LiveMarket] = field(default_factory=dict)
    references: dict[str, Instrument] = field(default_factory=dict)  # by market
    budgets: dict[str, Budget] = field(default_factory=dict)  # by venue
    halts: Halts = field(init=False)
    refusals: RefusalsNoted = field(init=False)  # of configurations
    locked: dict[str, str] = field(default_factory=dict)  # by venue: why it takes nothing; empty: it does
    inputs: Recorder = field(default_factory=Recorder)
    epoch_before: int = 0  # the journal's, before this process
    epoch_seen_before: int = 0  # by the operator; a configuration that comes later knows the epoch of this process
    venues: Callable[[], tuple[VenueReport, ...]] = tuple  # as this slot sees them
    account_uid: Callable[[], str] = str  # of the ServiceAccount; empty outside of a cluster
    untraded: Callable[[], bool] = bool  # whether it is proved that no process before this one has sent an order
    standing: Standing = field(default_factory=lambda: Standing(TradingState.STARTING, "Provisioning"))
    closings: Closings = field(default_factory=Closings)
    changed: Changes = field(default_factory=Changes)  # something that the operator should hear of

    def __post_init__(self) -> None:
        self.halts = Halts(self.journal, self.now_ns, f"{self.config.bot.name}-{self.config.slot}")
        self.refusals = RefusalsNoted(self.journal, self.now_ns)

    @property
    def bot_number(self) -> int:
        """Marks this bot's orders; from the first UID in the journal, because who takes a volume takes its orders."""
        return bot_number(self.journal.keep("uid", self.config.bot.uid))

    def take_halts(self) -> None:
        """Halts that hold: those of the journal, and those that the configuration carries for a fresh volume."""
        self._released(self.halts.take(self.config))

    def update(self, **changes: object) -> None:
        """Change circumstances; when that changes the standing, every market hears of it at once (`tell_markets`)."""
        for name, value in changes.items():
            setattr(self.circumstances, name, value)
        after = standing(self.circumstances)
        if after == self.standing:
            return
        self.standing = after
        say = log.warning if after.is_trouble else log.info
        say("StandingChanged", state=after.state, reason=after.reason, message=after.message)
        self.tell_markets()
        self.changed.set()

    def tell_markets(self, *, anew: bool = False) -> None:
        """Of the standing. Raises JournalError, which leaves the markets after the one that met it untold."""
        changed = self.state_changed(anew=anew)
        for market in self.markets.values():
            market.handle(changed)

    def state_changed(self, *, anew: bool = False) -> StateChanged:
        """The standing, as markets hear of it."""
        now = self.standing
        return StateChanged(time_ns=self.now_ns(), state=now.state, reason=now.reason, flatten=now.flatten, anew=anew)

    def breached(self, market: str, breach: Breach) -> None:
        """A market has stopped itself on a limit: latch it, for the whole slot, until a person resumes."""
        if self.halts.breached(market, breach, self.config.risk.on_breach):
            self.update(**self.halts.circumstances())
        live = self.markets[market]
        if live.engine.market.state is not self.standing.state:  # what it did by itself is not what holds
            live.handle(self.state_changed())

    def halted_by_hand(self, by: str, message: str, policy: OnBreach = OnBreach.CANCEL_ALL) -> Halt:
        """A person wants trading stopped: it is, when this returns."""
        return self.halt_for(MANUAL_HALT, by, message, policy)

    def halt_for(self, reason: str, by: str, message: str, policy: OnBreach = OnBreach.CANCEL_ALL) -> Halt:
        """Latch a halt of the whole slot."""
        halt = self.halts.asked(reason, by, message, policy)
        self._asked(policy)
        return halt

    def _asked(self, policy: OnBreach) -> None:
        """A halt was asked for, perhaps once more: what was given up of it is tried again then."""
        self.update(**self.halts.circumstances())
        if policy is OnBreach.FLATTEN:
            self.tell_markets(anew=True)

    def venue_locked(self, event: VenueLocked) -> None:
        """A venue takes nothing now, or does again: its markets hold still; all of them, and the slot is locked."""
        self.locked[event.venue] = (event.reason or "locked") if event.locked else ""
        for market in self.markets.values():
            if market.instrument.venue == event.venue:
                market.handle(event)
        used = {leg.execution.venue for leg in self.config.legs}
        whole = bool(used) and all(self.locked.get(venue) for venue in used)
        said = "; ".join(f"venue {v}: {self.locked[v]}" for v in sorted(used) if self.locked.get(v))
        self.update(locked=said if whole else "", some_locked=said)

    def clock_measured(self, venue: str, offset_ns: int) -> None:
        """How far the venue's clock is ahead of ours."""
        for market in self.markets.values():
            if market.instrument.venue == venue:
                market.handle(ClockMeasured(time_ns=self.now_ns(), offset_ns=offset_ns))

    def share_exposure(self, moved: str) -> None:
        """Tell the other markets what `moved` could come to hold; empty: tell all of them."""
        share(self.markets, moved, self.now_ns())

    def _released(self, halts: Sequence[Halt]) -> None:
        """Markets hear what was accepted before they may trade again."""
        for halt in halts:
            for market in self.markets.values():
                if halt.market in ("", market.name):
                    market.take(HaltResumed(time_ns=self.now_ns(), reason=halt.reason))
        accept(self.journal, self.config, halts, self.markets)
        self.update(**self.halts.circumstances())

    def note_config(self, before: SlotConfig | None = None, by: str = "") -> None:
        """Journal the configuration that is in effect; it was the one `before`, or the journal's. `by`: who pushed."""
        note_config(self.journal, self.config, before, self.now_ns(), by)

    # -- what the operator may ask (controlled.Controlled) -----------------------------------------------------------

    @property
    def term(self) -> int:
        return int(self.journal.meta(TERM) or 0)

    @term.setter
    def term(self, value: int) -> None:
        self.journal.put(TERM, str(value))

    def report(self) -> SlotReport:
        return SlotReport(
            slot=self.config.slot,
            pod_uid=self.pod_uid,
            draining=bool(self.circumstances.drained),
            never_traded=self.never_traded,
            account_uid=self.account_uid(),
            bot_number=number_text(self.bot_number),
            state=self._reported_state(),
            reason=self.standing.reason,
            message=self.standing.message,
            ready=self.standing.is_ready and self.circumstances.barrier_passed,
            config_hash=self.config.config_hash(),
            epoch=self.epoch,
            markets=market_reports(self),
            venues=self.venues(),
            halts=tuple(self.halts.held),
            resumed=self.halts.resumed,
            closed=self.closings.of(self, self._reported_state()),
        )

    @property
    def never_traded(self) -> bool:
        """Proved; in mode Live not any more once the barrier is passed. Paper orders never reach a venue."""
        may_trade = self.config.mode is Mode.LIVE and self.circumstances.barrier_passed
        return self.untraded() and not may_trade

    def _reported_state(self) -> TradingState:
        """Drained is said only of what is: until the venue has confirmed the last cancel, the slot is just stopped.

        And while it closes its position, it is reducing it: between two steps no order is open.
        """
        leaves = self.config.on_stop is OnStop.LEAVE and not self.standing.flatten
        if self.standing.state is not TradingState.DRAINED or leaves:
            return self.standing.state
        if any(market.engine.market.is_closing for market in self.markets.values()):
            return TradingState.REDUCING
        left = any(report.open_orders for report in market_reports(self))
        return TradingState.STOPPED if left else TradingState.DRAINED

    async def halt(self, asked: HaltTrading) -> HaltAnswered:
        """Stop until a person resumes; an id that is known, also of a halt that was released, stays as it is."""
        policy = OnBreach.FLATTEN if asked.flatten else OnBreach.CANCEL_ALL
        if not asked.id:
            halt = self.halt_for(asked.reason, asked.by, asked.message, policy)
            return HaltAnswered(halt_id=halt.id, done=True, halts=self.halts.ids)
        self.halts.ordered(Halt(id=asked.id, reason=asked.reason, at_ns=self.now_ns(), policy=policy, by=asked.by,
                                message=asked.message))  # fmt: skip
        self._asked(policy)
        self.changed.set()
        held = asked.id in self.halts.ids
        message = "" if held else "it was resumed already"
        return HaltAnswered(halt_id=asked.id, done=held, message=message, halts=self.halts.ids)

    async def resume(self, halt_id: str, by: str) -> HaltAnswered:
        """Release one halt by its id; what else holds goes on holding."""
        released = self.halts.release(halt_id, by)
        self._released(released)
        self.changed.set()
        message = "" if released else "no such halt is in force"
        return HaltAnswered(halt_id=halt_id, done=bool(released), message=message, halts=self.halts.ids)

    def renumber(self, epoch: int) -> None:
        """Before the first order: its id must be none that another process has given."""
        log.warning("EpochRaised", epoch=epoch, before=self.epoch)
        self.epoch = epoch
        for live in self.markets.values():
            live.engine.ids.epoch = epoch
        self.inputs.note(Renumbered(epoch=epoch))

    async def drain(self, reason: str, *, flatten: bool) -> None:
        self.update(drained=reason, closes_drained=flatten)

    async def configure(self, document: str, by: str = OPERATOR) -> ConfigAnswered:
        """Take a new configuration between two ticks, or say why not; the old one goes on then."""
        try:
            new = SlotConfig.model_validate_json(document)
        except ValidationError as error:
            message = "; ".join(problems(error, SlotConfig))
            log.error("ConfigRejected", message=message)  # noqa: TRY400 - the message says it all, line by line
            return self._refused(REJECTED, message, by)
        if different := cold_differences(self.config, new):
            return self._refused(RESTART_REQUIRED, f"needs a restart: {', '.join(different)}", by, new)
        if new != self.config:
            self._apply(new, by)
        return ConfigAnswered(config_hash=new.config_hash(), outcome=APPLIED)

    def _refused(self, outcome: str, message: str, by: str, offered: SlotConfig | None = None) -> ConfigAnswered:
        """`offered`: where it could be read."""
        offered_hash = offered.config_hash() if offered is not None else ""
        answer = ConfigAnswered(config_hash=offered_hash or self.config.config_hash(), outcome=outcome, message=message)
        self.refusals.note(answer, offered_hash, by)
        return answer

    def _apply(self, new: SlotConfig, by: str = OPERATOR) -> None:
        before, self.config = self.config, new
        self.inputs.note(Configured(config=new.document()))
        self.inputs.limit(new.inputs_bytes)
        for market in new.legs:
            live = self.markets.get(market.name)
            if live is not None:  # the barrier makes the others, from the new configuration
                live.engine.market.follow(terms_of(new, market, live.instrument, self.references[market.name]))
        for venue, budget in self.budgets.items():
            budget.configure(budget_of(new, venue))
        self.note_config(before, by)
        self.share_exposure("")
        self.take_halts()
        self.update(desired=new.desired_state, closes_stopped=new.on_stop is OnStop.FLATTEN)
        self.changed.set()
