"""A pair whose journal is lost: one venue tells what was ours there, the other one cannot; neither side counts."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from harness.cross_exchange import HEDGE, QUOTED, bot_on, market, nothing_left, quoting
from harness.journal_files import remove
from harness.met_orders import executed_at_deltadefi, trade_through
from harness.operator_line import Line
from harness.runtime_process import RuntimeProcess
from harness.self_signed import Authority
from harness.simulator import Json, trade, until
from tradingbot_runtime.model.control import HaltAnswered, HaltTrading

END_WITHIN_S = 60.0
SMALL = Decimal(6)  # ADA: what DeltaDeFi takes no order for
AT_ZERO = {QUOTED: Decimal(0), HEDGE: Decimal(0)}


@pytest.fixture(params=[False, True], ids=["hedges-at-binance", "hedges-at-deltadefi"])
def swapped(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def bot(tmp_path: Path, swapped: bool) -> Iterator[RuntimeProcess]:  # noqa: FBT001 - a fixture
    """It has bought at the one venue and sold that at the other; then its journal goes."""
    with bot_on(tmp_path, swapped=swapped, hedgeTimeout="2s") as runtime:
        quoting(runtime)
        admin = runtime.simulator.admin
        if swapped:
            until(lambda: len(admin.open_orders()) == 2, "both quotes rest at Binance")
            admin.play([trade(1, "0.3000", "100000", buyer_is_maker=True, symbol="ADAUSDT")])
        else:
            trade_through(admin, "0.3000", lambda: executed_at_deltadefi(admin), buyer_is_maker=True)
        runtime.until(is_hedged, "the fill is hedged", 60.0)
        runtime.kill()
        remove(runtime.journal)
        yield runtime


def is_hedged(state: Json) -> bool:
    quoted, hedge = market(state), market(state, HEDGE)
    residual = abs(Decimal(quoted.get("residual", "1000")))
    return Decimal(quoted.get("position", "0")) > SMALL and residual < SMALL and not hedge["orders"]


def held(runtime: RuntimeProcess) -> list[Decimal]:
    """The ADA of each account."""
    admin = runtime.simulator.admin
    accounts = (admin.deltadefi()["balances"], admin.state()["balances"])
    return [sum((Decimal(row["free"]) + Decimal(row["locked"]) for row in rows if row["asset"].upper() == "ADA"),
                Decimal(0)) for rows in accounts]  # fmt: skip


def positions(state: Json) -> dict[str, Decimal]:
    return {name: Decimal(market(state, name)["position"]) for name in (QUOTED, HEDGE)}


def halted(runtime: RuntimeProcess) -> Json:
    """Past the barrier: it has been told of the loss, and its orders are gone."""
    runtime.until_logged("JournalBehind")
    state = runtime.until(lambda s: s["state"] == "Halted" and s["halts"], "it halts", 30.0)
    until(lambda: nothing_left(runtime), "its orders are withdrawn")
    return state


def command(runtime: RuntimeProcess, name: str, *arguments: str) -> None:
    words = (sys.executable, "-m", "tradingbot_runtime", name, str(runtime.journal), *arguments)
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=os.environ, timeout=END_WITHIN_S)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_pair_known_on_one_side_begins_on_both_at_zero_and_a_release_trades_nothing_away(
    bot: RuntimeProcess,
    swapped: bool,  # noqa: FBT001 - a fixture
) -> None:
    told, found = (QUOTED, "of ada,") if swapped else (HEDGE, "of ada.hedge,")
    before = held(bot)
    bot.start()
    state = halted(bot)
    (halt,) = state["halts"]
    assert halt["reason"] == "JournalLost"
    assert "every market begins at zero, position and residual; only a part is known, " in halt["message"]
    assert found in halt["message"], "Binance tells which trades were ours"
    assert f"tradingbot-runtime cancel-all {bot.journal}" in halt["message"], "the message is whole"
    assert [line["market"] for line in bot.until_logged("PositionForgotten")] == [told]
    assert (positions(state), Decimal(market(state)["residual"])) == (AT_ZERO, Decimal(0))
    assert bot.terminate()[0] == 0
    command(bot, "resume", halt["id"], "--by", "ann")

    for _ in range(2):  # the part that is known does not come back either
        bot.start()
        state = quoting(bot)
        assert (positions(state), Decimal(market(state)["residual"])) == (AT_ZERO, Decimal(0))
        assert not market(state, HEDGE)["orders"]
        assert bot.terminate()[0] == 0
    assert held(bot) == before, "nothing is left open, so nothing is to be traded"
    command(bot, "replay")


def test_to_flatten_a_pair_known_on_one_side_trades_nothing(bot: RuntimeProcess, tmp_path: Path) -> None:
    authority = Authority("bot")
    authority.write_server(tmp_path)
    (tmp_path / "token").write_text(secrets.token_urlsafe())
    bot.options = ("--control", str(tmp_path), "--control-port", "0")
    before = held(bot)
    bot.start()
    halted(bot)

    answer = Line(authority, bot).say(HaltTrading(term=1, by="ann", message="close it", flatten=True))

    assert isinstance(answer, HaltAnswered)
    assert answer.done
    state = bot.until(lambda s: len(s["halts"]) == 2 and priced(s), "it flattens, with a price to do so at")
    assert positions(state) == AT_ZERO
    assert bot.terminate()[0] == 0
    assert held(bot) == before


def priced(state: Json) -> bool:
    return all(market(state, name)["referenceBid"] for name in (QUOTED, HEDGE))
