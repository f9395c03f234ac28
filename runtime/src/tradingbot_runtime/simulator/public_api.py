"""Requests that anybody may make, by REST or websocket API: parameters in, Binance's answer out."""

from collections.abc import Callable

import msgspec

from tradingbot_runtime.simulator import order_entry
from tradingbot_runtime.simulator.amounts import amount_text
from tradingbot_runtime.simulator.binance_json import SELF_TRADE_PREVENTION, Json
from tradingbot_runtime.simulator.candles import INTERVALS_MS
from tradingbot_runtime.simulator.instruments import MAX_OPEN_ORDERS, PERCENT_PRICE_DOWN, PERCENT_PRICE_UP, Listing
from tradingbot_runtime.simulator.market import MarketData
from tradingbot_runtime.simulator.order_entry import Parameters
from tradingbot_runtime.simulator.orders import OrderType
from tradingbot_runtime.simulator.refusals import Reason, Refusal
from tradingbot_runtime.simulator.venue import SimulatedVenue

Answer = Json | list[Json] | list[list[object]]
MAX_DEPTH = 5000
MAX_ROWS = 1000
_ATOM = 10**8


class PublicApi:
    def __init__(self, venue: SimulatedVenue) -> None:
        self._venue = venue

    def ping(self, _: Parameters) -> Answer:
        return {}

    def time(self, _: Parameters) -> Answer:
        return {"serverTime": self._venue.clock.now_ms()}

    def exchange_info(self, parameters: Parameters) -> Answer:
        listings = list(self._venue.exchange.listings.values())
        if parameters.get("symbol"):
            listings = [self._venue.exchange.listing(order_entry.symbol(parameters))]
        elif parameters.get("symbols"):
            listings = [self._venue.exchange.listing(name) for name in _symbols(parameters)]
        return {
            "timezone": "UTC", "serverTime": self._venue.clock.now_ms(), "rateLimits": self._venue.limits.declared(),
            "exchangeFilters": [], "symbols": [symbol_info(listing) for listing in listings],
        }  # fmt: skip

    def depth(self, parameters: Parameters) -> Answer:
        return self._market(parameters).depth(order_entry.limit(parameters, 100, MAX_DEPTH))

    def trades(self, parameters: Parameters) -> Answer:
        rows = order_entry.limit(parameters, 500, MAX_ROWS)
        return list(self._market(parameters).trades)[-rows:]

    def aggregate_trades(self, parameters: Parameters) -> Answer:
        """One row a trade: the simulator does not aggregate."""
        rows = order_entry.limit(parameters, 500, MAX_ROWS)
        return [
            {"a": row["id"], "p": row["price"], "q": row["qty"], "f": row["id"], "l": row["id"], "T": row["time"],
             "m": row["isBuyerMaker"], "M": True}
            for row in list(self._market(parameters).trades)[-rows:]
        ]  # fmt: skip

    def klines(self, parameters: Parameters) -> Answer:
        market = self._market(parameters)
        interval = order_entry.mandatory(parameters, "interval")
        if interval not in INTERVALS_MS:
            raise Refusal(Reason.INTERVAL)
        start, end = order_entry.number(parameters, "startTime"), order_entry.number(parameters, "endTime")
        return market.candles.rows(interval, start, end, order_entry.limit(parameters, 500, MAX_ROWS))

    def book_ticker(self, parameters: Parameters) -> Answer:
        return self._each(parameters, MarketData.book_ticker)

    def price(self, parameters: Parameters) -> Answer:
        return self._each(parameters, _price_ticker)

    def day(self, parameters: Parameters) -> Answer:
        now_ms = self._venue.clock.now_ms()
        return self._each(parameters, lambda market: _day_ticker(market, now_ms))

    def _market(self, parameters: Parameters) -> MarketData:
        return self._venue.market(order_entry.symbol(parameters))

    def _each(self, parameters: Parameters, show: Callable[[MarketData], Json]) -> Answer:
        """For one symbol an object, for several or all of them a list."""
        if parameters.get("symbol"):
            return show(self._market(parameters))
        if parameters.get("symbols"):
            return [show(self._venue.market(name)) for name in _symbols(parameters)]
        return [show(market) for market in self._venue.markets.values()]


