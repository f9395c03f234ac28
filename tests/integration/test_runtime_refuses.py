"""What a runtime will not start with: each refusal is exit 2 and a line that says what to do, and no order leaves."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from harness.runtime_process import VENUE, RuntimeProcess, manifest, rows, runtime
from harness.simulator import Json, SimulatorProcess
from tradingbot_runtime.journal import Journal
from tradingbot_runtime.journal.schema import MIGRATIONS

BAD_CONFIG = 2


@pytest.fixture
def bot(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[RuntimeProcess]:
    with runtime(tmp_path, simulator) as process:
        yield process


def refused(bot: RuntimeProcess) -> list[str]:
    """Start it, and expect exit 2; the lines on stderr."""
    placed = bot.simulator.admin.state()["ordersPlaced"]
    code = bot.launch().wait(20)

    assert code == BAD_CONFIG, bot.output()
    assert "Traceback" not in bot.output()
    assert bot.simulator.admin.state()["ordersPlaced"] == placed
    return bot.errors()


def test_a_manifest_is_refused_with_one_line_for_each_mistake(bot: RuntimeProcess) -> None:
    documents = manifest(bot.simulator, bot.name)
    venue, spec = documents[0]["spec"], documents[1]["spec"]
    venue["rateLimit"]["ordersPerSecond"] = "0"
    spec["strategy"]["marketMaking"] |= {"spreadBps": "-1", "layers": 51, "spred": "8"}
    spec["markets"][0]["execution"]["venue"] = "elsewhere"
    spec["risk"]["maxPosition"] = 0.5
    del spec["risk"]["maxDailyLoss"]
    bot.documents = documents

    lines = refused(bot)
    expected = (
        ("Venue simulator: spec.rateLimit.ordersPerSecond", "'0'"),
        ("TradingBot: spec.strategy.marketMaking.spreadBps", "'-1'"),
        ("TradingBot: spec.strategy.marketMaking.layers", "51"),
        ("TradingBot: spec.strategy.marketMaking.spred", "unknown field; allowed: "),
        ("TradingBot: spec.risk.maxPosition", "0.5"),
    )
    for path, value in expected:
        assert sum(line.startswith(path) and value in line for line in lines) == 1, (path, lines)


Change = Callable[[list[Json]], Any]
SINGLE: list[tuple[str, Change, str]] = [
    ("no bot", lambda d: d.pop(), "manifest.yaml: exactly one TradingBot"),
    ("no such venue", lambda d: d.pop(0), "spec.markets[0].reference.venue: 'simulator': no such Venue"),
    ("live without a limit", lambda d: d[1]["spec"]["risk"].pop("maxDailyLoss"), "spec.risk.maxDailyLoss: mode Live"),
]


@pytest.mark.parametrize(("name", "change", "line"), SINGLE, ids=[case[0] for case in SINGLE])
def test_each_mistake_is_named_by_its_path(bot: RuntimeProcess, name: str, change: Change, line: str) -> None:
    documents = manifest(bot.simulator, bot.name)
    change(documents)
    bot.documents = documents

    assert any(line in told for told in refused(bot)), (name, bot.errors())


def test_a_set_option_changes_a_field_and_a_wrong_one_is_refused_like_the_manifest(bot: RuntimeProcess) -> None:
    bot.options = ("--set", "spec.strategy.marketMaking.spreadBps=-3")
    assert any("spreadBps: '-3'" in line for line in refused(bot)), bot.errors()
    bot.options = ("--set", "spec.markets.7.name=x")
    assert any("--set spec.markets.7.name: there is no '7'" in line for line in refused(bot)), bot.errors()

    bot.options = ("--set", "spec.strategy.marketMaking.layers=1", "--set", "spec.strategy.marketMaking.spreadBps=30")
    state = bot.start().until_quoting(orders=2)
    assert {quote["price"] for quote in state["markets"]["btc"]["quotes"]} == {"59820.00", "60180.01"}


@pytest.mark.parametrize("missing", ["API_KEY", "SECRET_KEY"])
def test_missing_credentials_are_named_and_nothing_is_sent(bot: RuntimeProcess, missing: str) -> None:
    bot.environment = {f"TRADINGBOT_{VENUE.upper()}_{missing}": ""}

    lines = refused(bot)
    assert len(lines) == 1
    assert lines[0].startswith("TRADINGBOT_SIMULATOR_*: ")
    assert bot.simulator.secret not in bot.output()
    assert rows(bot.journal, "SELECT count(*) FROM events") == [(0,)], "what never ran is no history"


def test_a_credentials_folder_without_credentials_is_named_and_the_end_is_orderly(
    bot: RuntimeProcess, tmp_path: Path
) -> None:
    bot.options = ("--credentials", str(tmp_path / "none"))

    assert refused(bot) == [
        f"{tmp_path / 'none' / VENUE}: apiKey is missing; wanted: apiKey, and secretKey (HMAC) or privateKey (Ed25519)"
    ]
    assert len(bot.logged("Ended")) == 1, "the Lease is released even so"


def test_a_testnet_manifest_is_refused_by_a_simulator(bot: RuntimeProcess) -> None:
    documents = manifest(bot.simulator, bot.name)
    documents[0]["spec"]["environment"] = "Testnet"
    bot.documents = documents

    assert refused(bot) == [
        "Venue simulator: environment is Testnet, but the venue says that it is the simulator 'tradingbot'"
    ]


def test_a_simulated_manifest_is_refused_by_what_does_not_say_that_it_is_a_simulator(
    bot: RuntimeProcess, bare_venue: str
) -> None:
    documents = manifest(bot.simulator, bot.name)
    documents[0]["spec"]["endpoints"]["rest"] = bare_venue
    bot.documents = documents

    assert "does not say that it is a simulator" in refused(bot)[0]


@pytest.fixture
def bare_venue() -> Iterator[str]:
    """A server that answers like Binance, and like nothing else."""
    handler = type("Handler", (BaseHTTPRequestHandler,), {"do_GET": _answer, "log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _answer(request: BaseHTTPRequestHandler) -> None:
    body = json.dumps({"serverTime": time.time_ns() // 1_000_000}).encode()
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


# -- the journal -----------------------------------------------------------------------------------------------------


def test_a_second_process_with_the_same_journal_is_refused_and_the_first_goes_on(
    bot: RuntimeProcess, tmp_path: Path
) -> None:
    bot.start().until_quoting()
    before = bot.market()["orders"]
    with runtime(tmp_path, bot.simulator, name=bot.name) as second:
        second.lives = 100  # its own log
        assert refused(second) == [f"{bot.journal}: another process trades with this journal"]

    assert bot.running
    assert bot.market()["orders"] == before


def test_a_journal_of_another_bot_is_refused(bot: RuntimeProcess) -> None:
    with Journal(_made(bot)) as journal:
        journal.pin("bot", "default/other")

    assert any("belongs to bot default/other" in line for line in refused(bot)), bot.errors()


def test_a_journal_of_another_account_is_refused(bot: RuntimeProcess) -> None:
    with Journal(_made(bot)) as journal:
        journal.pin(f"account of venue {VENUE}", "another")

    assert "belongs to account of venue simulator another" in refused(bot)[0]


def test_a_damaged_journal_is_refused(bot: RuntimeProcess) -> None:
    _made(bot).write_bytes(b"not a database " * 1000)

    assert refused(bot) == [f"{bot.journal}: is no journal: not a SQLite database"]


def test_a_journal_of_a_newer_program_is_refused(bot: RuntimeProcess) -> None:
    Journal(_made(bot)).close()
    with closing(sqlite3.connect(bot.journal)) as database:
        database.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")

    assert "was written by a newer program" in refused(bot)[0]


def _made(bot: RuntimeProcess) -> Path:
    bot.journal.parent.mkdir(parents=True, exist_ok=True)
    return bot.journal
