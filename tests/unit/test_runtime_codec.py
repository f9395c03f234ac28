"""Every recorded frame decodes, and no broken one gets further than a reason."""

import gzip
import json
from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engines import BTC
from harness.simulator import RECORDING
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.venues.binance.codec import MarketCodec, decode_depth, decode_trade, scaled
from tradingbot_runtime.venues.feed import FrameRefused

NOW = Nanos(1)
GOOD = {"u": 7, "s": "BTCUSDT", "b": "61837.63000000", "B": "3.78826000", "a": "61837.64000000", "A": "1.54698000"}


def frame(**changes: object) -> bytes:
    return json.dumps({"stream": "btcusdt@bookTicker", "data": GOOD | changes}).encode()


def reason(payload: bytes) -> str:
    """Why `payload` is refused; nothing when it is a tick, `notice` when it is no market data."""
    try:
        tick = MarketCodec(BTC).top(payload, NOW)
    except FrameRefused as refused:
        return refused.reason if str(refused) else "no message"
    return "" if tick else "notice"


def test_every_recorded_frame_decodes_to_the_numbers_that_are_in_it() -> None:
    if not RECORDING.exists():
        pytest.skip(f"the recording {RECORDING.name} is not beside this repository")
    codec, counts = MarketCodec(BTC), Counter[str]()
    with gzip.open(RECORDING, "rb") as file:
        for line in file:
            payload = line.partition(b" ")[2]
            kind = payload[11:60].partition(b'"')[0].partition(b"@")[2].decode()
            counts[kind] += 1
            if kind == "bookTicker":
                tick, data = codec.top(payload, NOW), json.loads(payload)["data"]
                assert tick is not None
                read = [tick.bid, tick.ask, Decimal(tick.bid_lots) / 1000, Decimal(tick.ask_lots) / 1000]
                assert read == [Decimal(data[name]) * 100 for name in ("b", "a", "B", "A")]
                assert tick.update_id == data["u"]
            elif kind == "trade":
                assert decode_trade(_data(payload)).t > 0
            elif kind.startswith("depth"):
                depth = decode_depth(_data(payload))
                assert depth.u >= depth.U

    assert (counts["bookTicker"], counts["trade"], counts["depth@100ms"]) == (28_040, 9_757, 3_451)


def _data(payload: bytes) -> bytes:
    return bytes(msgspec.json.decode(payload, type=dict[str, msgspec.Raw])["data"])


BROKEN = [
    ("cut in the middle", frame()[:60], "NotJson"),
    ("nothing", b"", "NotJson"),
    ("not UTF-8", frame().replace(b"BTCUSDT", b"BTC\xff\xfeDT"), "NotJson"),
    ("a number where text is due", frame(b=61837.63), "WrongShape"),
    ("text where a number is due", frame(u="7"), "WrongShape"),
    ("null", frame(a=None), "WrongShape"),
    ("a list in place of the data", json.dumps({"stream": "btcusdt@bookTicker", "data": []}).encode(), "WrongShape"),
    ("a list in place of the frame", b"[1,2]", "WrongShape"),
    ("a field is missing", frame().replace(b'"b":', b'"x":'), "WrongShape"),
    ("between two ticks", frame(b="61837.63500000"), "BadNumber"),
    ("more decimals than there are", frame(b="61837.630000001"), "BadNumber"),
    ("an exponent", frame(b="6e4"), "BadNumber"),
    ("a sign", frame(b="-61837.63000000"), "BadNumber"),
    ("not a number", frame(b="NaN"), "BadNumber"),
    ("no digits", frame(b=""), "BadNumber"),
    ("digits of another script", frame(b="٦١٨٣٧.00000000"), "BadNumber"),
    ("superscript digits", frame(b="6².00"), "BadNumber"),
    ("a foreign symbol", frame(s="ETHUSDT"), "WrongSymbol"),
    ("crossed", frame(b="61837.65000000"), "Crossed"),
    ("locked", frame(b="61837.64000000"), "Crossed"),
    ("a price of zero", frame(b="0.00000000"), "Crossed"),
    ("five megabytes of text", frame(s="X" * 5_000_000), "WrongSymbol"),
    ("five megabytes of brackets", b"[" * 5_000_000, "WrongShape"),
    ("a number of five megabytes", frame(b="6" * 5_000_000), "BadNumber"),
    ("a number of five kilobytes", frame(b="6" * 5_000), "BadNumber"),
    ("a reply to a subscription", b'{"result":null,"id":1}', "notice"),
    ("another stream", frame().replace(b"@bookTicker", b"@trade"), "notice"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "payload", "expected"), BROKEN, ids=[case[0] for case in BROKEN])
def test_a_broken_frame_is_refused_with_its_reason(name: str, payload: bytes, expected: str) -> None:
    assert reason(payload) == expected, name


def test_a_good_frame_is_not_refused() -> None:
    assert reason(frame()) == ""


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_refusal(payload: bytes) -> None:
    assert reason(payload) != "no message"


@given(st.integers(0, len(frame()) - 1), st.binary(min_size=1, max_size=3))
def test_no_damage_to_a_good_frame_raises_anything_but_a_refusal(place: int, damage: bytes) -> None:
    good = frame()
    assert reason(good[:place] + damage + good[place + len(damage) :]) != "no message"


@given(st.dictionaries(st.sampled_from([*GOOD, "x"]), st.one_of(st.none(), st.integers(), st.floats(), st.text())))
def test_no_value_of_a_field_raises_anything_but_a_refusal(changes: dict[str, object]) -> None:
    assert reason(frame(**changes)) != "no message"


@given(st.decimals(min_value=0, max_value=10**12, places=8))
def test_a_number_is_read_exactly(number: Decimal) -> None:
    assert scaled(format(number, "f")) == number * 10**8