def _symbols(parameters: Parameters) -> list[str]:
    """The JSON list in `symbols`."""
    try:
        return msgspec.json.decode(parameters["symbols"], type=list[str])
    except msgspec.DecodeError as wrong:
        raise Refusal(Reason.MALFORMED, "symbols") from wrong


def symbol_info(listing: Listing) -> Json:
    """One entry of exchangeInfo."""
    instrument = listing.instrument
    return {
        "symbol": instrument.symbol, "status": "TRADING", "baseAsset": instrument.base, "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote, "quotePrecision": 8, "quoteAssetPrecision": 8, "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8, "orderTypes": [kind.value for kind in OrderType], "icebergAllowed": False,
        "ocoAllowed": False, "otoAllowed": False, "quoteOrderQtyMarketAllowed": True, "allowTrailingStop": False,
        "cancelReplaceAllowed": False, "amendAllowed": False, "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False, "filters": _filters(listing), "permissions": [], "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": SELF_TRADE_PREVENTION,
        "allowedSelfTradePreventionModes": [SELF_TRADE_PREVENTION],
    }  # fmt: skip


def _filters(listing: Listing) -> list[Json]:
    instrument, tick, lot = listing.instrument, listing.tick_atoms, listing.lot_atoms
    up, down = str(PERCENT_PRICE_UP), str(PERCENT_PRICE_DOWN)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": amount_text(tick), "maxPrice": amount_text(10**6 * _ATOM),
         "tickSize": amount_text(tick)},
        {"filterType": "LOT_SIZE", "minQty": amount_text(instrument.min_lots * lot),
         "maxQty": amount_text(instrument.max_lots * lot), "stepSize": amount_text(lot)},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": up, "bidMultiplierDown": down,
         "askMultiplierUp": up, "askMultiplierDown": down, "avgPriceMins": 5},
        {"filterType": "NOTIONAL", "minNotional": amount_text(instrument.min_notional), "applyMinToMarket": True,
         "maxNotional": amount_text(9 * 10**6 * _ATOM), "applyMaxToMarket": False, "avgPriceMins": 5},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MAX_OPEN_ORDERS},
    ]  # fmt: skip


def _price_ticker(market: MarketData) -> Json:
    return {"symbol": market.listing.symbol, "price": amount_text((market.last_price or 0) * market.listing.tick_atoms)}


def _day_ticker(market: MarketData, now_ms: int) -> Json:
    """The day so far, from the daily candle."""
    rows = market.candles.rows("1d", None, None, 1)
    zero = amount_text(0)
    row = rows[0] if rows else [now_ms, zero, zero, zero, zero, zero, now_ms, zero, 0]
    top = market.book_ticker()
    return {
        **top, "priceChange": zero, "priceChangePercent": "0.000", "weightedAvgPrice": zero, "prevClosePrice": row[1],
        "lastPrice": row[4], "lastQty": zero, "openPrice": row[1], "highPrice": row[2], "lowPrice": row[3],
        "volume": row[5], "quoteVolume": row[7], "openTime": row[0], "closeTime": now_ms, "firstId": -1, "lastId": -1,
        "count": row[8],
    }  # fmt: skip


class PublicCall(msgspec.Struct, frozen=True):
    """One public request: its path below /api/v3, its websocket API method, its weight, and what answers it."""

    path: str
    websocket: str
    weight: int
    answer: Callable[[PublicApi, Parameters], Answer]


PUBLIC_CALLS: tuple[PublicCall, ...] = (
    PublicCall("/ping", "ping", 1, PublicApi.ping),
    PublicCall("/time", "time", 1, PublicApi.time),
    PublicCall("/exchangeInfo", "exchangeInfo", 20, PublicApi.exchange_info),
    PublicCall("/depth", "depth", 5, PublicApi.depth),
    PublicCall("/trades", "trades.recent", 25, PublicApi.trades),
    PublicCall("/aggTrades", "trades.aggregate", 4, PublicApi.aggregate_trades),
    PublicCall("/klines", "klines", 2, PublicApi.klines),
    PublicCall("/ticker/bookTicker", "ticker.book", 2, PublicApi.book_ticker),
    PublicCall("/ticker/price", "ticker.price", 2, PublicApi.price),
    PublicCall("/ticker/24hr", "ticker.24hr", 2, PublicApi.day),
)
