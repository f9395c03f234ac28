"""Every decision that costs or saves money, of a real bot at a real venue, is a line of the audit: who, what, why."""

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.halt_times import until_a_loss_halts
from harness.operator_line import Line, line_to_quoting
from harness.runtime_process import STILL, VENUE, RuntimeProcess, rows, runtime
from harness.shown import Shown
from harness.simulator import Json, SimulatorProcess, until
from harness.told_audit import told_audit
from tradingbot_runtime.model.control import ConfigAnswered, Configure, HaltAnswered, HaltTrading, Resume

PAGE = (Path(__file__).parents[2] / "docs/reference/journal.md").read_text(encoding="utf-8")
BREACH = "RiskBreachMaxLoss"


@dataclass(frozen=True, slots=True)
class Told:
    """What a line must say: who, what, the beginning of why, and which ids it has."""

    what: str
    who: str
    why: str
    ids: tuple[str, ...] = ()
    details: str = ""  # a part of them, as JSON


TOLD = {
    "an order is sent": Told("PlaceDecided", "runtime", "quotes want it, and risk approved it", ("order_id",)),
    "an order is taken": Told("OrderAccepted", f"venue {VENUE}", "", ("order_id",)),
    "an order is filled": Told("OrderFilled", f"venue {VENUE}", "", ("order_id",)),
    "a cancel is sent": Told("CancelDecided", "runtime", "", ("order_id",)),
    "our risk refuses an order": Told("RefusedMaxOrder", "runtime", "MaxOrder: ", details='"side":'),
    "the venue refuses an order": Told("OrderRejected", f"venue {VENUE}", "-1013: Market is closed.", ("order_id",)),
    "a limit is broken": Told("Halted", "runtime", f"{BREACH}: market btc: ", ("halt_id",), '"measured":'),
    "a file halts": Told("Halted", "file HALT", "ManualHalt: fills look wrong", ("halt_id",)),
    "somebody halts": Told("Halted", "TradingHalt/all", "ManualHalt: maintenance", ("halt_id",)),
    "somebody resumes": Told("Resumed", "ann", "accepted ManualHalt: fills look wrong", ("halt_id",)),
    "another one resumes": Told("Resumed", "bob", "accepted ManualHalt: maintenance", ("halt_id",)),
    "a configuration begins": Told("ConfigApplied", "manifest", "the process started with it"),
    "a configuration is pushed": Told("ConfigApplied", "operator test", "pushed while running", (), '"loosened"'),
    "a limit is loosened": Told(
        "ConfigApplied", "operator test", "pushed", (), '"widened": ["maxOrder 0.0015 -> 0.1"]'
    ),
    "a configuration is no configuration": Told("ConfigRefused", "operator test", "Rejected: "),
    "a configuration needs a restart": Told("ConfigRefused", "operator test", "RestartRequired: needs a restart: mode"),
    "a key is not taken": Told(
        "CredentialsNotTaken", "files in ", "the credentials that are mounted now are not taken"
    ),
    "a key is unreadable": Told("CredentialsNotTaken", "files in ", "", (), "apiKey is missing"),
    "a key is taken": Told(
        "CredentialsTaken", "files in ", "the mounted credentials have changed", (), '"account": "1"'
    ),
}


@dataclass
class Lived:
    """A bot that all of it has happened to; it still runs."""

    bot: RuntimeProcess
    line: Line
    keys: Path

    def configure(self, **changes: object) -> ConfigAnswered:
        """The configuration in effect, with changes of its top level; of `risk`, inside of it."""
        ((document,),) = rows(self.bot.journal, "SELECT value FROM meta WHERE key = 'config'")
        changed = json.loads(document)
        changed |= {name: {**changed[name], **value} if isinstance(value, dict) else value
                    for name, value in changes.items()}  # fmt: skip
        answer = self.line.say(Configure(term=1, document=json.dumps(changed)))
        assert isinstance(answer, ConfigAnswered)
        return answer

    def resume(self, by: str) -> None:
        (halt,) = self.bot.until(lambda state: state["halts"], "it is halted")["halts"]
        answer = self.line.say(Resume(term=1, halt_id=halt["id"], by=by))
        assert isinstance(answer, HaltAnswered)
        assert answer.done, answer
        self.bot.until_quoting()

    def mount(self, api_key: str, kind: str) -> None:
        """Wait until the journal has what became of it."""
        query = "SELECT count(*) FROM events WHERE kind = ?"
        ((before,),) = rows(self.bot.journal, query, kind)
        (self.keys / "apiKey").write_text(api_key)
        until(lambda: rows(self.bot.journal, query, kind)[0][0] > before, f"{kind} of what is mounted", 30)


