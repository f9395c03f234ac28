"""What is true after a crash: the venue's own orders, trades and balances, and whether the journal says the same."""

import hashlib
import hmac
import json
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlencode

import msgspec

from harness.runtime_process import rows
from harness.simulator import REQUEST_WITHIN_S, Json, SimulatorProcess
from tradingbot_runtime.model import Instrument, OrderFilled

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Trade:
    """As the venue tells it."""

    id: str
    order: str  # the venue's name of it, as in `Truth.ever`
    is_buy: bool
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str

    @property
    def bought(self) -> Decimal:
        return self.quantity if self.is_buy else -self.quantity


class Truth(Protocol):
    """A venue without its protocol. Orders go by the name under which the journal knows them, too."""

    @property
    def base(self) -> str: ...
    @property
    def quote(self) -> str: ...

    def open(self) -> dict[str, Decimal]:
        """Open orders: what each could still buy, negative for what it could sell."""

    def ever(self) -> list[tuple[str, Decimal]]:
        """Every order that was in the market, and how much of it was executed."""

    def trades(self) -> list[Trade]: ...
    def held(self, asset: str) -> Decimal: ...


def _held(balances: Iterable[Json], asset: str) -> Decimal:
    mine = (row for row in balances if row["asset"].upper() == asset)
    return sum((Decimal(row["free"]) + Decimal(row["locked"]) for row in mine), Decimal(0))


@dataclass(frozen=True)
class BinanceTruth:
    simulator: SimulatorProcess
    base: str = "BTC"
    quote: str = "USDT"

    def open(self) -> dict[str, Decimal]:
        return {
            order["clientOrderId"]: (Decimal(order["origQty"]) - Decimal(order["executedQty"]))
            * (1 if order["side"] == "BUY" else -1)
            for order in self.simulator.admin.open_orders()
        }

    def ever(self) -> list[tuple[str, Decimal]]:
        return [(o["clientOrderId"], Decimal(o["executedQty"])) for o in self.simulator.admin.all_orders()]

    def trades(self) -> list[Trade]:
        names = {order["orderId"]: order["clientOrderId"] for order in self.simulator.admin.all_orders()}
        found: list[Json] = []
        page = self._my_trades(0)
        while page:
            found += page
            page = self._my_trades(page[-1]["id"] + 1) if len(page) == PAGE else []
        return [
            Trade(str(t["id"]), names[t["orderId"]], t["isBuyer"], Decimal(t["price"]), Decimal(t["qty"]),
                  Decimal(t["commission"]), t["commissionAsset"])
            for t in found if t["orderId"] in names
        ]  # fmt: skip

    def held(self, asset: str) -> Decimal:
        return _held(self.simulator.admin.state()["balances"], asset)

    def _my_trades(self, first: int) -> list[Json]:
        stamp = self.simulator.admin.state()["timeMs"]
        query = urlencode({"symbol": f"{self.base}{self.quote}", "fromId": first, "limit": PAGE, "timestamp": stamp})
        signature = hmac.new(self.simulator.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{self.simulator.rest}/api/v3/myTrades?{query}&signature={signature}"
        request = urllib.request.Request(url, headers={"X-MBX-APIKEY": self.simulator.api_key})  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=REQUEST_WITHIN_S) as response:  # noqa: S310 - as above
            return list(json.load(response))


@dataclass(frozen=True)
class DeltaDefiTruth:
    simulator: SimulatorProcess
    base: str = "ADA"
    quote: str = "USDM"

    def open(self) -> dict[str, Decimal]:
        return {
            order["id"]: (Decimal(order["base_qty"]) - Decimal(order["executed_base_qty"]))
            * (1 if order["side"] == "buy" else -1)
            for order in self.simulator.admin.deltadefi()["openOrders"]
        }

    def ever(self) -> list[tuple[str, Decimal]]:
        return [(order["id"], Decimal(order["executed_base_qty"])) for order in self._submitted()]

    def trades(self) -> list[Trade]:
        return [
            Trade(record["id"], order["id"], order["side"] == "buy", Decimal(record["execution_price"]),
                  Decimal(record["filled_base_qty"]), Decimal(record["commission"]),
                  self.base if order["side"] == "buy" else self.quote)
            for order in self._submitted() for record in order["order_execution_records"]
        ]  # fmt: skip

    def held(self, asset: str) -> Decimal:
        return _held(self.simulator.admin.deltadefi()["balances"], asset)

    def _submitted(self) -> list[Json]:
        return [order for order in self.simulator.admin.deltadefi_orders() if order["status"] != "building"]


@dataclass(frozen=True, slots=True)
class Row:
    """An order in the journal."""

    id: str
    state: str
    filled: Decimal
    quantity: Decimal
    is_closed: bool


class Kept:
    """What the journal says, at one moment."""

    def __init__(self, journal: Path) -> None:
        (encoded,) = rows(journal, "SELECT instrument FROM markets")
        self.instrument = msgspec.json.decode(encoded[0], type=Instrument)
        lot = self.instrument.lot_size
        self.orders: dict[str, Row] = {}  # by either name
        named = rows(journal, "SELECT order_id, venue_order_id, state, filled, quantity, closed FROM orders")
        for order_id, venue_id, state, filled, quantity, closed in named:
            row = Row(order_id, state, lot * filled, lot * quantity, bool(closed))
            self.orders[order_id] = row
            if venue_id:
                assert venue_id not in self.orders, f"I2: two orders are {venue_id} at the venue"
                self.orders[venue_id] = row
        payloads = rows(journal, "SELECT payload FROM fills ORDER BY seq")
        self.fills = [self._trade(msgspec.json.decode(payload, type=OrderFilled)) for (payload,) in payloads]

    def _trade(self, fill: OrderFilled) -> Trade:
        instrument = self.instrument
        return Trade(fill.trade_id, fill.order_id, fill.side.sign > 0, instrument.tick_size * fill.price,
                     instrument.lot_size * fill.quantity, Decimal(fill.fee).scaleb(-8), fill.fee_asset)  # fmt: skip


