"""Somebody trades through our quotes: once, and once more only where that met nobody."""

from collections.abc import Callable

from harness.simulator import SimulatorAdmin, trade, until

LOOKS = 100  # of 10 ms or more: then the trade is made once more


def trade_through(
    admin: SimulatorAdmin, price: str, executed: Callable[[], int], *, buyer_is_maker: bool, symbol: str = "ADAUSDT"
) -> None:
    """Down, or up, to `price`, until more orders are `executed` than before.

    DeltaDeFi says that an order is open a moment before it can be met.
    """
    before, looks = executed(), 0

    def is_met() -> bool:
        nonlocal looks
        if looks % LOOKS == 0:
            admin.play([trade(looks + 1, price, "100000", buyer_is_maker=buyer_is_maker, symbol=symbol)])
        looks += 1
        return executed() > before

    until(is_met, "our quote is met")


def executed_at_deltadefi(admin: SimulatorAdmin) -> int:
    """How many of our orders there are filled, or in part."""
    return sum(order["executed_base_qty"] != "0" for order in admin.deltadefi_orders())


def executed_at_binance(admin: SimulatorAdmin) -> int:
    return sum(float(order["executedQty"]) > 0 for order in admin.all_orders())
