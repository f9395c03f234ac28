"""`tradingbot-runtime simulate`: options, and the process around the server."""

import argparse
import asyncio
import os
import secrets
import signal
import sys
import time
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec
import structlog
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tradingbot_runtime.simulator.accounts import Account, Commission
from tradingbot_runtime.simulator.amounts import BadAmount, parse_amount
from tradingbot_runtime.simulator.exchange import Exchange
from tradingbot_runtime.simulator.generated import Shape
from tradingbot_runtime.simulator.instruments import LISTINGS, Listing, listing
from tradingbot_runtime.simulator.rate_limits import RateLimits
from tradingbot_runtime.simulator.recording import parts
from tradingbot_runtime.simulator.server import MarketSource, Server
from tradingbot_runtime.simulator.signatures import Credentials, load_ed25519
from tradingbot_runtime.simulator.venue import SimulatedVenue
from tradingbot_runtime.telemetry.logs import configure_logs

log = structlog.get_logger("simulator")
API_KEY_VARIABLE = "SIMULATOR_API_KEY"
SECRET_VARIABLE = "SIMULATOR_SECRET_KEY"  # noqa: S105 (the variable's name)
DEFAULT_BALANCES = ("USDT=100000", "BTC=1", "ETH=30", "ADA=200000")
_BPS_IN_MILLIONTHS = 100
STDERR = 2

