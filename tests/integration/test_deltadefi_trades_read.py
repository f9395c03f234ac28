"""Reading the account's trades at DeltaDeFi: one question for each order that traded, whatever fails in between."""

import pytest

from harness.deltadefi_play import play
from harness.deltadefi_shell import Shell
from harness.deltadefi_venue import ScriptedVenue, proxy_error
from harness.deltadefi_wire import record
from tradingbot_runtime.errors import OutcomeUnknown
from tradingbot_runtime.venues.protocols import TradeCursor

ORDERS = 3


def test_a_reading_of_trades_that_fails_on_its_way_goes_on_where_it_stopped() -> None:
    """After a crash all orders that traded lately are asked about: of so many answers one may be lost every time."""

    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        for number in range(1, ORDERS + 1):
            venue.build({"side": "buy", "price": "0.93", "base_quantity": "5"})
            traded = [record(number, "5", order_id=f"venue-{number}")]
            venue.change(f"venue-{number}", status="closed", executed_base_qty="5", order_execution_records=traded)
        venue.script[f"GET /accounts/order/venue-{ORDERS}"] = [proxy_error(503)]

        with pytest.raises(OutcomeUnknown):
            await made.gateway.trades(made.instrument, TradeCursor(0))
        page = await made.gateway.trades(made.instrument, TradeCursor(0))
        await made.gateway.trades(made.instrument, TradeCursor(0))

        assert [trade.fill.trade_id for trade in page.trades] == ["trade-1", "trade-2", "trade-3"]
        asked = [venue.calls.count(f"GET /accounts/order/venue-{number}") for number in range(1, ORDERS + 1)]
        assert asked == [1, 1, 2], "those that had been answered are not asked about again"

    play(scenario)


def test_an_order_that_has_traded_more_since_is_asked_about_again() -> None:
    async def scenario(made: Shell, venue: ScriptedVenue) -> None:
        venue.build({"side": "buy", "price": "0.93", "base_quantity": "10"})
        trades = [record(1, "5", order_id="venue-1"), record(2, "5", order_id="venue-1")]
        venue.change("venue-1", status="open", executed_base_qty="5", order_execution_records=trades[:1])
        first = await made.gateway.trades(made.instrument, TradeCursor(0))
        venue.change("venue-1", status="closed", executed_base_qty="10", order_execution_records=trades)
        second = await made.gateway.trades(made.instrument, first.cursor)

        assert [[t.fill.trade_id for t in page.trades] for page in (first, second)] == [
            ["trade-1"],
            ["trade-1", "trade-2"],
        ]

    play(scenario)
