"""A DeltaDeFi market and order as the venue's documentation prints them."""

from typing import Any

from tradingbot_runtime.venues.deltadefi.codec import Token, TradingPair
from tradingbot_runtime.venues.deltadefi.market import Market

Json = dict[str, Any]
USDM_UNIT = "c48cbb3d5e57ed56e276bc45f99ab39abe94e6cd7ac39fb402da47ad.0014df105553444d"
ADA, USDM = Token("ADA", "lovelace", 6, 2), Token("USDM", USDM_UNIT, 6, 2)
MARKET = Market.of("deltadefi", TradingPair("ADAUSDM", ADA, USDM, 4))
ADAUSDM = MARKET.instrument
ORDER: Json = {
    "id": "550e8400-e29b-41d4-a716-446655440000", "account_id": "550e8400-e29b-41d4-a716-446655440001",
    "status": "open", "symbol": "ADAUSDM", "base_qty": "100.00", "quote_qty": "93.00", "side": "buy", "price": "0.93",
    "type": "limit", "locked_base_qty": "100.00", "locked_quote_qty": "93.00", "executed_base_qty": "0",
    "executed_quote_qty": "0", "ob_open_order_base_qty": "100.00", "commission_unit": "lovelace", "commission": "0",
    "commission_rate_bp": 10, "executed_price": "0", "created_at": "2024-01-01T00:00:00Z",
    "updated_at": "2024-01-01T00:00:01.5Z", "order_execution_records": [],
}  # fmt: skip


def record(number: int, quantity: str, **changes: object) -> Json:
    """A trade of `ORDER`."""
    return {
        "id": f"trade-{number}", "order_id": ORDER["id"], "execution_price": "0.93", "filled_base_qty": quantity,
        "filled_quote_qty": "1", "commission_unit": "lovelace", "commission": "0.1", "role": "maker",
        "counter_party_order_id": "x", "created_at": f"2024-01-01T00:00:{number:02d}Z",
    } | changes  # fmt: skip
