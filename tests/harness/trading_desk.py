"""Our side of a venue as it is in production, on a real journal, that can end and begin again at any moment."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from harness.engines import BTC, engine
from harness.hostile_exchange import HostileExchange
from harness.hostile_venue import HostileVenue
from tradingbot_runtime.config.risk import ForeignOrders, OwnUnknown, Risk
from tradingbot_runtime.core.order_ids import OrderIds, decode
from tradingbot_runtime.core.orders import Order, Orders, OrderState
from tradingbot_runtime.core.planner import Capabilities
from tradingbot_runtime.core.quoting import Tolerance
from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import AnyCommand, AnyEvent, Lots, Nanos, OrderId, StateChanged, TradingState
from tradingbot_runtime.reconcile import Reconciler

T = TypeVar("T")
BOT = 7
MAX_POSITION = 5_000


def done(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits: the hostile venue answers at once or raises."""
    try:
        work.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    raise AssertionError("the coroutine waited for something")


@dataclass(frozen=True)
class Setting:
    """What differs between venues and manifests."""

    two_phase: bool = False
    replaces: bool = False
    cancel_all: bool = False
    adopts: bool = False


@dataclass
class TradingDesk:
    folder: Path
    setting: Setting
    on_send: Callable[[AnyCommand], None] = lambda _: None
    exchange: HostileExchange = field(default_factory=HostileExchange)
    state: TradingState = TradingState.ACTIVE  # what the slot wants
    is_restored: bool = False

    def __post_init__(self) -> None:
        self.venue = HostileVenue(self.exchange, self.handle, self.on_send, two_phase=self.setting.two_phase)
        self._begin()

    def _begin(self) -> None:
        self.journal = Journal(self.folder / "journal.sqlite3")
        made = engine(max_position=Lots(MAX_POSITION), tolerance=Tolerance(4_000, 1, 2))
        made.ids = OrderIds(BOT, 0, self.journal.next_epoch(0))
        capabilities = Capabilities(replace=self.setting.replaces, cancel_all=self.setting.cancel_all)
        made.market.terms = replace(made.market.terms, capabilities=capabilities)
        made.market.orders = Orders(first_state=OrderState.INTENT if self.setting.two_phase else OrderState.SUBMITTING)
        self.market = LiveMarket(
            name="btc", instrument=BTC, engine=made, journal=self.journal, gateway=self.venue, account="a",
            on_change=lambda: None, on_breach=lambda *_: None, on_doubt=lambda _, order_id: self.all.doubt(order_id),
            is_fenced=lambda: False,
        )  # fmt: skip
        for fill in self.journal.fills(self.market.ledger):
            made.market.position.apply(fill)
        policy = Risk(
            own_unknown=OwnUnknown.ADOPT if self.setting.adopts else OwnUnknown.CANCEL,
            foreign_orders=ForeignOrders.HALT,
        )
        self.all = Reconciler(self.market, lambda: self.now, is_ours, lambda: policy)
        self.is_restored = False

    @property
    def now(self) -> Nanos:
        return Nanos(self.exchange.now_ns)

    @property
    def orders(self) -> Orders:
        return self.market.engine.market.orders

    @property
    def position(self) -> int:
        return self.market.engine.market.position.lots

    def handle(self, event: AnyEvent) -> None:
        self.market.handle(event)

    def restore(self) -> bool:
        """Whether the start barrier is passed now."""
        if not self.is_restored:
            try:
                done(self.all.restore())
            except VenueError:
                return False
            self.is_restored = True
            self.want(self.state)
        return True

    def want(self, state: TradingState) -> None:
        self.state = state
        if self.is_restored:
            self.handle(StateChanged(time_ns=self.now, state=state, reason="r"))

    def look(self) -> None:
        if self.is_restored:
            done(self.all.look())

    def end(self) -> None:
        """The process ends; its journal stays as it is."""
        self.venue.forget()
        self.journal.close()

    def restart(self) -> None:
        self.end()
        self._begin()

    def kept(self, order_id: OrderId) -> Order | None:
        return self.journal.order(order_id)


def is_ours(order_id: OrderId) -> bool:
    key = decode(order_id)
    return key is not None and (key.bot, key.slot) == (BOT, 0)