def live(lived: Lived) -> None:
    """Every kind of decision; the last one is a halt that holds."""
    bot, admin = lived.bot, lived.bot.simulator.admin
    new_key = secrets.token_hex(16)
    lived.mount(secrets.token_hex(16), "CredentialsNotTaken")
    lived.mount("", "CredentialsNotTaken")
    admin.rotate(new_key)
    lived.mount(new_key, "CredentialsTaken")

    assert lived.configure(risk={"maxOrder": "0.0015"}).outcome == "Applied"
    until(lambda: bot.market()["refused"].get("MaxOrder", 0) > 0, "the larger quotes are refused")
    until(lambda: any(line["what"] == "RefusedMaxOrder" for line in told_audit(bot.journal)), "the journal has it", 90)
    assert lived.configure(risk={"maxOrder": "0.1"}).outcome == "Applied"
    assert lived.configure(nonsense=1).outcome == "Rejected"
    assert lived.configure(mode="Paper").outcome == "RestartRequired"
    bot.until_quoting()

    (bot.folder / "HALT").write_text("fills look wrong")
    bot.until(lambda state: state["state"] == "Halted", "the file halts it")
    (bot.folder / "HALT").unlink()
    lived.resume("ann")
    lived.line.say(HaltTrading(term=1, by="TradingHalt/all", message="maintenance"))
    lived.resume("bob")
    assert lived.configure(risk={"maxDailyLoss": "0.5"}).outcome == "Applied"
    until_a_loss_halts(bot)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder = tmp_path_factory.mktemp("audit")
    keys = folder / "keys" / VENUE
    keys.mkdir(parents=True)
    options = ("--credentials", str(keys.parent))
    with SimulatorProcess(*STILL) as simulator, runtime(folder / "bot", simulator, options=options) as bot:
        (keys / "apiKey").write_text(simulator.api_key)
        (keys / "secretKey").write_text(simulator.secret)
        simulator.admin.inject("market-closed", "order.place", count=1)
        made = Lived(bot, line_to_quoting(bot), keys)
        live(made)
        yield made


@pytest.fixture(scope="module")
def trail(lived: Lived) -> list[Json]:
    return told_audit(lived.bot.journal)


@pytest.mark.parametrize("name", TOLD)
def test_the_audit_says_who_did_it_what_it_was_and_why(trail: list[Json], name: str) -> None:
    told = TOLD[name]
    found = [line for line in trail if line["what"] == told.what and line["who"].startswith(told.who)]
    assert found, f"no {told.what} by {told.who!r}: {sorted({(line['what'], line['who']) for line in trail})}"
    meant = [line for line in found if line["why"].startswith(told.why) and told.details in json.dumps(line)]
    assert meant, found
    assert all(line[name] for line in meant for name in told.ids)


def test_every_line_has_the_fields_that_are_documented_and_says_who(trail: list[Json], shown: Shown) -> None:
    table = PAGE.partition("### A line of `audit`")[2].partition("\n## ")[0].partition("\n\n| kind")[0]
    documented = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert {tuple(line) for line in trail} == {tuple(documented)}
    shown.at_most("audit lines without who or what", sum(not (line["who"] and line["what"]) for line in trail), "lines",
                  0)  # fmt: skip


def test_every_kind_that_is_told_is_documented(trail: list[Json]) -> None:
    kinds = set(re.findall(r"`(\w+)`", PAGE.partition("### A line of `audit`")[2].partition("\n### ")[0]))
    said = {re.sub("^Refused.*", "Refused", line["what"]) for line in trail}
    assert said <= kinds, said - kinds


def test_the_lines_of_one_order_and_of_the_halts_are_the_same_ones(lived: Lived, trail: list[Json]) -> None:
    rejected = next(line for line in trail if line["what"] == "OrderRejected" and line["why"].startswith("-1013"))
    life = told_audit(lived.bot.journal, "--order", rejected["order_id"])
    assert life[:-1] == [line for line in trail if line["order_id"] == rejected["order_id"]]
    assert (life[-1]["what"], life[-1]["who"]) == ("now Rejected", "runtime")

    halts = told_audit(lived.bot.journal, "--halts")
    same = ("what", "who", "why", "halt_id")
    told = [[line[name] for name in same] for line in trail if line["what"] in ("Halted", "Resumed")]
    assert [[line[name] for name in same] for line in halts] == told
    assert len(told) == 3 + 2


@pytest.mark.parametrize("options", [(), ("--halts",)], ids=["all", "halts"])
def test_a_moment_leaves_out_what_was_before_it(lived: Lived, options: tuple[str, ...]) -> None:
    told = told_audit(lived.bot.journal, *options)
    moment = told[-1]["time"][:19]  # to the second

    assert told_audit(lived.bot.journal, "--since", "2100-01-01", *options) == []
    assert told_audit(lived.bot.journal, "--since", moment, *options) == [t for t in told if t["time"] >= moment]


def test_a_moment_leaves_out_what_was_before_it_of_one_order(lived: Lived, trail: list[Json]) -> None:
    order_id = next(line["order_id"] for line in trail if line["what"] == "PlaceDecided")
    (end,) = told_audit(lived.bot.journal, "--order", order_id, "--since", "2100-01-01")
    assert end["what"].startswith("now ")
