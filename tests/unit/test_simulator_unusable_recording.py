"""A recording without a market in it is refused before the exchange opens."""

import json
from pathlib import Path

import pytest

from harness.simulator import book_ticker
from tradingbot_runtime.simulator.instruments import listing
from tradingbot_runtime.simulator.recording import UnusableRecording, require_events

BTC = listing("BTCUSDT")
TOP = f"1 {json.dumps(book_ticker(7, ('60000.00', '1.5'), ('60000.01', '2')))}\n".encode()
SNAPSHOT = b'2 {"lastUpdateId": 1, "bids": [["1.00", "1"]], "asks": [["2.00", "1"]]}\n'  # it names no symbol
KLINE = b'1 {"stream": "btcusdt@kline_1m", "data": {}}\n'


def test_a_recording_is_usable_as_soon_as_one_line_is(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(b"garbage\n" * 100 + TOP + b"garbage\n")
    require_events(path, [BTC])


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "has no lines"),
        (b"garbage\n" * 3 + b"1 {\n", "none of its 4 lines can be used (3 NoTimeStamp, 1 NotJson)"),
        (KLINE, "none of its 1 lines can be used (1 OtherStream)"),
        (TOP.replace(b"BTC", b"ETH"), "none of its 1 lines can be used (1 OtherSymbol)"),
        (SNAPSHOT + TOP.replace(b"BTC", b"ETH"), "none of its 2 lines can be used (1 OtherSymbol)"),
    ],
)
def test_a_recording_without_an_event_says_what_was_found_and_what_is_needed(
    tmp_path: Path, content: bytes, found: str
) -> None:
    path = tmp_path / "recording"
    path.write_bytes(content)
    with pytest.raises(UnusableRecording) as told:
        require_events(path, [BTC])
    assert str(told.value) == (
        f"{path}: {found}; needed: lines of `<local ns> <json frame>` from the streams bookTicker, depth or trade of "
        "BTCUSDT"
    )
