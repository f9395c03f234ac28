"""A real slot on a real journal, past its barrier, whose orders go to a list."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from msgspec import structs

from harness.engines import BTC
from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.core.breaches import Breach
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.order_ids import OrderIds
from tradingbot_runtime.core.positions import Account, Position
from tradingbot_runtime.core.standing import Circumstances
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.hedge_pairs import paired
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import (
    AnyCommand,
    BalancesReported,
    Cancel,
    Instrument,
    Nanos,
    OrderAccepted,
    OrderCanceled,
    Place,
)
from tradingbot_runtime.risk_memory import daily_of, meters_of
from tradingbot_runtime.slot import Slot
from tradingbot_runtime.terms import budget_of, terms_of
from tradingbot_runtime.venues.protocols import Gateway

SECOND = 1_000_000_000


class Wire:
    """The part of a Gateway that this subject needs: where commands leave the process. A list, in their order."""

    connected = True

    def __init__(self) -> None:
        self.sent: list[AnyCommand] = []

    def send(self, _: Instrument, approved: Any) -> None:  # noqa: ANN401 - Approved
        self.sent.append(approved.command)

    def kinds(self) -> list[type]:
        return [type(command) for command in self.sent]


def config(*markets: str, **changes: Any) -> SlotConfig:  # noqa: ANN401 - a JSON tree
    """Markets of these names, all alike; `changes` replaces fields."""
    symbol = {"venue": "sim", "symbol": "BTCUSDT"}
    endpoints = {"rest": "http://s:1", "stream": "ws://s:1/stream", "websocketApi": "ws://s:1/ws-api/v3"}
    document = {
        "bot": {"namespace": "default", "name": "ada", "uid": "u1"}, "slot": 0, "desiredState": "Running",
        "mode": "Live", "strategy": {"marketMaking": {"spreadBps": "10", "sizes": ["0.01"]}},
        "markets": [{"name": name, "reference": symbol, "execution": symbol} for name in markets or ("btc",)],
        "venues": {"sim": {"environment": "Simulated", "type": "Binance", "endpoints": endpoints,
                           "rateLimit": {"ordersPerSecond": "100", "burst": 100}}},
        "risk": {"maxPosition": "1", "maxOrder": "1", "maxOpenOrders": 10, "maxDailyLoss": "100",
                 "maxDistanceBps": "500"},
        "onStop": "CancelAll",
    }  # fmt: skip
    return SlotConfig.model_validate(document | changes)


def slot_of(
    path: Path, wire: Wire, configured: SlotConfig, now_ns: Callable[[], Nanos] = lambda: Nanos(SECOND)
) -> Slot:
    """Close its journal at the end."""
    journal = Journal(path)
    slot = Slot(configured, journal, now_ns, "pod", journal.next_epoch(0),
                Circumstances(configured.desired_state, has_markets=True))  # fmt: skip
    slot.take_halts()
    ids = OrderIds(1, 0, slot.epoch)
    for market in configured.legs:
        venue = market.execution.venue
        traded = structs.replace(BTC, venue=venue)
        budget = slot.budgets.setdefault(venue, budget_of(configured, venue))
        state = Market(terms_of(configured, market, traded, BTC), Position(traded), Account(traded),
                       daily=daily_of(journal, market.name),
                       meters=meters_of(journal, market.name, now_ns()))  # fmt: skip
        state.apply(slot.state_changed())
        for fill in journal.fills(market.name):
            state.position.apply(fill)
        live = LiveMarket(
            name=market.name, instrument=traded, engine=Engine(state, ids, budget), journal=journal,
            gateway=cast("Gateway", wire), account="a", on_change=slot.changed.set, on_breach=slot.breached,
            on_doubt=lambda *_: None, is_fenced=lambda: False, on_exposure=slot.share_exposure,
        )  # fmt: skip
        slot.markets[market.name], slot.references[market.name] = live, BTC
        if (hedge := slot.markets.get(market.hedge.name)) is not None:
            paired(live, hedge, now_ns)
        live.handle(BalancesReported(time_ns=Nanos(1), base=10**9, quote=BTC.money("1000000")))
    slot.update(barrier_passed=True)
    return slot


def answer_all(slot: Slot, wire: Wire, market: str = "btc") -> None:
    """The venue accepts and cancels what it was sent, until nothing more comes."""
    while wire.sent:
        command = wire.sent.pop(0)
        if isinstance(command, Place):
            slot.markets[market].handle(
                OrderAccepted(time_ns=slot.now_ns(), order_id=command.order_id, venue_order_id="v")
            )
        elif isinstance(command, Cancel):
            slot.markets[market].handle(OrderCanceled(time_ns=slot.now_ns(), order_id=command.order_id))


def halted(path: Path, *breaches: Breach) -> list[str]:
    """A bot that was halted and has ended; the halts' ids."""
    slot = slot_of(path, Wire(), config())
    slot.note_config()
    for breach in breaches:
        slot.breached("btc", breach)
    ids = [halt.id for halt in slot.report().halts]
    slot.journal.close()
    return ids
