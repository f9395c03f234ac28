"""Credentials that change while a bot trades: used once the venue has taken them, and only of the same account."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.runtime_process import VENUE, RuntimeProcess, ours_at_venue, runtime
from harness.simulator import Json, SimulatorProcess, until


@dataclass
class Rotated:
    """A bot that quotes with mounted keys."""

    bot: RuntimeProcess
    simulator: SimulatorProcess
    keys: Path

    def mount(self, api_key: str) -> None:
        (self.keys / "apiKey").write_text(api_key)

    def seen(self, **expected: object) -> Json:
        def matches(state: Json) -> bool:
            return {key: state["venues"][VENUE][key] for key in expected} == expected

        return dict(self.bot.until(matches, f"the venue is seen as {expected}", 20)["venues"][VENUE])


@pytest.fixture
def trading(tmp_path: Path) -> Iterator[Rotated]:
    keys = tmp_path / "keys" / VENUE
    keys.mkdir(parents=True)
    with (
        SimulatorProcess("--steps-per-second", "40", "--volatility", "0") as simulator,
        runtime(tmp_path / "bot", simulator, options=("--credentials", str(keys.parent))) as bot,
    ):
        (keys / "secretKey").write_text(simulator.secret)
        rotated = Rotated(bot, simulator, keys)
        rotated.mount(simulator.api_key)
        bot.start().until_quoting()
        yield rotated


def test_a_key_that_the_venue_does_not_take_is_told_and_trading_goes_on_with_the_former_one(trading: Rotated) -> None:
    trading.mount(secrets.token_hex(16))

    told = trading.seen(authenticated=False, reachable=True)
    assert "are not taken, the former ones go on" in told["message"]
    assert trading.bot.state()["state"] == "Active"
    assert len(ours_at_venue(trading.bot)) == 4

    trading.mount(trading.simulator.api_key)
    assert trading.seen(authenticated=True)["message"] == ""
    assert len(trading.bot.logged("CredentialsNotTaken")) == 1
    assert len(ours_at_venue(trading.bot)) == 4


def test_a_key_of_another_account_is_never_used(trading: Rotated) -> None:
    """Its orders would be somebody else's, and ours could not be withdrawn any more."""
    trading.simulator.admin.rotate(other := secrets.token_hex(16), uid=2)
    trading.mount(other)

    told = trading.seen(authenticated=False)
    until(lambda: bool(trading.bot.logged("CredentialsNotTaken")), "it is tried and not taken", 10)
    (entry,) = trading.bot.logged("CredentialsNotTaken")
    assert "are of account 2, and the orders at 1" in entry["reason"]
    assert told["message"]
    assert trading.bot.logged("CredentialsTaken") == []
    trading.bot.kill()  # it would wait for a key that can withdraw


def test_when_the_venue_has_a_new_key_the_mounted_one_is_taken_and_withdraws_what_the_halt_could_not(
    trading: Rotated,
) -> None:
    trading.simulator.admin.rotate(new := secrets.token_hex(16))
    trading.simulator.admin.inject("disconnect", "ws-api")  # a session that is open lives on for a while
    trading.seen(authenticated=False)
    trading.bot.until(lambda state: state["state"] == "Halted", "it is halted", 20)
    assert ours_at_venue(trading.bot)

    trading.mount(new)

    until(lambda: not ours_at_venue(trading.bot), "with the new key all is withdrawn", 30)
    assert trading.seen(authenticated=True)
    assert trading.bot.logged("CredentialsTaken")
    assert trading.bot.state()["state"] == "Halted", "a person resumes"
