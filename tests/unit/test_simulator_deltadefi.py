"""DeltaDeFi's side of the simulator: its refusals, an order's life, money to the last unit, the lock, the mirror."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.examples import examples
from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.simulator.accounts import Account, Commission
from tradingbot_runtime.simulator.amounts import ATOMS
from tradingbot_runtime.simulator.book import Book
from tradingbot_runtime.simulator.deltadefi import wire
from tradingbot_runtime.simulator.deltadefi.desk import Desk, Terms
from tradingbot_runtime.simulator.deltadefi.mirror import Mirror, Thinness
from tradingbot_runtime.simulator.deltadefi.operation_key import OperationKey
from tradingbot_runtime.simulator.deltadefi.order_entry import BuildRequest, build_request
from tradingbot_runtime.simulator.deltadefi.pairs import ADAUSDM
from tradingbot_runtime.simulator.deltadefi.public_market import PublicMarket
from tradingbot_runtime.simulator.deltadefi.refusals import Refusal
from tradingbot_runtime.simulator.deltadefi.register import Entry, Life, Register
from tradingbot_runtime.simulator.deltadefi.trading_lock import TradingLock
from tradingbot_runtime.simulator.deltadefi.wire import Words
from tradingbot_runtime.simulator.exchange import Exchange
from tradingbot_runtime.simulator.generated import GeneratedMarket, Shape
from tradingbot_runtime.simulator.instruments import listing
from tradingbot_runtime.simulator.market_events import DepthSnapshot, TopChanged, TradePrinted
from tradingbot_runtime.venues.deltadefi.operation_key import operation_key

PASSWORD = "made up for this test"  # noqa: S105 - as it says
KEY = OperationKey(PASSWORD, bytes(range(96)))
SIGNER = operation_key(KEY.encrypted, PASSWORD)
BID, ASK, LEVEL = 3500, 3510, Lots(100_000)
START = {"ADA": 2_000 * ATOMS, "USDM": 700 * ATOMS}


@dataclass
class World:
    """A desk with a book of ten levels of 1000 Ada."""

    desk: Desk
    now_ms: int = 0

    @classmethod
    def new(cls, **terms: int) -> "World":
        account = Account(dict(START), Commission(1000, 1000, 100))
        desk = Desk(Exchange([ADAUSDM.listing], account, 1), KEY, Terms(**terms), 1)
        levels = range(10)
        desk.exchange.on_market(DepthSnapshot(
            symbol="ADAUSDM", time_ns=0, last_id=1, bids=tuple((Ticks(BID - i), LEVEL) for i in levels),
            asks=tuple((Ticks(ASK + i), LEVEL) for i in levels),
        ), 0)  # fmt: skip
        return cls(desk)

    def build(self, side: str = "buy", kind: str = "limit", **fields: object) -> Entry:
        whole = {"symbol": "ADAUSDM", "side": side, "type": kind, **fields}
        return self.desk.build(BuildRequest(**whole), ADAUSDM, self.now_ms)  # type: ignore[arg-type]  # the tests' own

    def submit(self, entry: Entry) -> Entry:
        return self.desk.submit(entry.order_id, SIGNER.signed(entry.transaction.tx_hex), self.now_ms)

    def limit(self, side: str, price: str, quantity: str) -> Entry:
        """An order in the market."""
        entry = self.submit(self.build(side, price=price, base_quantity=quantity))
        self.desk.match(entry, self.now_ms)
        self.tell()
        return entry

    def prints(self, price: int, lots: int, *, buyer_is_maker: bool) -> None:
        self.desk.exchange.on_market(TradePrinted(
            symbol="ADAUSDM", time_ns=0, trade_id=1, price=Ticks(price), lots=Lots(lots), buyer_is_maker=buyer_is_maker,
        ), self.now_ms)  # fmt: skip
        self.tell()

    def tell(self) -> None:
        """What the shell does with the account's events: an order keeps its trades."""
        for event in self.desk.exchange.drain_events():
            trade = getattr(event, "trade", None)
            if trade is not None:
                self.desk.register.of(event.order).trades.append(trade)  # type: ignore[union-attr]  # it has a trade

    def life(self, entry: Entry) -> Life:
        return entry.life(entry.order)

    def money(self) -> dict[str, int]:
        account = self.desk.exchange.account
        return {asset: b.free + b.locked + account.fees.get(asset, 0) for asset, b in account.balances.items()}


def code(attempt: object) -> int:
    with pytest.raises(Refusal) as caught:
        attempt()  # type: ignore[operator]  # a function of the test
    return caught.value.code


