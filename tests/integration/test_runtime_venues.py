"""What a slot says of its venues, for their status: whether they answer, and whether they take the keys."""

import secrets
import time
from pathlib import Path
from typing import Any

from harness.runtime_process import STILL, RuntimeProcess, runtime
from harness.simulator import SimulatorProcess, until

VENUE = "simulator"
WATCHED_S = 6.0
REFUSED_MOST = 24  # cancels of six orders: once in 5 s, and what was on its way


def seen(bot: RuntimeProcess, **wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of the report
    """The venue, once it is seen as wanted."""
    state = bot.until(lambda state: wanted.items() <= state["venues"][VENUE].items(), f"the venue is {wanted}", 20)
    return dict(state["venues"][VENUE])


def test_a_venue_that_answers_and_takes_the_key_and_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    with SimulatorProcess(*STILL) as simulator, runtime(tmp_path, simulator) as bot:
        bot.start().until_quoting()
        assert seen(bot, reachable=True) == {"reachable": True, "authenticated": True, "message": ""}

        simulator.admin.inject("drop", "userDataStream.subscribe.signature", seconds=30)
        simulator.admin.inject("disconnect", "ws-api")
        assert seen(bot, reachable=False)["message"] != ""
        simulator.admin.clear_faults()
        seen(bot, reachable=True, authenticated=True, message="")


def test_a_key_that_is_refused_is_told_as_such_and_not_as_a_venue_that_is_away(tmp_path: Path) -> None:
    with SimulatorProcess(*STILL) as simulator, runtime(tmp_path, simulator) as bot:
        bot.environment = {"TRADINGBOT_SIMULATOR_API_KEY": secrets.token_hex(16)}
        bot.start()

        found = seen(bot, authenticated=False)
        assert found["reachable"] is True
        assert "-2015" in found["message"]


def test_a_venue_that_does_not_answer_is_away_and_nothing_is_said_of_the_key(tmp_path: Path) -> None:
    with SimulatorProcess(*STILL) as simulator, runtime(tmp_path, simulator) as bot:
        simulator.admin.inject("http-5xx", "*", count=1_000_000)
        bot.start()

        bot.until(lambda state: state["venues"][VENUE]["message"] != "", "the venue was asked")
        found = seen(bot, reachable=False)
        assert found["authenticated"] is None
        assert "503" in found["message"]


def test_mode_paper_needs_no_key(tmp_path: Path) -> None:
    with SimulatorProcess(*STILL) as simulator, runtime(tmp_path, simulator, spec={"mode": "Paper"}) as bot:
        bot.start()

        assert seen(bot, reachable=True)["authenticated"] is None


def test_a_key_that_is_refused_while_it_trades_is_not_tried_again_with_every_tick(tmp_path: Path) -> None:
    """Each refused cancel would be sent anew at once: a real venue bans the address for that."""
    keys = tmp_path / "keys" / VENUE
    keys.mkdir(parents=True)
    with (
        SimulatorProcess("--steps-per-second", "40") as simulator,
        runtime(tmp_path / "bot", simulator, options=("--credentials", str(keys.parent))) as bot,
    ):
        (keys / "apiKey").write_text(simulator.api_key)
        (keys / "secretKey").write_text(simulator.secret)
        (tmp_path / "bot").mkdir(exist_ok=True)
        bot.start().until_quoting()

        simulator.admin.rotate(new := secrets.token_hex(16))
        seen(bot, authenticated=False)
        bot.until(lambda state: state["state"] == "Halted", "it is halted", 20)
        before, began = len(bot.logged("RequestRefused")), time.monotonic()
        until(lambda: time.monotonic() - began > WATCHED_S, "some seconds of ticks", 2 * WATCHED_S)

        assert len(bot.logged("RequestRefused")) - before <= REFUSED_MOST

        (keys / "apiKey").write_text(new)
        until(lambda: not simulator.admin.open_orders(), "with the right key all is withdrawn", 20)