class Strays(NamedTuple):
    """Orders that must not be, each as a line for a person."""

    doubled: list[str]
    orphans: list[str]


def strays(truth: Truth, journal: Path) -> Strays:
    """At any moment, also in the midst of trading: I1, I2, I8. The venue is looked at before and after."""
    before, ever = truth.open(), truth.ever()
    kept = Kept(journal)
    after = truth.open()
    doubled = [f"I2: sent twice: {name}" for name, times in Counter(name for name, _ in ever).items() if times > 1]
    ids = Counter(kept.orders[name].id for name, _ in ever if name in kept.orders)
    doubled += [f"I2: one intent, several orders: {name}" for name, times in ids.items() if times > 1]
    orphans = [f"I1: at the venue, and never committed: {name}" for name, _ in ever if name not in kept.orders]
    resting = (kept.orders[name] for name in before.keys() & after.keys() if name in kept.orders)
    orphans += [f"I8: open at the venue, and closed with us: {row}" for row in resting if row.is_closed]
    return Strays(doubled, orphans)


def look_for_strays(truth: Truth, journal: Path, most: Decimal) -> None:
    """At any moment, as above, and I5: whatever fills, the position stays within its limit."""
    found = strays(truth, journal)
    assert found == Strays([], []), found
    after = truth.open()
    position = sum((trade.bought for trade in truth.trades()), Decimal(0))
    for sign in (1, -1):
        worst = sign * position + sum(max(sign * left, Decimal(0)) for left in after.values())
        assert worst <= most, f"I5: the venue's worst case is {worst}, the limit {most}"


def differences(truth: Truth, journal: Path, opening: Mapping[str, Decimal]) -> list[str]:
    """Where nothing is open: I3, I4, I7, cash. Empty: the journal and the venue say the same."""
    kept, trades = Kept(journal), truth.trades()
    found = [f"still open at the venue: {name}" for name in truth.open()]
    ours = {fill.id: fill for fill in kept.fills}
    theirs = {trade.id: trade for trade in trades}
    found += [f"a fill that never was: {ours[name]}" for name in ours.keys() - theirs.keys()]
    found += [f"a trade that we do not know: {theirs[name]}" for name in theirs.keys() - ours.keys()]
    for name in ours.keys() & theirs.keys():
        ours_of, theirs_of = kept.orders.get(ours[name].order), kept.orders.get(theirs[name].order)
        same = [(t.is_buy, t.price, t.quantity, t.fee, t.fee_asset) for t in (ours[name], theirs[name])]
        if same[0] != same[1] or ours_of is None or ours_of is not theirs_of:
            found.append(f"a trade told wrong: {ours[name]} is {theirs[name]}")
    for name, executed in truth.ever():
        row = kept.orders.get(name)
        if row is None or row.filled != executed or row.filled > row.quantity:
            found.append(f"I3: {row} executed {executed} at the venue")
    for asset, moved in _moved(kept.fills, truth).items():
        if truth.held(asset) - opening[asset] != moved:
            found.append(f"{asset}: the venue moved by {truth.held(asset) - opening[asset]}, we say {moved}")
    return found


def _moved(fills: Iterable[Trade], truth: Truth) -> dict[str, Decimal]:
    """What the trades have added to each asset, fees taken off."""
    moved = {truth.base: Decimal(0), truth.quote: Decimal(0)}
    for fill in fills:
        moved[truth.base] += fill.bought
        moved[truth.quote] -= fill.bought * fill.price
        moved[fill.fee_asset] -= fill.fee
    return moved


def profit_differences(truth: Truth, journal: Path, shown: Json) -> list[str]:
    """Position and realised profit of `/state` against those of the venue's trades, at average cost, exactly.

    Average cost depends on the order of trades: it is the one in which they were heard of. The runtime rounds each
    reduction's share of the cost to a money unit.
    """
    kept, lots, cost, realised = Kept(journal), Fraction(0), Fraction(0), Fraction(0)
    heard = {fill.id: number for number, fill in enumerate(kept.fills)}
    trades = truth.trades()
    if heard.keys() != {trade.id for trade in trades}:
        return ["there are trades since the books were compared"]
    trades.sort(key=lambda trade: heard[trade.id])
    for trade in trades:
        bought, price = Fraction(trade.bought), Fraction(trade.price)
        if lots * bought < 0:
            closing = -lots if abs(bought) > abs(lots) else bought
            realised += -closing * (price - cost / lots)
            cost += closing * cost / lots
            lots, bought = lots + closing, bought - closing
        lots, cost = lots + bought, cost + bought * price
    found = []
    if Fraction(shown["position"]) != lots:
        found.append(f"position: shown {shown['position']}, by the venue's trades {float(lots)}")
    if abs(Fraction(shown["realised"]) - realised) > len(trades) * Fraction(kept.instrument.money_unit):
        found.append(f"realised: shown {shown['realised']}, by the venue's trades {float(realised)}")
    return found
