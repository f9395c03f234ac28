"""What a slot says of its venues, for their status: whether they answer, and whether they take the keys."""

import secrets
from pathlib import Path
from typing import Any

from harness.runtime_process import STILL, RuntimeProcess, runtime
from harness.simulator import SimulatorProcess

VENUE = "simulator"


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

        found = seen(bot, reachable=False)
        assert found["authenticated"] is None
        assert found["message"] != ""


def test_mode_paper_needs_no_key(tmp_path: Path) -> None:
    with SimulatorProcess(*STILL) as simulator, runtime(tmp_path, simulator, spec={"mode": "Paper"}) as bot:
        bot.start()

        assert seen(bot, reachable=True)["authenticated"] is None
