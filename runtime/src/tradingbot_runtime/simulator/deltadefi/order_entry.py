"""Reading a build request: JSON in, an order out, DeltaDeFi's code for the first thing that is wrong. Pure.

Source: DeltaDeFi API documentation, "Build order transaction" and "Order types". A market order with a slippage limit
is a limit order at the market's price moved by it: what finds no match rests there.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.amounts import ATOM_DIGITS, BadAmount, parse_amount
from tradingbot_runtime.simulator.deltadefi.pairs import Pair
from tradingbot_runtime.simulator.deltadefi.refusals import Reason, Refusal
from tradingbot_runtime.simulator.deltadefi.register import Wanted
from tradingbot_runtime.simulator.exchange import affordable
from tradingbot_runtime.simulator.matching import MatchingEngine, TimeInForce
from tradingbot_runtime.simulator.orders import NewOrder, OrderType

BASIS_POINTS = 10_000


class BuildRequest(msgspec.Struct, frozen=True):
    """Body of `POST /order/build`. Unknown fields are ignored, as the SDK sends what it is given."""

    symbol: str
    side: str
    type: str
    base_quantity: str | None = None
    quote_quantity: str | None = None
    price: str | None = None
    max_slippage_basis_point: str | int | None = None
    post_only: bool = False


def build_request(body: bytes) -> BuildRequest:
    """Raises Refusal."""
    try:
        return msgspec.json.decode(body, type=BuildRequest)
    except msgspec.DecodeError as wrong:
        raise Refusal(Reason.INVALID) from wrong


def wanted(request: BuildRequest, pair: Pair, engine: MatchingEngine) -> Wanted:
    """The order that is asked for, at the market as it is now. Raises Refusal."""
    if request.side not in ("buy", "sell") or request.type not in ("limit", "market"):
        raise Refusal(Reason.INVALID)
    if (request.base_quantity is None) == (request.quote_quantity is None):
        raise Refusal(Reason.INVALID)
    side = Side(request.side)
    return _limit(request, pair, side) if request.type == "limit" else _market(request, pair, side, engine)


def _limit(request: BuildRequest, pair: Pair, side: Side) -> Wanted:
    if request.price is None:
        raise Refusal(Reason.PRICE)
    atoms = _atoms(request.price, pair.price_max_dp, Reason.PRICE_DECIMALS)
    if not atoms:
        raise Refusal(Reason.PRICE)
    price = Ticks(atoms // pair.listing.tick_atoms)
    return Wanted(
        market=False,
        new_order=_new_order(
            pair, side, price, _lots(request, pair, price),
            OrderType.LIMIT_MAKER if request.post_only else OrderType.LIMIT,
        ),
    )  # fmt: skip


def _market(request: BuildRequest, pair: Pair, side: Side, engine: MatchingEngine) -> Wanted:
    if request.post_only:
        raise Refusal(Reason.POST_ONLY_LIMIT)
    best = next(engine.levels(side), None)
    if best is None:
        raise Refusal(Reason.LIQUIDITY)
    slippage = _slippage(request)
    limit = None if slippage is None else _moved(best[0], side, slippage)
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    order = _new_order(pair, side, limit, Lots(0), kind)
    if request.quote_quantity is not None:
        atoms = _atoms(request.quote_quantity, pair.quote.max_qty_dp, Reason.QUANTITY_DECIMALS)
        lots = affordable(engine, msgspec.structs.replace(order, quote_atoms=atoms))
    else:
        lots = _lots(request, pair, best[0])
    if not lots:
        raise Refusal(Reason.QUANTITY)
    return Wanted(market=True, slippage_bp=slippage, new_order=msgspec.structs.replace(order, lots=lots))


def _new_order(pair: Pair, side: Side, price: Ticks | None, lots: Lots, kind: OrderType) -> NewOrder:
    return NewOrder(
        listing=pair.listing, side=side, type=kind, time_in_force=TimeInForce.GTC, client_id="", price=price, lots=lots
    )


def _lots(request: BuildRequest, pair: Pair, price: Ticks) -> Lots:
    """The quantity in lots; by `quote_quantity` what it buys at `price`, rounded down. Raises Refusal."""
    if request.base_quantity is not None:
        lots = _atoms(request.base_quantity, pair.base.max_qty_dp, Reason.QUANTITY_DECIMALS) // pair.listing.lot_atoms
    else:
        atoms = _atoms(request.quote_quantity or "", pair.quote.max_qty_dp, Reason.QUANTITY_DECIMALS)
        lots = atoms // (price * pair.listing.instrument.tick_lot)
    if not lots:
        raise Refusal(Reason.QUANTITY)
    return Lots(lots)


def _atoms(text: str, places: int, too_precise: Reason) -> int:
    try:
        atoms = parse_amount(text)
    except BadAmount as bad:
        raise Refusal(too_precise if bad.too_precise else Reason.INVALID) from bad
    if atoms % 10 ** (ATOM_DIGITS - places):
        raise Refusal(too_precise)
    return atoms


def _slippage(request: BuildRequest) -> int | None:
    given = request.max_slippage_basis_point
    if given is None or given == "":
        return None
    try:
        slippage = int(given)
    except ValueError as wrong:
        raise Refusal(Reason.SLIPPAGE) from wrong
    if not 0 <= slippage <= BASIS_POINTS:
        raise Refusal(Reason.SLIPPAGE)
    return slippage


def _moved(price: Ticks, side: Side, slippage_bp: int) -> Ticks:
    """The worst price that is still accepted, rounded to the cautious side."""
    exact = Decimal(price) * (BASIS_POINTS + side.sign * slippage_bp) / BASIS_POINTS
    return Ticks(max(1, int(exact.to_integral_value(ROUND_FLOOR if side is Side.BUY else ROUND_CEILING))))
