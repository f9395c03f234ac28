"""`cancel-all` at a venue without client ids, where placing takes a password and cancelling does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.deltadefi_bot import at_venue, bot_on, resting
from harness.runtime_process import RuntimeProcess, cancel_all

# Far from the market: none is filled.
FAR = {"spreadBps": "200", "maxSpreadBps": "400", "layers": 2, "stepBps": "6", "sizes": ["10"]}
KEY, PASSWORD = "TRADINGBOT_DELTADEFI_API_KEY", "TRADINGBOT_DELTADEFI_TRADING_PASSWORD"


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[RuntimeProcess]:
    """It rests on both sides of DeltaDeFi's market, and nobody is there."""
    with bot_on(tmp_path, strategy={"marketMaking": FAR}) as runtime:
        resting(runtime)
        runtime.kill()
        assert at_venue(runtime)
        yield runtime


@pytest.mark.parametrize("password", ["", "not it"])
def test_the_api_key_alone_withdraws_orders(killed: RuntimeProcess, password: str) -> None:
    """Whoever lost the password, or is not trusted with it, can empty the venue; the operation key is left alone."""
    killed.simulator.admin.inject("http-5xx", "GET /accounts/operation-key", count=1_000_000)

    ended = cancel_all(killed, environment={PASSWORD: password})

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert at_venue(killed) == []


def test_the_mounted_api_key_alone_withdraws_orders(killed: RuntimeProcess, tmp_path: Path) -> None:
    folder = tmp_path / "credentials" / "deltadefi"
    folder.mkdir(parents=True)
    (folder / "apiKey").write_text(killed.environment[KEY])

    ended = cancel_all(killed, "--credentials", str(folder.parent))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert at_venue(killed) == []


def test_without_an_api_key_it_says_what_is_missing(killed: RuntimeProcess) -> None:
    ended = cancel_all(killed, environment={KEY: ""})

    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert ended.stderr == "TRADINGBOT_DELTADEFI_*: apiKey is missing; wanted: apiKey\n"
