"""What /metrics says became of a bot's orders is what the venue says of them, order by order."""

from collections import Counter
from pathlib import Path

from harness.runtime_process import making, runtime
from harness.shown import Shown
from harness.simulator import SimulatorProcess, trade, until

LIVELY = ("--seed", "7", "--steps-per-second", "200", "--orders-per-10s", "100000", "--weight-per-minute", "1000000")
ORDERS, FILLED = 60, 3
NAMES = {"FILLED": "OrderFilled", "CANCELED": "OrderCanceled", "EXPIRED": "OrderExpired"}
ENDS = ("OrderFilled", "OrderCanceled", "OrderExpired")
CLOSE = {"marketMaking": making(spreadBps="1", minSpreadBps="0.1", layers=3, stepBps="1")}


def test_each_order_counts_once_for_what_became_of_it(tmp_path: Path, shown: Shown) -> None:
    with SimulatorProcess(*LIVELY) as simulator, runtime(tmp_path / "bot", simulator, spec={"strategy": CLOSE}) as bot:
        simulator.admin.inject("duplicate", "user", seconds=600)  # each report twice, on top of the answer
        bot.start()

        def counted(outcome: str) -> int:
            return int(bot.metric("tradingbot_orders_total", outcome=outcome))

        until(lambda: counted("OrderAccepted") >= ORDERS, f"{ORDERS} orders", 60)
        simulator.admin.play([trade(1, "1000.00", "5", buyer_is_maker=True)])
        until(lambda: counted("OrderFilled") >= FILLED, f"{FILLED} of them are filled")

        def at_venue() -> Counter[str]:
            return Counter(NAMES.get(str(order["status"]), "open") for order in simulator.admin.all_orders())

        def differs() -> dict[str, tuple[int, int]]:
            """What is counted here and there; the venue is asked before and after: it goes on meanwhile."""
            before, here, after = at_venue(), {name: counted(name) for name in ("OrderAccepted", *ENDS)}, at_venue()
            there = {"OrderAccepted": before.total(), **{name: before[name] for name in ENDS}}
            return (
                {n: (here[n], there[n]) for n in here if here[n] != there[n]} if before == after else {"moving": (0, 0)}
            )

        until(lambda: not differs(), "they agree at some moment", 20)
        accepted, sent = counted("OrderAccepted"), counted("PlaceSent") + counted("ReplaceSent")
        repeated = bot.metric("tradingbot_order_messages_total", message="DuplicateFill")

    assert accepted <= sent
    assert repeated >= FILLED, "what is told again is a message"
    shown.at_least("orders whose outcomes /metrics and the venue count alike", accepted, "orders", ORDERS)
