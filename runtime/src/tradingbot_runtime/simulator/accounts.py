"""Balances of the one account, in atoms. Pure; money is only ever moved, never made."""

from dataclasses import dataclass

from tradingbot_runtime.model import Side
from tradingbot_runtime.simulator.orders import Order, Trade

RATE_SCALE = 1_000_000  # commission rates are in millionths: 1 basis point is 100


@dataclass(slots=True)
class Balance:
    free: int = 0
    locked: int = 0


@dataclass(frozen=True, slots=True)
class Commission:
    """Rates in millionths of what is received. `step`: the smallest commission, in atoms."""

    maker: int
    taker: int
    step: int = 1

    def of(self, received: int, *, maker: bool) -> int:
        """Commission on `received` atoms, rounded down to a whole step."""
        return received * (self.maker if maker else self.taker) // (RATE_SCALE * self.step) * self.step


class Account:
    """Free and locked amounts per asset; `fees` is what the exchange took."""

    def __init__(self, balances: dict[str, int], commission: Commission) -> None:
        self.balances = {asset: Balance(free=atoms) for asset, atoms in balances.items()}
        self.fees: dict[str, int] = {}
        self.commission = commission
        self.updated_ms = 0

    def balance(self, asset: str) -> Balance:
        return self.balances.setdefault(asset, Balance())

    def lock(self, order: Order) -> bool:
        """Set aside what a resting order may need; False (and nothing done) when it is not there."""
        asset, atoms = self.needs(order)
        balance = self.balance(asset)
        if atoms > balance.free:
            return False
        balance.free -= atoms
        balance.locked += atoms
        return True

    def release(self, order: Order) -> None:
        """Give back what the unfilled rest of an order had set aside."""
        asset, atoms = self.needs(order)
        balance = self.balance(asset)
        balance.locked -= atoms
        balance.free += atoms

    @staticmethod
    def needs(order: Order) -> tuple[str, int]:
        """Asset and atoms that the unfilled rest of a limit order may need."""
        instrument = order.listing.instrument
        if order.side is Side.BUY:
            return instrument.quote, order.price * order.left * instrument.tick_lot
        return instrument.base, order.left * order.listing.lot_atoms

    def settle(self, order: Order, trade: Trade, *, locked: bool) -> None:
        """Move one fill's amounts. `locked`: the order had set its need aside (at its limit) before."""
        instrument = order.listing.instrument
        base, quote = self.balance(instrument.base), self.balance(instrument.quote)
        amount = trade.lots * order.listing.lot_atoms
        value = trade.price * trade.lots * instrument.tick_lot
        if trade.side is Side.BUY:
            paid_from, paid, received_in, received = quote, value, base, amount
            set_aside = order.price * trade.lots * instrument.tick_lot
        else:
            paid_from, paid, received_in, received = base, amount, quote, value
            set_aside = amount
        if locked:
            paid_from.locked -= set_aside
            paid_from.free += set_aside
        paid_from.free -= paid
        received_in.free += received - trade.commission
        self.fees[trade.commission_asset] = self.fees.get(trade.commission_asset, 0) + trade.commission
        self.updated_ms = trade.time_ms
