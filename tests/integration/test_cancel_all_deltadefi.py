"""`cancel-all` at a venue without client ids, where placing takes a password and cancelling does not."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.deltadefi_bot import at_venue, bot_on, resting, sell_through
from harness.runtime_process import RuntimeProcess, cancel_all, rows
from harness.simulator import until

# Far from the market: none is filled.
FAR = {"spreadBps": "200", "maxSpreadBps": "400", "layers": 2, "stepBps": "6", "sizes": ["10"]}
SUBMIT = "POST /order/submit"
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


@contextmanager
def killed_while_submitting(folder: Path, fault: str, **options: float) -> Iterator[tuple[RuntimeProcess, list[str]]]:
    """Its bids were filled, and those after them are on their way; with their ids at the venue."""
    with bot_on(folder) as runtime:
        resting(runtime)
        runtime.simulator.admin.inject(fault, SUBMIT, count=1_000, **options)
        sell_through(runtime)
        until(lambda: stopped_when_sent(runtime, fault), "an order is on its way")
        runtime.kill()
        yield runtime, submitting(runtime)


def submitting(runtime: RuntimeProcess) -> list[str]:
    """Ids at the venue of the orders that the journal says are on their way."""
    return [row[0] for row in rows(runtime.journal, "SELECT venue_order_id FROM orders WHERE state = 'Submitting'")]


def stopped_when_sent(runtime: RuntimeProcess, fault: str) -> bool:
    """Whether what the journal says is on its way is, all of it: it is written down before it is sent.

    The process stands still then, and goes on otherwise.
    """
    assert runtime.process
    runtime.process.send_signal(signal.SIGSTOP)
    sent = runtime.simulator.admin.injected().get(fault, 0)
    if sent and sent == len(submitting(runtime)):
        return True
    runtime.process.send_signal(signal.SIGCONT)
    return False


def statuses(runtime: RuntimeProcess, venue_order_ids: list[str]) -> set[str]:
    return {order["status"] for order in runtime.simulator.admin.deltadefi_orders() if order["id"] in venue_order_ids}


def test_an_order_that_was_on_its_way_when_the_bot_died_is_waited_for_and_withdrawn(tmp_path: Path) -> None:
    with killed_while_submitting(tmp_path, "delay", delay_ms=6_000) as (runtime, on_their_way):
        assert statuses(runtime, on_their_way) == {"building"}

        ended = cancel_all(runtime)

        until(lambda: "building" not in statuses(runtime, on_their_way), "all that was on its way has arrived")
        assert at_venue(runtime) == []
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert f"ada: asking about {len(on_their_way)} of the journal's orders" in ended.stdout


def test_when_the_time_is_up_it_names_the_orders_that_nothing_is_proved_of(tmp_path: Path) -> None:
    with killed_while_submitting(tmp_path, "lost-request") as (runtime, lost):
        early = cancel_all(runtime, "--within", "3")

        assert early.returncode == 1, early.stdout + early.stderr
        assert all(f"({name}), Submitting in the journal" in early.stdout.splitlines()[-1] for name in lost)

        ended = cancel_all(runtime)

        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert ended.stdout.count("it has not got there") == len(lost)
