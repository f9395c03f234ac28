"""Made-up secrets of a Binance account, through every error path that touches one: afterwards they are nowhere."""

import asyncio
import base64
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from harness.canaries import API_KEY, OTHER_KEY, WORDS, WRONG_BEARER, Beset, files, found, told
from harness.control_peer import Peer
from harness.echoing_venue import SPELLINGS, echoing
from harness.operator_line import Line, line_to_quoting
from harness.runtime_process import STILL, VENUE, manifest, runtime
from harness.self_signed import Authority
from harness.shown import Shown
from harness.simulator import Json, SimulatorProcess, book_ticker, until
from tradingbot_runtime.model.control import CONTROL_PATH, HaltAnswered, Hello, Resume

ACCOUNT = "GET /api/v3/account"
FAULTS = Path(__file__).parents[1] / "harness/runtime_faults"
KEY = Ed25519PrivateKey.generate()
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PEM_SECRET = PEM.splitlines()[1][24:]  # behind what all such keys begin with


@dataclass
class Hostile(Beset):
    ticks: Iterator[int] = field(default_factory=lambda: iter(range(10**12, 10**13)))

    @property
    def secrets(self) -> tuple[str, ...]:
        return (API_KEY, OTHER_KEY, WORDS, WRONG_BEARER, PEM_SECRET, self.bot.simulator.secret)

    def trouble(self, when: str, within_s: float = 30.0) -> None:
        """Until the state has the venue's words in it; each time in the next spelling."""

        def told_of(state: Json) -> bool:
            return bool(state["venues"][VENUE]["message"]) and self.venue.hits > 0

        self.bot.until(told_of, when, within_s)
        self.look(when)

    def tick(self, price: int = 60_000) -> None:
        """The market goes on where it is left: a feed that begins needs a tick."""
        self.bot.simulator.admin.play([book_ticker(next(self.ticks), (f"{price}.00", "5"), (f"{price}.02", "5"))])

    def requote(self) -> None:
        """It moves far, so that orders are replaced."""
        self.tick(60_000 + 200 * (next(self.ticks) % 4 // 2))

    def until_quoting(self) -> None:
        def quoting(state: Json) -> bool:
            self.tick()
            orders = state["markets"]["btc"]["orders"] if state["markets"] else []
            return state["state"] == "Active" and [order["state"] for order in orders] == ["Open"] * 4

        self.bot.until(quoting, "it quotes again", 40)

    def until_hit(self, what: str, times: int = len(SPELLINGS)) -> None:
        def hit() -> bool:
            self.requote()
            return self.venue.hits >= times

        until(hit, f"{what}: it has said it back", 40)
        self.look(what)


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Hostile]:
    public = tmp_path / "public.pem"
    public.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    keys = tmp_path / "keys" / VENUE
    keys.mkdir(parents=True)
    simulator = SimulatorProcess(*STILL, "--ed25519-public-key", str(public))
    simulator.api_key = API_KEY
    with simulator, echoing(simulator.rest) as venue:
        options = ("--credentials", str(keys.parent), "--log-level", "debug")
        with runtime(tmp_path / "bot", simulator, options=options) as bot:
            bot.documents = manifest(simulator, bot.name)
            bot.documents[0]["spec"]["endpoints"] = venue.endpoints
            made = Hostile(bot, venue, keys)
            made.mount(apiKey=API_KEY, secretKey=simulator.secret)
            yield made


def test_a_bot_whose_venue_says_back_its_keys_writes_them_nowhere(hostile: Hostile, shown: Shown) -> None:
    bot, venue = hostile.bot, hostile.venue
    venue.turn(ACCOUNT)
    bot.start()
    hostile.trouble("the key is refused at the start")
    for status, code in ((401, -2014), (403, 0), (500, -1000), (503, 0)):
        venue.turn(ACCOUNT, status=status, code=code)
        hostile.trouble(f"answered {status}")
    venue.turn(ACCOUNT, broken=True)
    hostile.trouble("answered with what is no HTTP")
    venue.turn()
    bot.terminate()
    line = line_to_quoting(bot)

    orders_are_refused(hostile, line)
    rotations_fail(hostile)
    the_control_stream_is_asked(hostile, line.authority)
    bot.terminate(30.0)
    hostile.seen |= files(bot) | told(bot)
    token = (bot.folder / "token").read_text()
    leaks = found(hostile.seen, (*hostile.secrets, token))
    shown.at_most("canary secrets found in logs, metrics, state, reports, journal and its exports", len(leaks), "", 0)


def orders_are_refused(hostile: Hostile, line: Line) -> None:
    """By frames of the websocket API, and its handshake; the last refusal halts, with the venue's words."""
    venue, bot = hostile.venue, hostile.bot
    for status, code in ((400, -2010), (400, -1013), (500, -1000)):
        venue.turn(methods="order.*", status=status, code=code)
        hostile.until_hit(f"orders are answered {code}")
    venue.turn("GET /ws-api/v3", status=403)
    bot.simulator.admin.inject("disconnect", "ws-api")
    hostile.until_hit("the handshake is refused", 2)
    venue.turn("GET /ws-api/v3", broken=True)
    hostile.until_hit("the handshake is no HTTP", 1)
    venue.turn()
    hostile.until_quoting()
    venue.turn(methods="order.place")
    hostile.until_hit("a refused key", 1)
    bot.until(lambda state: state["state"] == "Halted", "a refused key halts it", 30)
    hostile.look("halted by a refusal")
    venue.turn()
    halts = bot.state()["halts"]
    assert any("[secret]" in halt["message"] for halt in halts), halts
    for halt in halts:  # one for each spelling
        assert isinstance(line.say(Resume(term=1, halt_id=halt["id"], by="ann")), HaltAnswered)
    hostile.until_quoting()


def rotations_fail(hostile: Hostile) -> None:
    """To a key that is refused, to what is no key in several ways; then a good one, of another kind."""
    bot, venue = hostile.bot, hostile.venue
    venue.turn(ACCOUNT)
    hostile.mount(apiKey=OTHER_KEY)
    bot.until(lambda state: state["venues"][VENUE]["authenticated"] is False, "the other key is refused", 30)
    hostile.look("rotated to a key that is refused")
    venue.turn()
    unusable: tuple[tuple[str, dict[str, str | bytes]], ...] = (
        ("a line break", {"apiKey": f"{OTHER_KEY[:14]}\n{OTHER_KEY[14:]}"}),
        ("is no text", {"apiKey": f"{OTHER_KEY}".encode() + b"\xff\xfe"}),
        ("no unencrypted PEM key", {"apiKey": API_KEY, "privateKey": PEM.replace("\nM", f"\n!{WORDS}M")}),
        ("no unencrypted PEM key", {"privateKey": f"{PEM[:60]}\n"}),
    )
    for message, content in unusable:
        before = len(bot.logged("CredentialsUnusable"))
        hostile.mount(**content)
        until(lambda n=before: len(bot.logged("CredentialsUnusable")) > n, message, 20)  # type: ignore[misc]  # bound now
        assert message in bot.logged("CredentialsUnusable")[-1]["message"]
        hostile.look(message)
    hostile.mount(apiKey=API_KEY, privateKey=PEM)
    until(lambda: bool(bot.logged("CredentialsTaken")), "the Ed25519 key is taken", 30)
    hostile.until_quoting()


def the_control_stream_is_asked(hostile: Hostile, authority: Authority) -> None:
    """With a wrong token, which is turned away; then for a report."""
    port = hostile.bot.logged("ControlStreamListening")[0]["port"]
    url, tls = f"https://127.0.0.1:{port}{CONTROL_PATH}", ssl.create_default_context(cadata=authority.pem)

    async def ask(bearer: str) -> str:
        async with asyncio.timeout(20), aiohttp.ClientSession() as session:
            headers = {"Authorization": f"Bearer {bearer}"}
            async with session.ws_connect(url, ssl=tls, headers=headers) as socket:
                peer = Peer(socket)
                await peer.say(Hello(term=1, operator="test"))
                return repr(await peer.hear())

    with pytest.raises(aiohttp.WSServerHandshakeError):
        asyncio.run(ask(WRONG_BEARER))
    hostile.seen["report"] = asyncio.run(ask((hostile.bot.folder / "token").read_text()))
    hostile.look("asked by the control stream")


@pytest.mark.parametrize("where", ["question", "end"])
def test_a_bug_whose_text_holds_a_key_is_told_without_it(hostile: Hostile, where: str) -> None:
    """In the log, or where nobody has caught it: with its traceback all the same."""
    hostile.bot.environment = {"PYTHONPATH": str(FAULTS), "BUG_IN": where, "BUG_TELLS": API_KEY}
    hostile.bot.launch()
    if where == "end":
        until(lambda: bool(hostile.bot.logged("BarrierPassed")), "it trades", 60)
        assert hostile.bot.terminate()[0] == 1
    else:
        assert hostile.bot.wait(60) == 1
    output = hostile.bot.output()
    assert "LookupError: bug: " in output
    assert "[secret]" in output
    assert found(files(hostile.bot), hostile.secrets) == []


def test_a_key_that_is_none_is_one_line_at_the_start_and_not_told(hostile: Hostile) -> None:
    for content in ({"apiKey": f"{OTHER_KEY[:14]}\n{OTHER_KEY[14:]}"}, {"apiKey": OTHER_KEY, "privateKey": PEM[:60]}):
        hostile.mount(**content)
        hostile.bot.launch()
        assert hostile.bot.wait(60) == 2
        assert len(hostile.bot.errors()) == 1
        assert found(files(hostile.bot), hostile.secrets) == []


def test_the_search_would_find_any_piece_in_any_spelling(hostile: Hostile) -> None:
    """A search that finds nothing proves nothing by itself."""
    for spelling in SPELLINGS:
        assert found({"here": spelling(f"... {API_KEY} ...")}, hostile.secrets), spelling("it")
    for text in (API_KEY[5:17], base64.b64encode(f"{{{API_KEY}}}".encode())[10:30].decode(), WORDS[:12]):
        assert found({"here": f"x{text}x"}, hostile.secrets), text
