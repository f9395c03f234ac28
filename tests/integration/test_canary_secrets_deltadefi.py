"""Made-up secrets of a DeltaDeFi account, through every error path that touches one: afterwards they are nowhere."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.canaries import API_KEY, OTHER_KEY, WORDS, Beset, files, found, told
from harness.deltadefi_bot import SAMPLE, SIMULATOR
from harness.echoing_venue import echoing
from harness.runtime_process import runtime
from harness.shown import Shown
from harness.simulator import Json, SimulatorProcess, until

VENUE = "deltadefi"
OPERATION_KEY = "GET /accounts/operation-key"
UNAUTHORIZED = 4010


class Hostile(Beset):
    @property
    def sealed(self) -> Json:
        """The account's encrypted key, as the venue keeps it."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.bot.simulator.rest}/accounts/operation-key", headers={"X-API-KEY": API_KEY}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            return dict(json.loads(answer.read()))

    @property
    def secrets(self) -> tuple[str, ...]:
        return API_KEY, OTHER_KEY, WORDS, json.loads(self.sealed["encrypted_operation_key"])["ciphertext"]

    def until_hit(self, what: str, matching: str, **how: object) -> None:
        self.venue.turn(matching, **how)
        until(lambda: self.venue.hits > 0, f"{what}: it has said it back", 60)
        self.look(what)


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Hostile]:
    keys = tmp_path / "keys" / VENUE
    keys.mkdir(parents=True)
    simulator = SimulatorProcess(*SIMULATOR)
    simulator.deltadefi_api_key, simulator.trading_password = API_KEY, WORDS
    with simulator, echoing(simulator.rest) as venue:
        options = ("--credentials", str(keys.parent), "--log-level", "debug")
        with runtime(tmp_path / "bot", simulator, options=options) as bot:
            bot.documents = list(yaml.safe_load_all(SAMPLE.read_text()))
            binance, deltadefi, _ = (document["spec"] for document in bot.documents)
            binance["endpoints"] = {"rest": simulator.rest, "stream": simulator.stream,
                                    "websocketApi": simulator.websocket_api}  # fmt: skip
            deltadefi["endpoints"] = {"rest": f"http://{venue.address}", "stream": f"ws://{venue.address}"}
            made = Hostile(bot, venue, keys)
            made.mount(apiKey=API_KEY, tradingPassword=WORDS)
            yield made


def test_a_bot_whose_venue_says_back_its_keys_writes_them_nowhere(hostile: Hostile, shown: Shown) -> None:
    bot, venue = hostile.bot, hostile.venue
    venue.turn(OPERATION_KEY, code=0, status=503)
    bot.start()
    for status, code in ((403, 0), (500, 5000), (401, UNAUTHORIZED)):
        hostile.until_hit(f"its key is answered {status}", OPERATION_KEY, status=status, code=code)
    hostile.until_hit("its key is answered with no HTTP", OPERATION_KEY, broken=True)
    hostile.until_hit("the handshake of the market's stream is refused", "GET /market/depth/*", status=403)
    hostile.until_hit("the handshake of the market's stream is no HTTP", "GET /market/depth/*", broken=True)
    venue.turn()
    bot.until(lambda state: state["state"] == "Active", "it trades", 60)
    bot.simulator.admin.inject("disconnect", "/accounts/stream")
    hostile.until_hit("the handshake of the account's stream is refused", "GET /accounts/stream")
    hostile.until_hit("the handshake of the account's stream is no HTTP", "GET /accounts/stream", broken=True)
    venue.turn()
    bot.until(lambda state: state["state"] == "Active", "it trades again", 60)
    for code in (4105, 5000):
        hostile.until_hit(f"orders are answered {code}", "POST /order/*", status=400, code=code)
    rotations_fail(hostile)
    hostile.until_hit("orders are refused for the key", "POST /order/build", status=401, code=UNAUTHORIZED)
    halted = bot.until(lambda state: state["halts"], "it is halted", 30)["halts"]
    assert "[secret]" in json.dumps(halted)
    hostile.look("halted by a refusal")
    venue.turn()
    bot.terminate(30.0)
    hostile.seen |= files(bot) | told(bot)
    leaks = found(hostile.seen, hostile.secrets)
    shown.at_most("canary secrets found in logs, metrics, state, reports, journal and its exports", len(leaks), "", 0)


def rotations_fail(hostile: Hostile) -> None:
    """To a password that opens nothing, to a key that is refused, to a key in two lines."""
    hostile.venue.turn()
    for what, content in {
        "does not open": {"tradingPassword": f"{WORDS[:-1]}!"},
        "not taken": {"tradingPassword": WORDS, "apiKey": OTHER_KEY},
    }.items():
        before = len(hostile.bot.logged("CredentialsNotTaken"))
        hostile.mount(**content)
        until(lambda n=before: len(hostile.bot.logged("CredentialsNotTaken")) > n, what, 30)  # type: ignore[misc]  # bound
        assert what in hostile.bot.logged("CredentialsNotTaken")[-1]["reason"]
        hostile.look(what)
    hostile.mount(apiKey=f"{OTHER_KEY[:14]}\n{OTHER_KEY[14:]}")
    until(lambda: bool(hostile.bot.logged("CredentialsUnusable")), "a key in two lines is unusable", 20)
    hostile.mount(apiKey=API_KEY)


@pytest.mark.parametrize("spoilt", ["password", "envelope", "ciphertext", "key in two lines"])
def test_an_operation_key_that_cannot_be_used_is_told_without_it(hostile: Hostile, spoilt: str) -> None:
    sealed = hostile.sealed
    envelope = json.loads(sealed["encrypted_operation_key"])
    match spoilt:
        case "password":
            hostile.mount(tradingPassword=f"{WORDS[:-1]}!")
        case "envelope":
            hostile.venue.turn(OPERATION_KEY, answer=json.dumps({"encrypted_operation_key": envelope["ciphertext"]}))
        case "ciphertext":
            torn = json.dumps(envelope | {"ciphertext": envelope["ciphertext"][:-2]})
            hostile.venue.turn(OPERATION_KEY, answer=json.dumps({"encrypted_operation_key": torn}))
        case _:
            hostile.mount(apiKey=f"{API_KEY[:14]}\n{API_KEY[14:]}")
    hostile.bot.launch()
    assert hostile.bot.wait(60) == 2
    assert found(files(hostile.bot), hostile.secrets) == []
