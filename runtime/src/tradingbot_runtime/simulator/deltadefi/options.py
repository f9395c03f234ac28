"""The options of `simulate` that are about DeltaDeFi, and the venue that they describe."""

import argparse
import os
import secrets
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.options import Checked, Number, Whole
from tradingbot_runtime.simulator.accounts import Account, Commission
from tradingbot_runtime.simulator.deltadefi.desk import Desk, Terms
from tradingbot_runtime.simulator.deltadefi.mirror import Mirror, Thinness
from tradingbot_runtime.simulator.deltadefi.operation_key import OperationKey
from tradingbot_runtime.simulator.deltadefi.pairs import COMMISSION_BPS, COMMISSION_STEP, PAIRS, Pair
from tradingbot_runtime.simulator.deltadefi.public_market import PublicMarket
from tradingbot_runtime.simulator.deltadefi.trading_lock import TradingLock
from tradingbot_runtime.simulator.deltadefi.venue import Access, DeltaDeFiVenue, Manner, Market
from tradingbot_runtime.simulator.deltadefi.wire import Words
from tradingbot_runtime.simulator.exchange import Exchange
from tradingbot_runtime.simulator.options import Balance
from tradingbot_runtime.simulator.rate_limits import Window
from tradingbot_runtime.simulator.venue import SimulatedVenue

API_KEY_VARIABLE = "SIMULATOR_DELTADEFI_API_KEY"
PASSWORD_VARIABLE = "SIMULATOR_DELTADEFI_TRADING_PASSWORD"  # noqa: S105 (the variable's name)
DEFAULT_BALANCES = "ADA=50000 USDM=20000"
_MILLIONTHS = COMMISSION_BPS * 100


@dataclass(frozen=True, slots=True)
class StatusWords:
    """Words of REST and of the streams."""

    def __str__(self) -> str:
        return "sdk, docs, or mixed: REST the SDK's, the streams their documentation's"

    def read(self, text: str) -> tuple[Words, Words]:
        return (Words.SDK, Words.DOCS) if text == "mixed" else (Words(text), Words(text))


class Opened(NamedTuple):
    """The venue, and what a client needs to trade there."""

    venue: DeltaDeFiVenue
    api_key: str
    trading_password: str

    @property
    def made_up(self) -> dict[str, str]:
        """Of the credentials those that nobody has given."""
        known = {"apiKey": (API_KEY_VARIABLE, self.api_key),
                 "tradingPassword": (PASSWORD_VARIABLE, self.trading_password)}  # fmt: skip
        return {name: value for name, (variable, value) in known.items() if not os.environ.get(variable)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "DeltaDeFi", "Spoken with --venue deltadefi. Its market is that of ADAUSDT, wider and thinner. The API key and "
        f"the trading password come from {API_KEY_VARIABLE} and {PASSWORD_VARIABLE}, or are made up and printed.",
    )  # fmt: skip
    add = group.add_argument
    add("--deltadefi-balance", action=Checked, kind=Balance(), many=True, default=DEFAULT_BALANCES,
        metavar="ASSET=AMOUNT", help="what the account holds, repeatable")  # fmt: skip
    add("--deltadefi-widen", action=Checked, kind=Whole(0, 1000), default="5", metavar="TICKS",
        help="how much farther out each side of its book stands")  # fmt: skip
    add("--deltadefi-share", action=Checked, kind=Whole(0, 100_000), default="20", metavar="N",
        help="its book and its trades are one N-th of that market's; 0: nobody is there but the account")  # fmt: skip
    add("--deltadefi-processing-ms", action=Checked, kind=Whole(0, 60_000), default="10", metavar="MS",
        help="how long an order is on its way to the market after its submit")  # fmt: skip
    add("--deltadefi-build-expiry", action=Checked, kind=Whole(1, 86_400), default="120", metavar="S",
        help="how long what was built may be submitted; then 4300")  # fmt: skip
    add("--deltadefi-calls-per-second", action=Checked, kind=Whole(1, 100_000), default="20", metavar="N",
        help="calls of /order/* allowed; then 4290")  # fmt: skip
    add("--deltadefi-max-open-orders", action=Checked, kind=Whole(1, 10_000), default="100", metavar="N",
        help="then 4110")  # fmt: skip
    add("--deltadefi-status-words", action=Checked, kind=StatusWords(), default="mixed", metavar="WORDS",
        help="how an order's status is spelled")  # fmt: skip
    add("--hydra-cycle", action=Checked, kind=Number(Decimal(1), Decimal(86_400)), default="21600", metavar="S",
        help="length of a Hydra cycle")  # fmt: skip
    add("--hydra-lock", action=Checked, kind=Number(Decimal(0), Decimal(86_400)), default="0", metavar="S",
        help="how long trading is locked at the end of each cycle; 0: never")  # fmt: skip


def followed() -> list[str]:
    """The symbols that its markets are made of."""
    return [pair.follows for pair in PAIRS]


def opened(arguments: argparse.Namespace, source: SimulatedVenue, first_id: int) -> Opened:
    """The venue that the options describe, beside `source`, which has the markets it follows. Raises ConfigError."""
    api_key = os.environ.get(API_KEY_VARIABLE) or secrets.token_hex(32)
    password = os.environ.get(PASSWORD_VARIABLE) or secrets.token_urlsafe(16)
    account = Account(dict(arguments.deltadefi_balance), Commission(_MILLIONTHS, _MILLIONTHS, COMMISSION_STEP))
    exchange = Exchange([pair.listing for pair in PAIRS], account, first_id)
    access = Access(api_key=api_key, key=OperationKey(password))
    terms = Terms(
        build_expiry_ms=arguments.deltadefi_build_expiry * 1000, max_open_orders=arguments.deltadefi_max_open_orders
    )
    if arguments.hydra_lock >= arguments.hydra_cycle:
        raise ConfigError(f"--hydra-lock {arguments.hydra_lock}: must be below --hydra-cycle {arguments.hydra_cycle}")
    lock = TradingLock(float(arguments.hydra_cycle), float(arguments.hydra_lock), source.clock.now_ms())
    thinness = Thinness(widen=arguments.deltadefi_widen, share=arguments.deltadefi_share)
    markets = [_market(pair, source, exchange, thinness) for pair in PAIRS]
    venue = DeltaDeFiVenue(Desk(exchange, access.key, terms, first_id), access, lock, source, markets)
    rest, streams = arguments.deltadefi_status_words
    venue.manner = Manner(
        processing_s=arguments.deltadefi_processing_ms / 1000, rest_words=rest, stream_words=streams
    )  # fmt: skip
    venue.order_calls = Window(1000, arguments.deltadefi_calls_per_second)
    return Opened(venue, api_key, password)


def _market(pair: Pair, source: SimulatedVenue, exchange: Exchange, thinness: Thinness) -> Market:
    mirror = Mirror(source.exchange.listing(pair.follows), pair.listing, thinness)
    return Market(pair, mirror, PublicMarket(pair, exchange))
