"""The account: key, balances, orders, trades, records. Lists come newest first, in pages."""

from tradingbot_runtime.simulator.deltadefi import wire
from tradingbot_runtime.simulator.deltadefi.calls import Asked
from tradingbot_runtime.simulator.deltadefi.refusals import Reason, Refusal
from tradingbot_runtime.simulator.deltadefi.register import Entry, identity
from tradingbot_runtime.simulator.deltadefi.venue import DeltaDeFiVenue
from tradingbot_runtime.simulator.deltadefi.wire import Json
from tradingbot_runtime.simulator.orders import Trade

_RECORDS = ("openOrder", "orderHistory", "tradingHistory")


def operation_key(venue: DeltaDeFiVenue, _: Asked) -> object:
    key = venue.access.key
    return {"encrypted_operation_key": key.encrypted, "operation_key_hash": key.hash}


def spot_account(venue: DeltaDeFiVenue, _: Asked) -> object:
    key = venue.access.key
    return {
        "account_id": wire.ACCOUNT_ID, "account_type": "spot_account", "encrypted_operation_key": key.encrypted,
        "operation_key_hash": key.hash, "created_at": wire.moment(0),
    }  # fmt: skip


def api_key(venue: DeltaDeFiVenue, _: Asked) -> object:
    return {"api_key": venue.access.api_key, "created_at": wire.moment(0)}


def balance(venue: DeltaDeFiVenue, _: Asked) -> object:
    return wire.balances(venue.holdings(), wire.decimal)


def max_deposit(_venue: DeltaDeFiVenue, _: Asked) -> object:
    return {"max_deposit": "1000000"}


def open_orders(venue: DeltaDeFiVenue, asked: Asked) -> object:
    pair = venue.market(asked.named("symbol")).pair
    return _orders(venue, venue.desk.open(pair)[::-1][asked.page()])


def trade_orders(venue: DeltaDeFiVenue, asked: Asked) -> object:
    """Every order that was submitted."""
    return _orders(venue, _submitted(venue, asked.named("symbol"))[asked.page()])


def trades(venue: DeltaDeFiVenue, asked: Asked) -> object:
    found = _trades(venue, asked.named("symbol"))[asked.page()]
    return [wire.execution(entry, trade) for entry, trade in found]


def order(venue: DeltaDeFiVenue, asked: Asked) -> object:
    entry = venue.desk.register.get(asked.path["id"])
    if entry is None:
        raise Refusal(Reason.NOT_FOUND)
    return wire.order(entry, entry.order, venue.manner.rest_words)


def order_records(venue: DeltaDeFiVenue, asked: Asked) -> object:
    """The older way to ask for orders and trades, of all pairs; `status` names what."""
    status = asked.named("status")
    if status not in _RECORDS:
        raise Refusal(Reason.STATUS)
    symbols = [asked.query["symbol"]] if asked.query.get("symbol") else list(venue.markets)
    rows: list[Json] = []
    for symbol in symbols:
        market = venue.market(symbol)
        if status == "tradingHistory":
            rows += [wire.execution(entry, trade) for entry, trade in _trades(venue, symbol)]
        else:
            live = status == "openOrder"
            entries = venue.desk.open(market.pair)[::-1] if live else _submitted(venue, symbol)
            rows += _orders(venue, entries)
    page = rows[asked.page()]
    size = asked.page().stop - asked.page().start
    field, other = ("order_filling_records", "orders") if status == "tradingHistory" else (
        "orders", "order_filling_records")  # fmt: skip
    return {"data": [{field: page, other: []}], "total_count": len(rows), "total_page": -(-len(rows) // size)}


def deposit_records(venue: DeltaDeFiVenue, asked: Asked) -> object:
    return _moved(venue, 1)[asked.page()]


def withdrawal_records(venue: DeltaDeFiVenue, asked: Asked) -> object:
    return _moved(venue, -1)[asked.page()]


def transferal_records(_venue: DeltaDeFiVenue, _: Asked) -> object:
    """Transferals between accounts are not simulated."""
    return []


def _orders(venue: DeltaDeFiVenue, entries: list[Entry]) -> list[Json]:
    return [wire.order(entry, entry.order, venue.manner.rest_words) for entry in entries]


def _submitted(venue: DeltaDeFiVenue, symbol: str) -> list[Entry]:
    pair = venue.market(symbol).pair
    newest = venue.desk.register.newest_first()
    return [entry for entry in newest if entry.order is not None and entry.wanted.new_order.listing is pair.listing]


def _trades(venue: DeltaDeFiVenue, symbol: str) -> list[tuple[Entry, Trade]]:
    found = [(entry, trade) for entry in _submitted(venue, symbol) for trade in entry.trades]
    return sorted(found, key=lambda pair: -pair[1].trade_id)


def _moved(venue: DeltaDeFiVenue, sign: int) -> list[Json]:
    """What the control endpoint has paid in (1) or out (-1)."""
    return [
        {"created_at": wire.moment(event.time_ms), "status": "confirmed", "tx_hash": identity(f"deposit/{number}"),
         "assets": [{"asset": event.asset.lower(), "asset_unit": "", "qty": wire.decimal(abs(event.atoms))}]}
        for number, event in enumerate(venue.deposits)
        if event.atoms * sign > 0
    ]  # fmt: skip
