"""`tradingbot-runtime simulate`: options, and the process around the server."""

import argparse
import asyncio
import os
import secrets
import signal
import time
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
import shtab
import structlog
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.logs import configure_logs
from tradingbot_runtime.options import PORT, Checked, Number, NumberOr, Whole
from tradingbot_runtime.os_errors import in_words
from tradingbot_runtime.simulator.accounts import Account, Commission
from tradingbot_runtime.simulator.deltadefi import options as deltadefi
from tradingbot_runtime.simulator.deltadefi.service import DeltaDeFi
from tradingbot_runtime.simulator.exchange import Exchange
from tradingbot_runtime.simulator.fault_plan import SYNTAX, FaultPlan, SeededFaults, read_plan
from tradingbot_runtime.simulator.generated import Shape
from tradingbot_runtime.simulator.instruments import Listing, listing
from tradingbot_runtime.simulator.options import Balance, Protocol, Symbol
from tradingbot_runtime.simulator.rate_limits import RateLimits
from tradingbot_runtime.simulator.recording import UnusableRecording, parts, require_events
from tradingbot_runtime.simulator.server import MarketSource, Server
from tradingbot_runtime.simulator.signatures import Credentials, is_well_formed, load_ed25519
from tradingbot_runtime.simulator.venue import SimulatedVenue
from tradingbot_runtime.standard_output import say

log = structlog.get_logger("simulator")
API_KEY_VARIABLE = "SIMULATOR_API_KEY"
SECRET_VARIABLE = "SIMULATOR_SECRET_KEY"  # noqa: S105 (the variable's name)
DEFAULT_BALANCES = "USDT=100000 BTC=1 ETH=30 ADA=200000"
_BPS_IN_MILLIONTHS = 100
STDERR = 2


BINANCE, DELTADEFI = "binance", "deltadefi"  # as --venue names them
SPEED = NumberOr(Number(Decimal("0.001"), Decimal(1000)), "max")
VOLATILITY = Number(Decimal(0), Decimal(100))
FEE_BPS = Number(Decimal(0), Decimal(100), Decimal("0.01"))
STEPS = Whole(1, 1000)
SEED = Whole(0, 2**32 - 1)
LATENCY_MS = Whole(0, 60_000)
REQUESTS = Whole(1, 1_000_000)
FIRST_ID = Whole(1, 10**16)


