"""The venue's state in DeltaDeFi's words. Pure functions from our objects to JSON-ready ones.

REST states numbers as strings, the streams as JSON numbers. Sources: the official SDK 1.1.1's responses; DeltaDeFi API
documentation, "Account streams", "Market depth streams", "Market price streams", "Recent trades".
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from tradingbot_runtime.model import Side
from tradingbot_runtime.simulator.account_events import Holding
from tradingbot_runtime.simulator.amounts import amount_text
from tradingbot_runtime.simulator.candles import Candle
from tradingbot_runtime.simulator.deltadefi.pairs import COMMISSION_BPS, PAIRS, TOKENS, Pair, Token
from tradingbot_runtime.simulator.deltadefi.register import Entry, Life, identity
from tradingbot_runtime.simulator.instruments import Listing
from tradingbot_runtime.simulator.orders import Order, Trade

Json = dict[str, object]
ACCOUNT_ID = identity("account")
_DOCUMENTED = {
    Life.PARTIALLY_FILLED: "open",
    Life.FILLED: "closed",
    Life.PARTIALLY_CANCELLED: "cancelled",
}


class Words(StrEnum):
    """Whose words for an order's status: the official SDK's, or those of the streams' documentation."""

    SDK = "sdk"
    DOCS = "docs"

    def status(self, life: Life) -> str:
        return life.value if self is Words.SDK else _DOCUMENTED.get(life, life.value)


def decimal(atoms: int) -> str:
    """`atoms` without needless zeroes."""
    text = amount_text(atoms).rstrip("0")
    return text.removesuffix(".")


def number(atoms: int) -> msgspec.Raw:
    """The same as a JSON number, exactly."""
    return msgspec.Raw(decimal(atoms).encode())


def moment(time_ms: int) -> str:
    """RFC 3339, in milliseconds."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def order(entry: Entry, order: Order | None, words: Words) -> Json:
    """One order, as it was when `order` was what the exchange had of it."""
    request = entry.wanted.new_order
    listing, price = request.listing, request.price or 0
    received = _token(listing.instrument.base if request.side is Side.BUY else listing.instrument.quote)
    executed, spent = (order.executed, order.spent) if order else (0, 0)
    left = order.left if order and order.status.open else 0
    tick_lot, lot = listing.instrument.tick_lot, listing.lot_atoms
    limit = decimal(price * listing.tick_atoms)
    return {
        "id": entry.order_id, "account_id": ACCOUNT_ID, "active_order_utxo_id": None,
        "status": words.status(entry.life(order)), "symbol": listing.symbol, "side": request.side.value,
        "type": "market" if entry.wanted.market else "limit", "price": limit,
        "slippage_bp": entry.wanted.slippage_bp,
        "market_order_limit_price": limit if entry.wanted.market and price else None,
        "base_qty": decimal(request.lots * lot), "quote_qty": decimal(price * request.lots * tick_lot),
        "locked_base_qty": decimal(left * lot if request.side is Side.SELL else 0),
        "locked_quote_qty": decimal(price * left * tick_lot if request.side is Side.BUY else 0),
        "executed_base_qty": decimal(executed * lot), "executed_quote_qty": decimal(spent),
        "ob_open_order_base_qty": decimal(0 if entry.processing else left * lot),
        "commission_unit": received.unit, "commission": decimal(sum(trade.commission for trade in entry.trades)),
        "commission_rate_bp": COMMISSION_BPS, "executed_price": _average(listing, executed, spent),
        "created_at": moment(entry.built_ms), "updated_at": moment(order.updated_ms if order else entry.built_ms),
        "order_execution_records": [execution(entry, trade) for trade in entry.trades],
    }  # fmt: skip


def execution(entry: Entry, trade: Trade) -> Json:
    """One trade of one order."""
    listing = trade.listing
    return {
        "id": identity(f"trade/{trade.trade_id}"), "order_id": entry.order_id, "account_id": ACCOUNT_ID,
        "execution_price": decimal(trade.price * listing.tick_atoms),
        "filled_base_qty": decimal(trade.lots * listing.lot_atoms),
        "filled_quote_qty": decimal(trade.price * trade.lots * listing.instrument.tick_lot),
        "commission_unit": _token(trade.commission_asset).unit, "commission": decimal(trade.commission),
        "role": "maker" if trade.maker else "taker",
        "counter_party_order_id": identity(f"counterparty/{trade.trade_id}"), "created_at": moment(trade.time_ms),
    }  # fmt: skip


def balances(holdings: Iterable[Holding], amount: Callable[[int], object]) -> list[Json]:
    """`amount`: `decimal` for REST, `number` for the stream."""
    return [
        {"asset": holding.asset.lower(), "asset_unit": _token(holding.asset).balance_unit,
         "free": amount(holding.free), "locked": amount(holding.locked)}
        for holding in holdings
    ]  # fmt: skip


def order_info(entry: Entry, changed: Order | None, words: Words) -> Json:
    return {"type": "Account", "sub_type": "order_info", "order": order(entry, changed, words)}


def balance_info(holdings: Iterable[Holding]) -> Json:
    return {"type": "Account", "sub_type": "balance", "balance": balances(holdings, number)}


def points_info(entry: Entry, points: int) -> Json:
    """What a trade earns; it has nothing to do with money."""
    return {"type": "Account", "sub_type": "dlta_points", "dlta_points": {
        "delta": "1", "new_total": str(points), "season_points": str(points), "source_type": "trade",
        "source_ref": entry.order_id, "league": "bronze",
    }}  # fmt: skip


def market_config() -> Json:
    pairs = [
        {"symbol": pair.symbol, "base_token": _metadata(pair.base), "quote_token": _metadata(pair.quote),
         "price_max_dp": pair.price_max_dp}
        for pair in PAIRS
    ]  # fmt: skip
    return {"trading_pairs": pairs, "assets": [
        _metadata(token) | {"trading_pairs": [pair.symbol for pair in PAIRS if token in pair.tokens]}
        for token in TOKENS
    ]}  # fmt: skip


def candle(pair: Pair, found: Candle) -> Json:
    tick = pair.listing.tick_atoms
    return {
        "t": found.open_ms // 1000, "s": pair.symbol, "o": number(found.open * tick), "h": number(found.high * tick),
        "l": number(found.low * tick), "c": number(found.close * tick),
        "v": number(found.lots * pair.listing.lot_atoms),
    }  # fmt: skip


def _metadata(token: Token) -> Json:
    return {"symbol": token.symbol, "unit": token.unit, "decimals": token.decimals, "max_qty_dp": token.max_qty_dp}


def _token(asset: str) -> Token:
    """An asset that is not traded here (a deposit may be of anything) has itself for a unit."""
    unknown = Token(symbol=asset, unit=asset.lower(), balance_unit=asset.lower())
    return next((token for token in TOKENS if token.symbol == asset), unknown)


def _average(listing: Listing, executed: int, spent: int) -> str:
    """Average price of the fills, rounded down to 1e-8."""
    return decimal(spent * listing.tick_atoms // (executed * listing.instrument.tick_lot)) if executed else "0"
