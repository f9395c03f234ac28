"""`inspect`: nothing of a name is cut, amounts are in their assets' units, and a program gets the same as JSON."""

import io
import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from harness.engines import BTC
from harness.slots import config
from harness.told_journal import DAY, OLD, START, told
from tradingbot_runtime.__main__ import main
from tradingbot_runtime.audit.tables import Amount, Section
from tradingbot_runtime.core.account_check import AccountCheck
from tradingbot_runtime.core.meters import LastMinute
from tradingbot_runtime.journal import ConfigApplied, Journal
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.model.control import Halt
from tradingbot_runtime.risk_memory import Rates, keep_account_check
from tradingbot_runtime.standard_output import Page

PAGE = (Path(__file__).parents[2] / "docs/reference/journal.md").read_text(encoding="utf-8")
VENUE = "a-venue-whose-name-is-as-long-as-allowed"
MARKET = "a-market-with-such-a-name"
ACCOUNT = "354937868" * 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = told(tmp_path / "journal.sqlite3")
    with Journal(path) as journal:
        journal.keep_market(MARKET, BTC, BTC)
        journal.pin(f"account of venue {VENUE}", ACCOUNT)
        for ledger, profit in (("btc", "-12.5"), (MARKET, "0.75"), (f"{MARKET}/paper", "3")):
            journal.put(f"profit of {ledger}", str(BTC.money(profit)))
        check = AccountCheck({"BTC": Decimal("0E-8"), "USDT": Decimal("1E+3")}, {"BNB": Decimal("-7E-8")}, ("BTCUSDT",))
        keep_account_check(journal, MARKET, check)
        rates = Rates(LastMinute(total=7), LastMinute(total=2))
        journal.put(f"rates of {MARKET}", msgspec.json.encode(rates).decode())
        document = config().document()
        journal.write("", [ConfigApplied(time_ns=Nanos(START), config_hash="x", document=document)], [])
        journal.latches.add(Halt(id="ada-0-2", reason="RiskBreachMaxLoss", at_ns=START + DAY, message="m " * 150,
                                 market=MARKET, value="120 USDT", limit="100 USDT"))  # fmt: skip
    return path


def test_through_a_pipe_every_row_is_one_line_and_whole(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]

    assert "…" not in out
    assert f"account of venue {VENUE} {ACCOUNT}" in lines
    assert f"profit of {MARKET} 0.75 USDT" in lines
    assert "profit of btc -12.5 USDT" in lines
    assert f"rates of {MARKET} 7 orders, 2 refused, in the latest minute" in lines
    balances = '{"held":{"BTC":"0","USDT":"1000"},"moved":{"BNB":"-0.00000007"},"by":["BTCUSDT"],"price":0}'
    assert f"balances of {MARKET} {balances}" in lines
    at = "2026-01-02T00:00:00.000000Z"
    [halt] = [line for line in lines if line.startswith("ada-0-2")]
    assert halt == f"ada-0-2 RiskBreachMaxLoss {MARKET} {at} runtime 120 USDT 100 USDT {'m ' * 150}".strip()
    assert all(line == line.rstrip() for line in out.splitlines()), "no line is filled up to the longest one"


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_on_a_terminal_values_give_way_and_no_name_is_cut(width: int) -> None:
    name = f"account of venue {VENUE}"
    screen = io.StringIO()
    section = Section("Journal", ("what", "value"), [(name, ACCOUNT), ("[epoch]", 3)])
    section.print(Page(force_terminal=True, color_system=None, width=width, file=screen), "Journal")
    lines = screen.getvalue().splitlines()

    assert max(map(len, lines)) <= width
    assert "…" not in screen.getvalue()
    told_ = "".join("".join(lines).split())
    assert "[epoch]" in told_
    assert sum(told_.count(digit) for digit in "0123456789") == len(ACCOUNT) + 1
    if width >= 80:
        assert any(line.startswith(name) for line in lines), "there is room for the whole name"


def test_as_json_it_is_one_object_with_amounts_apart_from_their_assets(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(path), "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)

    assert list(found) == ["journal", "positions", "takenOverFromOtherSlots", "profitPerUtcDayBeforeFees",
                           "ordersNotClosed", "haltsThatHold", "sizes", "configuration"]  # fmt: skip
    assert found["journal"][f"account of venue {VENUE}"] == ACCOUNT
    assert found["journal"]["profit of btc"] == {"amount": "-12.5", "asset": "USDT"}
    position = next(row for row in found["positions"] if row["market"] == "btc")
    assert position == {
        "market": "btc", "position": {"amount": "0.00500", "asset": "BTC"}, "cost": {"amount": "300", "asset": "USDT"},
        "realised": {"amount": "0", "asset": "USDT"}, "fees": [{"amount": "0.000003", "asset": "BTC"}],
        "traded": {"amount": "0.00500", "asset": "BTC"},
    }  # fmt: skip
    assert found["profitPerUtcDayBeforeFees"][0]["fills"] == 1
    [order] = [row for row in found["ordersNotClosed"] if row["order"] == OLD]
    assert (order["price"], order["venueId"]) == ({"amount": "61000.00", "asset": "USDT"}, "v2")
    assert {"what": "table orders", "rows": 3, "bytes": None} in found["sizes"]
    assert found["haltsThatHold"][1]["limit"] == "100 USDT"
    assert found["configuration"] == json.loads(config().document())


def test_what_is_asked_for_in_a_shell_is_completed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0

    assert "_inspect__o_choices=(table json)" in capsys.readouterr().out


def test_the_page_names_every_part(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["inspect", str(path), "-o", "json"])

    assert [name for name in json.loads(capsys.readouterr().out) if f"`{name}`" not in PAGE] == []


def test_an_amount_without_fees_is_nothing() -> None:
    assert Section("x", ("a",), [([],)]).as_json() == [{"a": []}]
    assert str(Amount("1", "ADA")) == "1 ADA"
