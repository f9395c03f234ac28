"""`cancel-all` of a bot that died while a hedge of it was resting."""

import asyncio
from pathlib import Path

from harness.cross_exchange import HEDGE, bot_on, nothing_left, quoting
from harness.deltadefi_client import deltadefi_client
from harness.mounted_config import configuration
from harness.runtime_process import cancel_all
from harness.simulator import SimulatorProcess, until

FAR = "0.4100"  # nobody buys up to there


async def resting_hedge(simulator: SimulatorProcess) -> str:
    """What a crossExchange that died a moment ago leaves where there are no immediate orders; the venue's id."""
    async with deltadefi_client(simulator) as account:
        return await account.place("sell", FAR, "20")


def test_what_rests_in_the_market_of_the_hedge_is_seen_and_withdrawn_with_the_quotes(tmp_path: Path) -> None:
    """No market of the manifest is that one. A journal without the order only tells of it: it may be another's."""
    with bot_on(tmp_path, swapped=True, size="20") as runtime:
        quoting(runtime)
        admin = runtime.simulator.admin
        until(lambda: len(admin.open_orders()) == 2, "both quotes rest at Binance")
        runtime.kill()
        hedge = asyncio.run(resting_hedge(runtime.simulator))
        until(lambda: [order["id"] for order in admin.deltadefi()["openOrders"]] == [hedge], "the hedge rests")

        by_journal = cancel_all(runtime)

        assert by_journal.returncode == 1, by_journal.stdout + by_journal.stderr
        assert f"{HEDGE}: 1 orders that this journal does not know are left" in by_journal.stdout
        assert admin.open_orders() == []

        by_configuration = cancel_all(runtime, slot_config=configuration(runtime))

        assert by_configuration.returncode == 0, by_configuration.stdout + by_configuration.stderr
        assert hedge in by_configuration.stdout
        assert nothing_left(runtime)
