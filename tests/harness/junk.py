"""What anybody may have written where the operator reads JSON, and what a runtime that is not ours may report."""

import json
from typing import Any

from hypothesis import strategies as st

from tradingbot_runtime.model.control import (
    ClosingStatement,
    Halt,
    MarketReport,
    QuotingReport,
    SlotReport,
    VenueReport,
)
from tradingbot_runtime.model.events import TradingState

TEXTS = (
    "", "x", "{", "null", "true", "5", "-1", "1e999", "NaN", '"*"', "[]", "[1]", "[null]", '[["a"]]', "{}",
    '{"a": "x"}',
    '{"*": -1}', '{"*": 0}', '{"venue/AAAUSDT": "x"}', '{"venue/AAAUSDT": 1.5}', '{"venue/AAAUSDT": -1}',
    '{"venue/AAAUSDT": 1}', '{"venue/AAAUSDT": 999}', '{"venue/AAAUSDT": true}', '{"spec": [], "venues": []}',
    '{"spec": {}, "venues": {"venue": 5}}', '{"markets": 5}', '{"strategy": 5, "markets": [5]}', '{"slot": 7}',
    '{"strategy": {}, "markets": [{"execution": {"venue": [], "symbol": {}}, "reference": {}}]}',
    '{"said": [], "handed": 5}', '{"said": {"venue/AAAUSDT": 5}, "handed": {}}', '{"template": 5, "inputs": "a"}',
    '{"template": {"metadata": {}}, "inputs": "a"}', '{"inputs": 5, "before": {}}', "[" * 9000, "9" * 5000,
    '{"level": ["a"]}', '{"level": {"a": 1}, "event": ["b"]}', "\x00", "\ud800",
)  # fmt: skip
SHAPES = ("", "x", "null", "5", '"*"', "[1]", "{}", '{"a": "x"}', "[" * 9000)  # one of each
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3), max_leaves=8,
)  # fmt: skip


def texts() -> st.SearchStrategy[str]:
    return st.sampled_from(TEXTS) | st.builds(json.dumps, JSON)


WORDS = st.sampled_from(
    ["", "a", "a, b", "x" * 64, "x" * 65, "y" * 600, "z" * 9000, "5", "-5", "NaN", "\x00", "Active"]
)
NUMBERS = st.sampled_from([0, 1, -1, 99, 65536, 2**31, 2**53, 2**63 - 1, -(2**63), 10**19])
HALTS = st.builds(Halt, id=WORDS, reason=WORDS, at_ns=NUMBERS, message=WORDS, market=WORDS, policy=WORDS, by=WORDS,
                  value=WORDS, limit=WORDS)  # fmt: skip
QUOTING = st.builds(QuotingReport, orders=NUMBERS, refused=NUMBERS, fills=NUMBERS, turnover=WORDS, profit=WORDS,
                    marked=NUMBERS, marked_turnover=WORDS, markout=WORDS)  # fmt: skip
MARKETS = st.builds(MarketReport, market=WORDS, position=WORDS, open_orders=NUMBERS, unknown_orders=NUMBERS,
                    reason=WORDS, message=WORDS, quoting=st.none() | QUOTING, live_orders_left=NUMBERS)  # fmt: skip
VENUES = st.builds(VenueReport, venue=WORDS, reachable=st.booleans(), authenticated=st.none() | st.booleans(),
                   message=WORDS, key_since_ns=NUMBERS)  # fmt: skip
CLOSED = st.builds(ClosingStatement, id=WORDS, market=WORDS, venue=WORDS | st.just("venue"), paper=st.booleans(),
                   symbol=WORDS | st.sampled_from(["AAAUSDT", "BBBUSDT"]), summary=WORDS, account=WORDS,
                   follows=WORDS)  # fmt: skip


def reports() -> st.SearchStrategy[SlotReport]:
    def several(one: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
        return st.lists(one, max_size=3).map(tuple)

    return st.builds(
        SlotReport, slot=NUMBERS, pod_uid=WORDS, draining=st.booleans(), never_traded=st.booleans(), account_uid=WORDS,
        bot_number=WORDS, state=st.sampled_from(TradingState), reason=WORDS, message=WORDS, ready=st.booleans(),
        config_hash=WORDS, epoch=NUMBERS, markets=several(MARKETS), venues=several(VENUES), halts=several(HALTS),
        resumed=several(WORDS), closed=st.none() | several(CLOSED),
    )  # fmt: skip
