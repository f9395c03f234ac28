"""A venue that lets fewer orders rest than the ladder has."""

from pathlib import Path

from harness.deltadefi_bot import MARKET, at_venue, bot_on
from harness.simulator import Json


def test_a_ladder_shrinks_to_what_the_venue_takes_and_both_sides_rest(tmp_path: Path) -> None:
    making = {"spreadBps": "100", "layers": 2, "stepBps": "20", "sizes": ["20"], "hysteresis": {"ticks": 40}}
    with bot_on(tmp_path, "--deltadefi-max-open-orders", "3", strategy={"marketMaking": making}) as runtime:

        def fits(state: Json) -> bool:
            market = state["markets"].get(MARKET, {"orders": [], "room": None})
            resting = [order["side"] for order in market["orders"] if order["state"] == "Open"]
            return len(resting) == len(market["orders"]) == market["room"] and set(resting) == {"buy", "sell"}

        state = runtime.until(fits, "as many rest as there is room for, on both sides", 30.0)
        (told, *_) = runtime.until_logged("FewerQuotes")

        assert len(at_venue(runtime)) == state["markets"][MARKET]["room"] <= 3
        assert (told["level"], told["message"]) == ("warning", "Maximum number of open orders exceeded")
        assert runtime.terminate()[0] == 0
