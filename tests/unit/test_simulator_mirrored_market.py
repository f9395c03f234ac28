"""DeltaDeFi's market follows another one through locks and restarts; its options describe what they say."""

import argparse

import pytest

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.model import Lots, Side, Ticks
from tradingbot_runtime.options import Parser, parsed
from tradingbot_runtime.simulator.accounts import Account, Commission
from tradingbot_runtime.simulator.deltadefi.options import Opened, add_arguments, followed, opened
from tradingbot_runtime.simulator.deltadefi.wire import Words
from tradingbot_runtime.simulator.exchange import Exchange
from tradingbot_runtime.simulator.instruments import listing
from tradingbot_runtime.simulator.market_events import DepthChanged, Level, TopChanged
from tradingbot_runtime.simulator.rate_limits import RateLimits
from tradingbot_runtime.simulator.signatures import Credentials
from tradingbot_runtime.simulator.venue import SimulatedVenue

EXACT = ("--deltadefi-widen", "0", "--deltadefi-share", "10")  # a lot of ADAUSDT is ten of ADAUSDM: the same numbers


def world(*options: str) -> tuple[SimulatedVenue, Opened]:
    """ADAUSDT, and ADAUSDM beside it."""
    exchange = Exchange([listing(symbol) for symbol in followed()], Account({}, Commission(0, 0)), 1)
    source = SimulatedVenue(exchange, Credentials(api_key="a", secret="made up"), RateLimits(100, 100))  # noqa: S106
    return source, opened(arguments(*options), source, 1)


def arguments(*options: str) -> argparse.Namespace:
    parser = Parser()
    add_arguments(parser)
    return parsed(parser, options)


def diff(update_id: int, *bids: tuple[int, int]) -> DepthChanged:
    levels: tuple[Level, ...] = tuple((Ticks(price), Lots(lots)) for price, lots in bids)
    return DepthChanged(symbol="ADAUSDT", time_ns=0, first_id=update_id, last_id=update_id, bids=levels,
                        asks=((Ticks(3600), Lots(9)),))  # fmt: skip


def bids(found: Opened) -> list[tuple[int, int]]:
    return [(int(price), int(lots)) for price, lots in found.venue.desk.exchange.book("ADAUSDM").bids]


def test_what_was_missed_while_trading_was_locked_is_caught_up_with() -> None:
    source, found = world(*EXACT)
    source.feed(diff(1, (3500, 50), (3490, 40)))
    found.venue.lock_trading(60)
    source.feed(diff(2, (3490, 0), (3480, 30)))
    assert bids(found) == [(3500, 50), (3490, 40)]
    found.venue.lock.unlock(source.clock.now_ms())
    top = TopChanged(symbol="ADAUSDT", time_ns=0, update_id=3, bid=(Ticks(3500), Lots(55)), ask=(Ticks(3600), Lots(9)))
    source.feed(top)
    assert bids(found) == [(3500, 55), (3480, 30)]


def test_a_market_that_starts_over_leaves_nothing_of_its_first_round() -> None:
    source, found = world(*EXACT)
    source.feed(diff(1, (3500, 50), (3400, 40)))
    source.start_over(["ADAUSDT"])
    source.feed(diff(1001, (3490, 10)))
    assert bids(found) == [(3490, 10)]


def test_other_symbols_do_not_move_it() -> None:
    exchange = Exchange([listing("BTCUSDT"), *map(listing, followed())], Account({}, Commission(0, 0)), 1)
    source = SimulatedVenue(exchange, Credentials(api_key="a", secret="made up"), RateLimits(100, 100))  # noqa: S106
    found = opened(arguments(), source, 1)
    source.feed(DepthChanged(symbol="BTCUSDT", time_ns=0, first_id=1, last_id=1, bids=((Ticks(9), Lots(9)),), asks=()))
    source.start_over(["BTCUSDT"])
    assert bids(found) == []


def test_the_options_say_how_the_venue_behaves() -> None:
    _, found = world("--deltadefi-balance", "ADA=1.5", "--deltadefi-processing-ms", "250", "--deltadefi-status-words",
                     "docs", "--deltadefi-calls-per-second", "7")  # fmt: skip
    assert [(held.asset, held.free) for held in found.venue.holdings()] == [("ADA", 150_000_000)]
    assert found.venue.manner.processing_s == 0.25
    assert (found.venue.manner.rest_words, found.venue.manner.stream_words) == (Words.DOCS, Words.DOCS)
    assert found.venue.order_calls.limit == 7
    assert set(found.made_up) <= {"apiKey", "tradingPassword"}


def test_a_lock_that_would_never_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="--hydra-lock 60: must be below --hydra-cycle 60"):
        world("--hydra-cycle", "60", "--hydra-lock", "60")


def test_each_side_stands_farther_out_by_what_was_asked_for() -> None:
    source, found = world("--deltadefi-widen", "3", "--deltadefi-share", "10")
    source.feed(diff(1, (3500, 50)))
    book = found.venue.desk.exchange.book("ADAUSDM")
    assert (book.bids.best(), book.asks.best(), book.side(Side.BUY).at(Ticks(3497))) == (3497, 3603, 50)