class Secrets(NamedTuple):
    """What was made up because nobody gave it; `deltadefi` None: not spoken."""

    binance: dict[str, str]
    deltadefi: dict[str, str] | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `simulate`."""
    parser.description = (
        "An exchange in one process that speaks Binance spot's protocol and, if asked, DeltaDeFi's beside it. It plays "
        "a recording, or makes a market up, and matches orders against it. Faults are injected by POST "
        "/simulator/faults, or by a plan; docs/guides/simulator.md names them. The addresses are printed as one line "
        f"of JSON. The account's keys come from {API_KEY_VARIABLE} and {SECRET_VARIABLE}, or are made up and printed."
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", action=Checked, kind=PORT, default="9000", metavar="PORT", help="port to listen on; 0: any free one")
    add("--venue", action=Checked, kind=Protocol(), many=True, default="binance", metavar="VENUE",
        help="whose protocol is spoken, repeatable; Binance's always is")  # fmt: skip
    add("--symbol", action=Checked, kind=Symbol(), many=True, default="BTCUSDT", metavar="SYMBOL",
        help="what is traded, repeatable")  # fmt: skip
    _market_arguments(parser)
    _account_arguments(parser)
    add("--first-id", action=Checked, kind=FIRST_ID, metavar="N",
        help="where the ids of orders and trades begin, for runs that are to repeat each other; "
        "default: at the time, so that a restart repeats none")  # fmt: skip
    add("--fault-plan", metavar="PLAN", help=f"faults that happen by themselves: {SYNTAX}")
    deltadefi.add_arguments(parser)


def _market_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    market = parser.add_mutually_exclusive_group()
    recording = market.add_argument(
        "--recording", type=Path, metavar="FILE",
        help="lines of `<local ns> <json frame>`, plain or gzip; of a folder its files, joined in name order "
        "(default, and where the folder has none: a market is made up)",
    )  # fmt: skip
    market.add_argument("--empty", action="store_true",
                        help="no market but the frames that are posted to /simulator/frames")  # fmt: skip
    add("--speed", action=Checked, kind=SPEED, default="1", metavar="N", help="1: as recorded; 10: ten times as fast")
    add("--wait", action="store_true", help="begin the recording when the first client listens to a stream")
    add("--loop", action="store_true", help="start the recording over at its end; time and ids go on rising")
    add("--seed", action=Checked, kind=SEED, default="1", metavar="N", help="of the market that is made up")
    add("--volatility", action=Checked, kind=VOLATILITY, default="0.6", metavar="SHARE",
        help="of that market, a year, as a share: 0.6 is 60 percent; 0: its book stands still")  # fmt: skip
    add("--steps-per-second", action=Checked, kind=STEPS, default="20", metavar="N",
        help="changes of that market's book")  # fmt: skip
    recording.complete = shtab.FILE  # type: ignore[attr-defined]  # where shtab looks


def _account_arguments(parser: argparse.ArgumentParser) -> None:
    """Of Binance's side."""
    add = parser.add_argument
    add("--balance", action=Checked, kind=Balance(), many=True, default=DEFAULT_BALANCES, metavar="ASSET=AMOUNT",
        help="what the account holds, repeatable")  # fmt: skip
    key = add("--ed25519-public-key", type=Path, metavar="FILE", help="PEM; also accept this key's signatures")
    add("--maker-fee-bps", action=Checked, kind=FEE_BPS, default="10", metavar="BPS", help="in basis points")
    add("--taker-fee-bps", action=Checked, kind=FEE_BPS, default="10", metavar="BPS", help="in basis points")
    add("--latency-ms", action=Checked, kind=LATENCY_MS, default="0", metavar="MS",
        help="delay of every request before it takes effect")  # fmt: skip
    add("--weight-per-minute", action=Checked, kind=REQUESTS, default="6000", metavar="N",
        help="request weight allowed")  # fmt: skip
    add("--orders-per-10s", action=Checked, kind=REQUESTS, default="100", metavar="N",
        help="new orders allowed in ten seconds")  # fmt: skip
    key.complete = shtab.FILE  # type: ignore[attr-defined]  # where shtab looks


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code. Logs go to stderr: stdout is for the addresses.

    Raises ConfigError for options that cannot be used.
    """
    configure_logs(descriptor=STDERR)
    server, made_up = build(arguments)
    try:
        return uvloop.run(_serve(server, made_up, arguments))
    except UnusableRecording as wrong:
        raise ConfigError(str(wrong)) from wrong


def build(arguments: argparse.Namespace) -> tuple[Server, Secrets]:
    """The server that the options describe, and what clients need. ConfigError says what is wrong with them."""
    credentials = Credentials(
        api_key=_api_key(os.environ.get(API_KEY_VARIABLE, "")),
        secret=os.environ.get(SECRET_VARIABLE) or secrets.token_hex(32),
        ed25519=_public_key(arguments.ed25519_public_key),
    )
    account = Account(
        dict(arguments.balance),
        Commission(_millionths(arguments.maker_fee_bps), _millionths(arguments.taker_fee_bps)),
    )
    named, beside = _listings(arguments)
    first_id = arguments.first_id or time.time_ns() // 1000
    venue = SimulatedVenue(
        Exchange([*named, *beside], account, first_id), credentials,
        RateLimits(arguments.weight_per_minute, arguments.orders_per_10s), arguments.latency_ms,
    )  # fmt: skip
    plan = _fault_plan(arguments.fault_plan)
    venue.faults.plan = None if plan is None else SeededFaults(plan)
    made_up = {} if os.environ.get(API_KEY_VARIABLE) else {"apiKey": credentials.api_key}
    if not os.environ.get(SECRET_VARIABLE):
        made_up["secretKey"] = credentials.secret
    beside_it = deltadefi.opened(arguments, venue, first_id) if DELTADEFI in arguments.venue else None
    server = Server(venue, _source(arguments, named, beside), beside_it and DeltaDeFi(beside_it.venue))
    return server, Secrets(made_up, beside_it and beside_it.made_up)


def _source(arguments: argparse.Namespace, named: list[Listing], beside: list[Listing]) -> MarketSource:
    return MarketSource(
        empty=arguments.empty, recording=_recording(arguments.recording, named),
        beside=tuple(entry.symbol for entry in beside),
        speed=None if arguments.speed is None else float(arguments.speed), loop=arguments.loop, wait=arguments.wait,
        seed=arguments.seed,
        shape=Shape(volatility=float(arguments.volatility), steps_per_s=arguments.steps_per_second),
    )  # fmt: skip


def _listings(arguments: argparse.Namespace) -> tuple[list[Listing], list[Listing]]:
    """What was asked for, and what a second protocol needs beside it."""
    named = {entry.symbol: entry for entry in arguments.symbol}
    needed = deltadefi.followed() if DELTADEFI in arguments.venue else []
    return list(named.values()), [listing(symbol) for symbol in needed if symbol not in named]


def _fault_plan(text: str | None) -> FaultPlan | None:
    try:
        return None if text is None else read_plan(text)
    except OSError as error:
        raise ConfigError(f"--fault-plan {text}: {in_words(error)}; or write it as {SYNTAX}") from error


async def _serve(server: Server, made_up: Secrets, arguments: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def started(port: int) -> None:
        addresses = _addresses(arguments.host, port)
        log.info(
            "SimulatorStarted",
            **addresses,
            market=_market(arguments),
            venues=sorted({BINANCE, *arguments.venue}),
            faults=arguments.fault_plan or "on request",
        )
        shown: dict[str, object] = {**addresses, **made_up.binance}
        if made_up.deltadefi is not None:
            where = f"{arguments.host}:{port}"
            shown["deltadefi"] = {"rest": f"http://{where}", "stream": f"ws://{where}", **made_up.deltadefi}
        say(msgspec.json.encode(shown).decode())

    await server.serve(arguments.host, arguments.port, stop, started)
    log.info("SimulatorStopped")
    return 0


def _recording(path: Path | None, listings: list[Listing]) -> Path | None:
    """`path`, once it is known that a market is in it; None for an empty folder: the market is then made up."""
    if path is None:
        return None
    try:
        if not parts(path):
            return None
        require_events(path, listings)
    except OSError as error:
        raise ConfigError(f"--recording {error.filename or path}: {in_words(error)}") from error
    except UnusableRecording as wrong:
        raise ConfigError(f"--recording {wrong} (--symbol)") from wrong
    return path


def _millionths(bps: Decimal) -> int:
    return int(bps * _BPS_IN_MILLIONTHS)


def _market(arguments: argparse.Namespace) -> str:
    if arguments.empty:
        return "empty"
    played = arguments.recording if arguments.recording and parts(arguments.recording) else None
    if arguments.recording and not played:
        log.warning(
            "NoRecording", folder=str(arguments.recording), message="there is no file in it: a market is made up"
        )
    return f"recording {played}" if played else f"made up from seed {arguments.seed}"


def _addresses(host: str, port: int) -> dict[str, str]:
    where = f"{host}:{port}"
    return {
        "rest": f"http://{where}", "stream": f"ws://{where}/stream", "websocketApi": f"ws://{where}/ws-api/v3",
        "state": f"http://{where}/simulator/state",
    }  # fmt: skip


def _api_key(given: str) -> str:
    if given and not is_well_formed(given):
        raise ConfigError(f"{API_KEY_VARIABLE}: must be letters and digits of ASCII, as Binance's keys are")
    return given or secrets.token_hex(32)


def _public_key(path: Path | None) -> Ed25519PublicKey | None:
    try:
        return None if path is None else load_ed25519(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"--ed25519-public-key {path}: {in_words(error)}") from error
    except ValueError as error:
        raise ConfigError(f"--ed25519-public-key {path}: is no public Ed25519 key in PEM") from error