LIMIT = {"price": "0.3400", "base_quantity": "10"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({**LIMIT, "side": "hold"}, 4000),
        ({**LIMIT, "kind": "stop"}, 4000),
        ({**LIMIT, "quote_quantity": "10"}, 4000),
        ({"price": "0.34"}, 4000),
        ({**LIMIT, "base_quantity": "ten"}, 4000),
        ({**LIMIT, "base_quantity": "4.99"}, 4100),
        ({**LIMIT, "price": "0"}, 4101),
        ({"base_quantity": "10"}, 4101),
        ({**LIMIT, "price": "0.34001"}, 4102),
        ({**LIMIT, "base_quantity": "10.001"}, 4103),
        ({"price": "0.34", "quote_quantity": "10.001"}, 4103),
        ({**LIMIT, "price": "0.3510", "post_only": True}, 4104),
        ({"kind": "market", "base_quantity": "10", "post_only": True}, 4105),
        ({**LIMIT, "base_quantity": "0"}, 4107),
        ({"kind": "market", "base_quantity": "10", "max_slippage_basis_point": "10001"}, 4108),
        ({"kind": "market", "base_quantity": "10", "max_slippage_basis_point": "much"}, 4108),
        ({"kind": "market", "side": "sell", "base_quantity": "10000.01"}, 4109),
        ({**LIMIT, "price": "1.7600"}, 4111),
        ({**LIMIT, "price": "0.0700"}, 4112),
        ({**LIMIT, "base_quantity": "2100"}, 4050),
        ({"price": "0.36", "side": "sell", "base_quantity": "2000.01"}, 4050),
        ({"kind": "market", "base_quantity": "2000"}, 4050),
    ],
)
def test_a_refused_build_says_why_and_changes_nothing(fields: dict[str, object], expected: int) -> None:
    world = World.new()
    assert code(lambda: world.build(**fields)) == expected  # type: ignore[arg-type]  # the table's fields
    assert not list(world.desk.register.newest_first())
    assert world.money() == START


def test_more_open_orders_than_allowed_are_refused() -> None:
    world = World.new(max_open_orders=2)
    for price in ("0.3400", "0.3401"):
        world.limit("buy", price, "10")
    assert code(lambda: world.build(**LIMIT)) == 4110


@pytest.mark.parametrize("body", [b"", b"[]", b'{"symbol":1}', b'{"symbol":"ADAUSDM","side":"buy"}', b"\xff"])
def test_a_body_that_is_no_order_is_invalid(body: bytes) -> None:
    assert code(lambda: build_request(body)) == 4000


def test_an_order_that_is_only_built_sets_nothing_aside() -> None:
    world = World.new()
    entry = world.build(**LIMIT)
    assert world.life(entry) is Life.BUILDING
    assert world.desk.exchange.account.balance("USDM").locked == 0
    assert world.desk.open(ADAUSDM) == []


def test_what_is_submitted_must_be_known_fresh_unsubmitted_and_signed_by_the_accounts_key() -> None:
    world = World.new(build_expiry_ms=1000)
    entry, other = world.build(**LIMIT), world.build(**LIMIT)
    signed = SIGNER.signed(entry.transaction.tx_hex)
    assert code(lambda: world.desk.submit("nobody's", signed, 0)) == 4200
    assert code(lambda: world.desk.submit(other.order_id, signed, 0)) == 4407
    assert code(lambda: world.desk.submit(entry.order_id, entry.transaction.tx_hex, 0)) == 4407
    assert code(lambda: world.desk.submit(entry.order_id, "no hex", 0)) == 4407
    stranger = OperationKey(PASSWORD, bytes(range(1, 97)))
    forged = operation_key(stranger.encrypted, PASSWORD).signed(entry.transaction.tx_hex)
    assert code(lambda: world.desk.submit(entry.order_id, forged, 0)) == 4407
    assert code(lambda: world.desk.submit(entry.order_id, signed, 1000)) == 4300
    assert world.life(entry) is Life.BUILDING
    world.desk.submit(entry.order_id, signed, 999)
    assert code(lambda: world.desk.submit(entry.order_id, signed, 1)) == 4302


def test_an_order_on_its_way_is_listed_as_open_but_cannot_be_cancelled_yet() -> None:
    world = World.new()
    resting, coming = world.limit("buy", "0.3401", "10"), world.submit(world.build(**LIMIT))
    assert world.life(coming) is Life.PROCESSING
    assert code(lambda: world.desk.cancel(coming.order_id, 0)) == 4201
    assert world.desk.cancel_all(ADAUSDM, 0) == [resting]
    assert world.desk.open(ADAUSDM) == [coming]
    assert code(lambda: world.desk.cancel_all(ADAUSDM, 0)) == 4200
    world.desk.match(coming, 0)
    assert world.life(coming) is Life.OPEN
    world.desk.cancel(coming.order_id, 0)
    assert world.money() == START
    assert code(lambda: world.desk.cancel(coming.order_id, 0)) == 4201


