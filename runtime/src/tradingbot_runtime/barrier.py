"""The start barrier: what must be true before a slot may send its first order (DESIGN, section 9).

    clock, identity -> instruments -> account stream -> orders, fills, balances -> reconcile -> feed fresh -> ACTIVE

A failed question is never an empty answer: the barrier is tried again, and the slot stays in STARTING.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any

import structlog

from tradingbot_runtime.config import Market, Mode
from tradingbot_runtime.core.market import Market as MarketState
from tradingbot_runtime.core.order_ids import OrderIds, decode
from tradingbot_runtime.core.orders import Orders, OrderState
from tradingbot_runtime.core.positions import Account, Position
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.errors import ConfigError, JournalError, VenueError
from tradingbot_runtime.former_markets import require_same_instrument
from tradingbot_runtime.hedge_pairs import paired
from tradingbot_runtime.inputs.opening import market_opened
from tradingbot_runtime.insisting import insist
from tradingbot_runtime.journal_loss import JournalLoss
from tradingbot_runtime.left_behind import tell_left_behind
from tradingbot_runtime.live import PAPER, LiveMarket, ledger_of
from tradingbot_runtime.model import AnyEvent, Instrument, OrderId, VenueLocked
from tradingbot_runtime.reconcile import Reconciler
from tradingbot_runtime.risk_memory import daily_of, meters_of
from tradingbot_runtime.slot import Slot
from tradingbot_runtime.stream_waits import connected, feeds_in_words, fresh
from tradingbot_runtime.terms import budget_of, terms_of
from tradingbot_runtime.ticks import as_cross, as_venue, paper_tape, through_paper
from tradingbot_runtime.untraded import will_trade
from tradingbot_runtime.venues.link import VenueLink
from tradingbot_runtime.venues.paper.gateway import PaperGateway
from tradingbot_runtime.venues.protocols import Gateway, GatewayPorts, OnEvent

log = structlog.get_logger("barrier")


@dataclass(slots=True)
class Barrier:
    """Builds the slot's markets and brings them to trading; also brings a venue back after a lost connection."""

    slot: Slot
    links: dict[str, VenueLink]
    is_fenced: Callable[[], bool]
    spawn: Callable[[Coroutine[Any, Any, None]], object]  # runs a coroutine for as long as the process lives
    reconcilers: dict[str, Reconciler] = field(default_factory=dict)  # by market
    gateways: dict[str, Gateway] = field(default_factory=dict)  # by venue
    doubts: dict[str, str] = field(default_factory=dict)  # by venue: what is not known since its stream broke
    connections: dict[str, int] = field(default_factory=dict)  # by venue: how many there have been
    unlocked: asyncio.Event = field(default_factory=asyncio.Event)  # a venue takes orders and answers again

    async def run(self) -> None:
        """Until the barrier is passed. Raises ConfigError for what no retry mends."""
        await self.compare()
        for live in self.slot.markets.values():
            await self._insist(
                partial(fresh, live, partial(self._feeds, live.name)), f"the feeds of market {live.name}"
            )
        await will_trade(self.slot.journal, self.slot.config)
        self.slot.update(barrier_passed=True)

    async def compare(self) -> None:
        """Until journal and venues agree: all that it takes to withdraw."""
        for link in self.links.values():
            await self._insist(link.introduce, f"venue {link.name}")
        for market in self.slot.config.legs:
            used = ", ".join(dict.fromkeys(f"{s.symbol} at {s.venue}" for s in (market.execution, market.reference)))
            await self._insist(partial(self._build, market), f"instruments of market {market.name} ({used})")
        for name, gateway in self.gateways.items():
            lost = partial(self.doubts.__getitem__, name)
            await self._insist(partial(connected, gateway, lost), f"account stream of venue {name}")
        loss = JournalLoss(self.slot)
        for live in self.slot.markets.values():
            await self._insist(partial(loss.look, live), f"open orders of market {live.name}")
        for name, reconciler in self.reconcilers.items():
            await self._insist(reconciler.restore, f"orders and balances of market {name}")
        loss.settle(self.reconcilers.values())
        for name, reconciler in self.reconcilers.items():
            await self._insist(reconciler.agree, f"balances of market {name}")

    async def _insist(self, step: Callable[[], Awaitable[None]], name: str) -> None:
        """Do `step` until it succeeds, telling what is being waited for."""

        def tell(error: Exception) -> None:
            log.warning("BarrierStepFailed", step=name, error=type(error).__name__, message=str(error))
            self.slot.update(waiting_for=f"{name}: {error}")

        self.slot.update(waiting_for=name)
        await insist(step, tell, news=self.unlocked)

    def _feeds(self, name: str) -> str:
        """How the feeds of a market are, in words."""
        market = next(m for m in self.slot.config.markets if m.name == name)
        return feeds_in_words(market, (f.health for link in self.links.values() for f in link.feeds.values()))

    async def _build(self, market: Market) -> None:
        """The market's engine, its feeds, and its venue's gateway when it is the first one there."""
        reference_link, link = self.links[market.reference.venue], self.links[market.execution.venue]
        reference = await reference_link.instrument(market.reference.symbol)
        instrument = await link.instrument(market.execution.symbol)
        checked = market.cross_check
        other = self.links[checked.venue] if checked else None
        cross = await other.instrument(checked.symbol) if checked and other else None
        live = self._market(market, instrument, reference, self._gateway(link))
        self.slot.references[market.name] = reference
        self.slot.markets[market.name] = live
        self.slot.inputs.note_state(partial(market_opened, self.slot, live))
        self.reconcilers[market.name] = Reconciler(
            live, self.slot.now_ns, self._is_ours, lambda: self.slot.config.risk, partial(self._positions, live)
        )
        if (tape := paper_tape(live, link)) is not None:
            self.spawn(tape.run())
        hedge = self.slot.markets.get(market.hedge.name)
        if market.is_hedge:
            pass  # it hears what the market hears that it hedges
        elif market.reference == market.execution:
            self._listen(link, instrument, through_paper(live, live.handle))
        else:
            self._listen(reference_link, reference, paired(live, hedge, self.slot.now_ns) if hedge else live.handle)
            self._listen(link, instrument, through_paper(live, lambda event: live.handle(as_venue(event))))
        if other is not None and cross is not None:
            ratio = Fraction(cross.tick_size) / Fraction(instrument.tick_size)
            self._listen(other, cross, lambda event: live.handle(as_cross(event, ratio)))
        if (offset_ns := link.clock_offset_ns) is not None:
            self.slot.clock_measured(link.name, offset_ns)

    def _market(self, market: Market, instrument: Instrument, reference: Instrument, gateway: Gateway) -> LiveMarket:
        slot, config = self.slot, self.slot.config
        account = self.account(market.execution.venue)
        ledger = ledger_of(market.name, account)
        require_same_instrument(slot.journal.path, ledger, instrument)
        slot.journal.keep_market(ledger, instrument, reference)
        tell_left_behind(slot.journal.path, ledger, account, instrument)
        state = MarketState(
            terms=terms_of(config, market, instrument, reference),
            position=slot.journal.accounts.position(ledger, instrument),
            account=Account(instrument),
            orders=Orders(first_state=OrderState.INTENT if gateway.two_phase else OrderState.SUBMITTING),
            daily=daily_of(slot.journal, ledger),
            meters=meters_of(slot.journal, ledger, slot.now_ns()),
        )
        state.apply(slot.state_changed())  # who halted, too: nobody tells it as long as the standing stays
        ids = OrderIds(slot.bot_number, config.slot, slot.epoch)
        shared = next((m.engine.ids for m in slot.markets.values()), ids)
        budget = slot.budgets.setdefault(market.execution.venue, budget_of(config, market.execution.venue))
        return LiveMarket(
            name=market.name,
            instrument=instrument,
            engine=Engine(state, shared, budget),
            journal=slot.journal,
            gateway=gateway,
            account=account,
            on_change=slot.changed.set,
            on_breach=slot.breached,
            on_doubt=lambda name, order_id: self.reconcilers[name].doubt(order_id),
            is_fenced=self.is_fenced,
            made_ns=slot.now_ns(),
            on_exposure=slot.share_exposure,
            inputs=slot.inputs,
        )

    def _positions(self, live: LiveMarket) -> list[Position]:
        """What moves the account of `live`: all that the slot trades there; a paper market has one of its own."""
        if live.account == PAPER:
            return [live.engine.market.position]
        return [m.engine.market.position for m in self.slot.markets.values() if m.gateway is live.gateway]

    def _gateway(self, link: VenueLink) -> Gateway:
        if link.name in self.gateways:
            return self.gateways[link.name]
        if self.slot.config.mode is Mode.PAPER:
            gateway: Gateway = PaperGateway(
                link,
                self.slot.now_ns,
                self._deliver(link.name),
                self._on_connected(link.name),
                self.slot.config.paper,
            )
        else:
            budget = self.slot.budgets.setdefault(link.name, budget_of(self.slot.config, link.name))
            gateway = link.open_gateway(
                GatewayPorts(
                    on_event=self._deliver(link.name),
                    on_connected=self._on_connected(link.name),
                    on_refused=partial(self._refused_by, link.name),
                    budget=budget,
                    durable=self.slot.journal.durable,
                    is_fenced=self.is_fenced,
                    on_mismatch=partial(self._compare_soon, link.name),
                )
            )
            self._pin(link.name)
        self.gateways[link.name] = gateway
        self.doubts[link.name] = ""
        self.spawn(gateway.run())
        return gateway

    def _refused_by(self, venue: str, reason: str, message: str) -> None:
        """The venue does not take our key or signature: no retry mends that, and orders would be in doubt."""
        log.error("RefusedByVenue", venue=venue, reason=reason, message=message)
        self.links[venue].refused = message
        self.slot.halt_for(reason, f"venue {venue}", message)

    def _compare_soon(self, venue: str) -> None:
        for reconciler in self.reconcilers.values():
            if reconciler.market.instrument.venue == venue:
                reconciler.compare_soon()

    def _pin(self, venue: str) -> None:
        try:
            self.slot.journal.pin(f"account of venue {venue}", self.account(venue))
        except JournalError as error:
            raise ConfigError(str(error)) from error  # no retry mends it, and no write has failed

    def _listen(self, link: VenueLink, instrument: Instrument, on_tick: Callable[[AnyEvent], object]) -> None:
        feed = link.feed(instrument, on_tick)
        link.feeds[f"{instrument.symbol}#{len(link.feeds)}"] = feed
        self.spawn(feed.run())

    def account(self, venue: str) -> str:
        """Names the account that orders at `venue` go to."""
        return self.links[venue].account if self.slot.config.mode is Mode.LIVE else PAPER

    def _deliver(self, venue: str) -> OnEvent:
        def deliver(symbol: str, event: AnyEvent) -> None:
            if isinstance(event, VenueLocked):
                self._lock_changed(event)
                return
            order_id = getattr(event, "order_id", None)
            if order_id is not None and not self._is_ours(order_id):
                return  # the account is shared: another bot's, or another slot's
            for market in self.slot.markets.values():
                if (market.instrument.venue, market.instrument.symbol) == (venue, symbol):
                    market.handle(event)

        return deliver

    def _lock_changed(self, event: VenueLocked) -> None:
        """After a lock the venue is asked what became of the orders, as after a gap in the account stream."""
        if bool(self.slot.locked.get(event.venue)) == event.locked:
            return
        if not event.locked:
            self.unlocked.set()
            self._doubt(event.venue, "it was locked")
        self.slot.venue_locked(event)
        if not event.locked and self.gateways[event.venue].connected:
            self._on_connected(event.venue)(True, "")  # noqa: FBT003 - the callback's own meaning

    def _is_ours(self, order_id: OrderId) -> bool:
        key, slot = decode(order_id), self.slot
        return key is not None and (key.bot, key.slot) == (slot.bot_number, slot.config.slot)

    def _on_connected(self, venue: str) -> Callable[[bool, str], None]:
        def on_connected(connected: bool, reason: str) -> None:  # noqa: FBT001 - as `OnConnected` says
            if not connected:
                self._doubt(venue, reason)
                return
            self.links[venue].refused = ""  # a new key may have been mounted meanwhile
            self.connections[venue] = self.connections.get(venue, 0) + 1
            self.spawn(self._come_back(venue, self.connections[venue]))

        return on_connected

    def _doubt(self, venue: str, reason: str) -> None:
        """What is in doubt at one venue; an empty reason: nothing any more."""
        self.doubts[venue] = reason
        self.slot.update(doubts="; ".join(f"venue {name}: {text}" for name, text in self.doubts.items() if text))

    async def _come_back(self, venue: str, connection: int) -> None:
        """After a gap in the account stream: no new order before the venue has been asked what happened.

        The answers hold for this connection only: after another gap they prove nothing. A market that the barrier
        has not restored yet is asked about there.
        """
        gateway = self.gateways[venue]

        async def catch_up() -> None:
            for reconciler in self.reconcilers.values():
                if reconciler.market.gateway is gateway and reconciler.is_restored:
                    await reconciler.catch_up()

        def is_current() -> bool:
            return gateway.connected and self.connections[venue] == connection

        def failed(error: VenueError) -> None:
            gateway.health.question_failed(error)
            self._doubt(venue, str(error))

        if await insist(catch_up, failed, is_current):
            self._doubt(venue, "")