MAX_PORT = 65_535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `simulate`."""
    known = ", ".join(entry.symbol for entry in LISTINGS)
    parser.description = (
        "An exchange in one process that speaks Binance spot's protocol. It plays a recording, or makes a market up, "
        "and matches orders against it. The addresses are printed as one line of JSON. The account's keys come from "
        f"{API_KEY_VARIABLE} and {SECRET_VARIABLE}, or are made up and printed."
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=port_number, default=9000, help="port to listen on; 0: any free one (default: %(default)s)")
    add("--symbol", action="append", metavar="SYMBOL", help=f"what is traded, repeatable: {known} (default: BTCUSDT)")
    add(
        "--recording",
        type=Path,
        metavar="FILE",
        help="lines of `<local ns> <json frame>`, plain or gzip; of a folder its files, joined in name order",
    )
    add("--speed", type=_speed, default=1.0, metavar="N", help="1: as recorded; 10: ten times as fast; max")
    add("--loop", action="store_true", help="start the recording over at its end; time and ids go on rising")
    add("--seed", type=int, default=1, help="of the market that is made up without a recording (default: %(default)s)")
    add("--volatility", type=float, default=0.6, help="of that market, a year, as a share (default: %(default)s)")
    add("--steps-per-second", type=int, default=20, help="changes of that market's book (default: %(default)s)")
    add("--balance", action="append", type=_balance, metavar="ASSET=AMOUNT",
        help=f"what the account holds, repeatable (default: {' '.join(DEFAULT_BALANCES)})")  # fmt: skip
    add("--ed25519-public-key", type=Path, metavar="FILE", help="PEM; also accept this key's signatures")
    add("--maker-fee-bps", type=_rate, default=_rate("10"), metavar="BPS", help="basis points (default: 10)")
    add("--taker-fee-bps", type=_rate, default=_rate("10"), metavar="BPS", help="basis points (default: 10)")
    add("--latency-ms", type=int, default=0, help="delay of every request before it takes effect (default: 0)")
    add("--weight-per-minute", type=int, default=6000, help="request weight allowed (default: %(default)s)")
    add("--orders-per-10s", type=int, default=100, help="new orders allowed in ten seconds (default: %(default)s)")


def port_number(text: str) -> int:
    """An argument's type: the system would silently take a larger number for another port."""
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a port, 0 to {MAX_PORT}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code. Logs go to stderr: stdout is for the addresses."""
    configure_logs(descriptor=STDERR)
    try:
        server, credentials = build(arguments)
    except (ValueError, OSError) as wrong:
        sys.stderr.write(f"tradingbot-runtime simulate: {wrong}\n")
        return 2
    try:
        return uvloop.run(_serve(server, credentials, arguments))
    except OSError as wrong:
        sys.stderr.write(f"tradingbot-runtime simulate: cannot listen on {arguments.host}:{arguments.port}: {wrong}\n")
        return 2


def build(arguments: argparse.Namespace) -> tuple[Server, Credentials]:
    """The server that the options describe. ValueError or OSError says what is wrong with them."""
    credentials = Credentials(
        api_key=os.environ.get(API_KEY_VARIABLE) or secrets.token_hex(32),
        secret=os.environ.get(SECRET_VARIABLE) or secrets.token_hex(32),
        ed25519=_public_key(arguments.ed25519_public_key),
    )
    account = Account(
        dict(arguments.balance or map(_balance, DEFAULT_BALANCES)),
        Commission(arguments.maker_fee_bps, arguments.taker_fee_bps),
    )
    exchange = Exchange(_listings(arguments.symbol), account, first_id=time.time_ns() // 1000)
    venue = SimulatedVenue(
        exchange, credentials, RateLimits(arguments.weight_per_minute, arguments.orders_per_10s), arguments.latency_ms
    )
    source = MarketSource(
        recording=_recording(arguments.recording), speed=arguments.speed, loop=arguments.loop, seed=arguments.seed,
        shape=Shape(volatility=arguments.volatility, steps_per_s=max(1, arguments.steps_per_second)),
    )  # fmt: skip
    return Server(venue, source), credentials


async def _serve(server: Server, credentials: Credentials, arguments: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def started(port: int) -> None:
        addresses = _addresses(arguments.host, port)
        log.info("SimulatorStarted", **addresses)
        generated = {} if os.environ.get(API_KEY_VARIABLE) else {"apiKey": credentials.api_key}
        if not os.environ.get(SECRET_VARIABLE):
            generated["secretKey"] = credentials.secret
        sys.stdout.write(msgspec.json.encode(addresses | generated).decode() + "\n")
        sys.stdout.flush()

    await server.serve(arguments.host, arguments.port, stop, started)
    log.info("SimulatorStopped")
    return 0


def _recording(path: Path | None) -> Path | None:
    """`path`, once it is known to be readable; None for an empty folder: the market is then made up."""
    if path is None:
        return None
    files = parts(path)
    for file in files:
        with file.open("rb"):
            pass  # a missing file is a mistake of the command line, not of the market
    return path if files else None


def _addresses(host: str, port: int) -> dict[str, str]:
    where = f"{host}:{port}"
    return {
        "rest": f"http://{where}", "stream": f"ws://{where}/stream", "websocketApi": f"ws://{where}/ws-api/v3",
        "state": f"http://{where}/simulator/state",
    }  # fmt: skip


def _listings(symbols: list[str] | None) -> list[Listing]:
    return [listing(symbol.upper()) for symbol in dict.fromkeys(symbols or ["BTCUSDT"])]


def _public_key(path: Path | None) -> Ed25519PublicKey | None:
    return None if path is None else load_ed25519(path.read_bytes())


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    speed = float(text)
    if not 0 < speed <= 1000:  # noqa: PLR2004 (stated in the message)
        raise argparse.ArgumentTypeError("a number above 0 up to 1000, or max")
    return speed


def _rate(text: str) -> int:
    """Basis points as millionths."""
    try:
        rate = Decimal(text) * _BPS_IN_MILLIONTHS
    except InvalidOperation as wrong:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of basis points") from wrong
    if rate != int(rate) or not 0 <= rate <= 10_000:  # noqa: PLR2004 (stated in the message)
        raise argparse.ArgumentTypeError("0 to 100 basis points, in steps of 0.01")
    return int(rate)


def _balance(text: str) -> tuple[str, int]:
    asset, equals, amount = text.partition("=")
    try:
        if not equals or not asset.isalnum():
            raise argparse.ArgumentTypeError(f"{text!r} is not ASSET=AMOUNT, such as BTC=1")
        return asset.upper(), parse_amount(amount)
    except BadAmount as bad:
        raise argparse.ArgumentTypeError(str(bad)) from bad


def main() -> int:
    """`python -m tradingbot_runtime.simulator.command`, without the rest of the command line."""
    parser = argparse.ArgumentParser(prog="tradingbot-runtime simulate")
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