def test_a_post_only_order_that_would_take_by_the_time_it_arrives_has_failed() -> None:
    world = World.new()
    entry = world.submit(world.build(price="0.3505", base_quantity="10", post_only=True))
    world.desk.exchange.on_market(
        TopChanged(symbol="ADAUSDM", time_ns=0, update_id=2, bid=(Ticks(3400), LEVEL), ask=(Ticks(3500), LEVEL)), 0
    )
    world.desk.match(entry, 0)
    assert world.life(entry) is Life.FAILED
    assert world.desk.exchange.account.balance("USDM").locked == 0
    assert wire.order(entry, entry.order, Words.SDK)["executed_base_qty"] == "0"


def test_a_market_order_whose_money_is_gone_by_the_time_it_arrives_has_failed() -> None:
    world = World.new()
    taker = world.submit(world.build("sell", "market", base_quantity="1500"))
    world.limit("sell", "0.3600", "1000")
    world.desk.match(taker, 0)
    assert world.life(taker) is Life.FAILED


def test_the_rest_of_a_market_order_beyond_its_slippage_rests_at_the_limit() -> None:
    world = World.new()
    entry = world.build("sell", "market", base_quantity="1500", max_slippage_basis_point="0")
    world.desk.match(world.submit(entry), 0)
    world.tell()
    order = wire.order(entry, entry.order, Words.SDK)
    assert (order["status"], order["executed_base_qty"]) == ("partially_filled", "1000")
    assert (order["market_order_limit_price"], order["locked_base_qty"]) == ("0.35", "500")


@given(st.decimals(5, 600, places=2))
def test_a_market_buy_for_an_amount_of_quote_never_spends_more(amount: Decimal) -> None:
    world = World.new()
    entry = world.submit(world.build("buy", "market", quote_quantity=str(amount)))
    world.desk.match(entry, 0)
    assert entry.order is not None
    assert 0 <= int(amount * ATOMS) - entry.order.spent < ASK * 2 * ADAUSDM.listing.instrument.tick_lot


def test_both_spellings_of_a_status_say_the_same() -> None:
    said = {life: (Words.SDK.status(life), Words.DOCS.status(life)) for life in Life}
    assert said[Life.FILLED] == ("fully_filled", "closed")
    assert said[Life.PARTIALLY_FILLED] == ("partially_filled", "open")
    assert said[Life.PARTIALLY_CANCELLED] == ("partially_cancelled", "cancelled")
    assert said[Life.PROCESSING] == ("processing", "processing")


def test_an_order_tells_its_executions_and_commissions_in_six_decimals() -> None:
    world = World.new()
    entry = world.limit("sell", "0.3507", "7.77")
    world.prints(3507, 300, buyer_is_maker=False)
    world.prints(3507, 10_000, buyer_is_maker=False)
    order = wire.order(entry, entry.order, Words.DOCS)
    assert (order["status"], order["executed_quote_qty"], order["commission_unit"]) == (
        "closed", "2.724939", ADAUSDM.quote.unit,
    )  # fmt: skip
    assert order["commission"] == "0.002724"  # 3.00 and 4.77 Ada, each rounded down
    records = order["order_execution_records"]
    assert isinstance(records, list)
    assert [(r["filled_base_qty"], r["commission"]) for r in records] == [("3", "0.001052"), ("4.77", "0.001672")]
    assert len({r["id"] for r in records}) == 2


def test_the_public_depth_shows_the_accounts_orders_too() -> None:
    world = World.new()
    world.limit("buy", "0.3500", "10")
    world.submit(world.build(price="0.3505", base_quantity="10"))  # on its way: not there yet
    public = PublicMarket(ADAUSDM, world.desk.exchange)
    bids = public.depth(0)["bids"]
    assert isinstance(bids, list)
    assert (bytes(bids[0]["price"]), bytes(bids[0]["quantity"])) == (b"0.35", b"1010")


ACTIONS = st.one_of(
    st.tuples(st.just("limit"), st.sampled_from(Side), st.integers(3490, 3520), st.integers(500, 40_000)),
    st.tuples(st.just("market"), st.sampled_from(Side), st.integers(0, 50), st.integers(500, 40_000)),
    st.tuples(st.just("arrive"), st.integers(0, 99)),
    st.tuples(st.just("cancel"), st.integers(0, 99)),
    st.tuples(st.just("cancel all")),
    st.tuples(st.just("print"), st.integers(3490, 3520), st.integers(1, 50_000), st.booleans()),
)


