"""Two markets at one account, which holds enough for either bid, not for both: our own check says so, not the venue."""

from decimal import Decimal
from pathlib import Path

from harness.runtime_process import MARKET, STILL, VENUE, RuntimeProcess, making, runtime
from harness.shown import Shown
from harness.simulator import Json, SimulatorProcess, until

MONEY = 6_005  # a bid of BTCUSDT costs 5994, and one of ETHUSDT 260
FRAMES = 200
TWO = (*STILL, "--symbol", "BTCUSDT", "--symbol", "ETHUSDT", "--balance", f"USDT={MONEY}", "--balance", "BTC=10",
       "--balance", "ETH=10")  # fmt: skip
OTHER = "eth"
REFUSED = "tradingbot_risk_refused_total"


def market(name: str, symbol: str) -> Json:
    place = {"venue": VENUE, "symbol": symbol}
    return {"name": name, "reference": place, "execution": place}


def bids(simulator: SimulatorProcess) -> list[Json]:
    return [order for order in simulator.admin.open_orders() if order["side"] == "BUY"]


def cost(order: Json) -> Decimal:
    return Decimal(order["price"]) * Decimal(order["origQty"])


def rejected(bot: RuntimeProcess) -> float:
    return bot.metric("tradingbot_orders_total", outcome="OrderRejected")


def test_the_second_bid_is_cut_or_refused_by_us_and_never_by_the_venue(tmp_path: Path, shown: Shown) -> None:
    with SimulatorProcess(*TWO) as simulator, runtime(tmp_path / "bot", simulator) as bot:
        bot.spec = {"markets": [market(MARKET, "BTCUSDT"), market(OTHER, "ETHUSDT")],
                    "strategy": {"marketMaking": making(layers=1, sizes=["0.1"])}}  # fmt: skip
        bot.start()
        # Whoever asks first has its bid; beside that of BTCUSDT there is less left than the venue takes.
        until(lambda: bot.metric(REFUSED, reason="Balance") > 0 or len(bids(simulator)) == 2, "both have asked", 20.0)
        frames = bot.metric("tradingbot_frames_total", outcome="ok")
        until(lambda: bot.metric("tradingbot_frames_total", outcome="ok") > frames + FRAMES, "both go on", 30.0)

        bound = sum(map(cost, bids(simulator)))
        shown.at_most("bids of two markets at one account that the venue refused", rejected(bot), "orders", 0)
        assert MONEY * Decimal("0.9") < bound <= MONEY
        assert {o["symbol"] for o in simulator.admin.open_orders() if o["side"] == "SELL"} == {"BTCUSDT", "ETHUSDT"}
