"""The exchange that paper orders meet: the simulator's, with a book of which only the top is known. Pure."""

from decimal import Decimal

from tradingbot_runtime.config.paper import Paper
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.model import Instrument, Place, ReferenceTicked, asset_units
from tradingbot_runtime.simulator.accounts import Account, Commission
from tradingbot_runtime.simulator.book import Book
from tradingbot_runtime.simulator.exchange import Exchange
from tradingbot_runtime.simulator.instruments import Listing
from tradingbot_runtime.simulator.market_events import DepthSnapshot, TradePrinted
from tradingbot_runtime.simulator.matching import TimeInForce
from tradingbot_runtime.simulator.orders import NewOrder, OrderType
from tradingbot_runtime.venues.paper.matching import TopEngine
from tradingbot_runtime.venues.tape import PublicTrade

_MILLIONTHS = 100  # of a basis point


def paper_exchange(instrument: Instrument, tick: ReferenceTicked, paper: Paper) -> Exchange:
    """An account that begins with `paper.capital` in quote and as much again in base, by the first tick's price.

    Raises ConfigError for an instrument that cannot be traded on paper, and ValueError for a tick without a price.
    """
    first = tick.ask if tick.bid is None else tick.bid
    if first is None:
        raise ValueError(f"nobody is in the book of {instrument.symbol}: its base has no price")
    try:
        listing = Listing(instrument=instrument, typical_price=Decimal(1), typical_quantity=Decimal(1))
    except ValueError as error:
        raise ConfigError(f"mode Paper cannot trade {instrument.symbol}: {error}") from error
    price = instrument.tick_size * first
    balances = {instrument.quote: asset_units(paper.capital), instrument.base: asset_units(paper.capital / price)}
    fees = Commission(maker=int(paper.maker_fee_bps * _MILLIONTHS), taker=int(paper.taker_fee_bps * _MILLIONTHS))
    exchange = Exchange([listing], Account(balances, fees), first_id=tick.time_ns // 1_000_000)
    exchange.engines[instrument.symbol] = TopEngine(Book(), paper.queue)
    return exchange


def top_of(instrument: Instrument, tick: ReferenceTicked) -> DepthSnapshot:
    """All that is known of the book: a level that was the best one once says nothing of now."""
    bids = () if tick.bid is None else ((tick.bid, tick.bid_lots),)
    asks = () if tick.ask is None else ((tick.ask, tick.ask_lots),)
    return DepthSnapshot(symbol=instrument.symbol, time_ns=tick.time_ns, last_id=tick.update_id, bids=bids, asks=asks)


def printed(instrument: Instrument, trade: PublicTrade, time_ns: int) -> TradePrinted:
    return TradePrinted(symbol=instrument.symbol, time_ns=time_ns, trade_id=trade.trade_id, price=trade.price,
                        lots=trade.lots, buyer_is_maker=trade.buyer_is_maker)  # fmt: skip


def new_order(listing: Listing, place: Place) -> NewOrder:
    kind, force = (OrderType.LIMIT_MAKER, TimeInForce.GTC) if place.post_only else (OrderType.LIMIT, TimeInForce.IOC)
    return NewOrder(listing=listing, side=place.side, type=kind, time_in_force=force,
                    client_id=place.order_id, price=place.price, lots=place.quantity)  # fmt: skip