def act(world: World, action: tuple[object, ...]) -> None:
    entries = list(world.desk.register.newest_first())
    match action:
        case ("limit", Side() as side, int() as price, int() as lots):
            instrument = ADAUSDM.listing.instrument
            fields = {"price": instrument.price_text(price), "base_quantity": instrument.quantity_text(lots)}
            world.submit(world.build(side.value, **fields))
        case ("market", Side() as side, int() as slippage, int() as lots):
            quantity = ADAUSDM.listing.instrument.quantity_text(lots)
            fields = {"base_quantity": quantity, "max_slippage_basis_point": str(slippage)}
            world.submit(world.build(side.value, "market", **fields))
        case ("arrive", int() as number) if entries:
            world.desk.match(entries[number % len(entries)], world.now_ms)
        case ("cancel", int() as number) if entries:
            world.desk.cancel(entries[number % len(entries)].order_id, world.now_ms)
        case ("cancel all",):
            world.desk.cancel_all(ADAUSDM, world.now_ms)
        case ("print", int() as price, int() as lots, bool() as maker):
            world.prints(price, lots, buyer_is_maker=maker)


@settings(max_examples=examples(60))
@given(st.lists(ACTIONS, max_size=40))
def test_money_is_only_moved_and_exactly_what_open_orders_need_is_locked(actions: list[tuple[object, ...]]) -> None:
    world = World.new()
    net = dict(START)
    for action in actions:
        try:
            act(world, action)
        except Refusal:
            continue
    world.tell()
    account = world.desk.exchange.account
    entries = list(world.desk.register.newest_first())
    for trade in (trade for entry in entries for trade in entry.trades):
        base, quote = trade.lots * ATOMS // 100, trade.price * trade.lots * 100
        net["ADA"] += trade.side.sign * base
        net["USDM"] -= trade.side.sign * quote
        assert trade.commission % 100 == 0
    assert world.money() == net
    locked = dict.fromkeys(START, 0)
    for entry in world.desk.open(ADAUSDM):
        if entry.order is not None and entry.order.price:
            asset, atoms = account.needs(entry.order)
            locked[asset] += atoms
    assert {asset: balance.locked for asset, balance in account.balances.items()} == locked
    assert all(balance.free >= 0 for balance in account.balances.values())


def test_the_same_first_id_and_requests_give_the_same_ids() -> None:
    first, second = World.new(), World.new()
    assert [first.build(**LIMIT).order_id for _ in range(3)] == [second.build(**LIMIT).order_id for _ in range(3)]


def test_the_register_forgets_what_can_no_longer_trade_and_nothing_else() -> None:
    world = World.new()
    world.desk.register = Register(1, 5)
    resting = world.limit("buy", "0.3400", "10")
    built = [world.build(**LIMIT) for _ in range(20)]
    assert world.desk.register.get(resting.order_id) is resting
    assert world.desk.register.get(built[0].order_id) is None
    assert len(list(world.desk.register.newest_first())) == 5


def test_trading_is_locked_at_the_end_of_each_cycle() -> None:
    lock = TradingLock(cycle_s=60, lock_s=10, now_ms=1000)
    assert [lock.locked(1000 + s * 1000) for s in (0, 49, 50, 59, 60, 110)] == [False, False, True, True, False, True]
    assert lock.cycle(65_000) == (61_000, 121_000)


def test_a_lock_on_request_ends_in_time_and_a_new_cycle_begins() -> None:
    lock = TradingLock(cycle_s=60, lock_s=0, now_ms=0)
    lock.lock(5, 10_000)
    assert [lock.locked(ms) for ms in (9_999, 10_000, 14_999, 15_000)] == [True, True, True, False]
    assert lock.cycle(15_000) == (15_000, 75_000)
    lock.lock(5, 20_000)
    lock.unlock(21_000)
    assert not lock.locked(21_000)


def test_the_mirror_moves_with_its_source_wider_and_thinner_and_never_crosses() -> None:
    source, ada = Book(), listing("ADAUSDT")
    mirror = Mirror(ada, ADAUSDM.listing, Thinness(widen=5, share=20))
    target = Exchange([ADAUSDM.listing], Account({}, Commission(0, 0)), 1)
    market = GeneratedMarket(ada, 1, Shape())
    for step in range(200):
        for event in market.step(step):
            target.on_market(mirror.event(event), step)
            if not isinstance(event, TradePrinted):
                (source.apply_top if isinstance(event, TopChanged) else source.apply_depth)(event)  # type: ignore[arg-type]  # the one or the other
    book = target.book("ADAUSDM")
    bid, ask = source.bids.best(), source.asks.best()
    assert bid is not None
    assert ask is not None
    assert (book.bids.best(), book.asks.best()) == (bid - 5, ask + 5)
    assert book.bids.at(Ticks(bid - 5)) == source.bids.at(bid) * 10 // 20
    whole = mirror.snapshot(source, 0)
    assert whole.bids == tuple(book.bids)
    assert whole.asks == tuple(book.asks)
