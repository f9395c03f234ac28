"""Fees in a third asset: no price for them is known here, and whoever reads the log knows that they count nowhere."""

from msgspec.structs import replace
from structlog.testing import capture_logs

from harness.desk import Desk, accept, fill

MILLIONTHS = 750  # of BNB, in 1e-8


def told(desk: Desk, *fees: tuple[str, int]) -> list[tuple[str, str]]:
    """Of fills with these fees: the warnings, as (asset, fee)."""
    bid, offer = desk.quote()
    accept(desk, bid, offer)
    with capture_logs() as logs:
        for number, (asset, fee) in enumerate(fees):
            one = replace(fill(bid, f"t{number}", quantity=1), fee_asset=asset, fee=fee)
            desk.market.handle(one)
            desk.market.handle(one)  # told twice by the venue
    return [(entry["asset"], entry["fee"]) for entry in logs if entry["event"] == "FeeNotCounted"]


def test_the_first_fee_in_each_third_asset_is_told_with_its_amount(desk: Desk) -> None:
    assert told(desk, ("BNB", MILLIONTHS), ("BNB", MILLIONTHS), ("XYZ", 1)) == [
        ("BNB", "0.00000750"),
        ("XYZ", "0.00000001"),
    ]
    assert desk.market.engine.market.position.fees == {"BNB": 2 * MILLIONTHS, "XYZ": 1}, "as /state and inspect show"


def test_fees_in_what_is_traded_and_fills_without_one_are_no_news(desk: Desk) -> None:
    assert told(desk, ("BTC", 1), ("USDT", 1), ("BNB", 0), ("", 0)) == []
