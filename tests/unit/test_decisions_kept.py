"""What risk refuses whole is in the journal, too: as news, and not with each of a thousand ticks."""

import json
from pathlib import Path

import pytest

from harness.engines import tick
from harness.slots import SECOND, Wire, config, slot_of
from tradingbot_runtime.__main__ import main
from tradingbot_runtime.core.risk import Refusal
from tradingbot_runtime.decisions import FLICKER_NS, REFUSED_AGAIN_NS
from tradingbot_runtime.journal.reading import read_decisions
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import AccountChecked, Nanos

BEGAN = 1_000 * SECOND
NARROW = {"maxDistanceBps": "1"}  # the quotes are five from the mid


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def refused(path: Path, *at_ns: int, mismatch_from_ns: int = 0) -> list[tuple[int, set[str]]]:
    """Ticks at these moments, and what the journal has of their decisions: when, and why nothing is sent."""
    wire = Wire()
    risk = config().risk.model_dump(by_alias=True, exclude_none=True) | NARROW
    slot = slot_of(path, wire, config(risk=risk), lambda: Nanos(BEGAN))
    market: LiveMarket = slot.markets["btc"]
    for now_ns in at_ns:
        mismatch = "BTC: 1 less than by our fills" if mismatch_from_ns and now_ns >= mismatch_from_ns else ""
        market.take(AccountChecked(time_ns=Nanos(now_ns), mismatch=mismatch))
        market.handle(tick(now_ns))
    slot.journal.close()
    assert wire.sent == []
    kept = list(read_decisions(path))
    assert all(not decision.commands and decision.quotes for decision in kept)
    return [(decision.time_ns - BEGAN, {order.reason for order in decision.refused}) for decision in kept]


def test_a_market_that_risk_refuses_says_so_once_and_again_a_minute_later(path: Path) -> None:
    every_tick = [BEGAN + n * SECOND // 10 for n in range(REFUSED_AGAIN_NS // (SECOND // 10) + 2)]

    far = {Refusal.FAT_FINGER.value}
    assert refused(path, *every_tick) == [(0, far), (REFUSED_AGAIN_NS, far)]


def test_another_reason_is_news_a_second_later(path: Path) -> None:
    first, soon, later = BEGAN, BEGAN + FLICKER_NS - 1, BEGAN + FLICKER_NS

    told = refused(path, first, soon, later, mismatch_from_ns=soon)

    assert told == [(0, {Refusal.FAT_FINGER.value}), (FLICKER_NS, {Refusal.ACCOUNT_MISMATCH.value})]


def test_audit_tells_what_was_seen_and_why_nothing_was_sent(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(path, BEGAN)
    capsys.readouterr()  # the log

    assert main(["audit", str(path), "--since", "1970-01-01", "-o", "json"]) == 0
    steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [step["what"] for step in steps if step["what"] == "Seen" or step["what"].startswith("Refused")]
    assert told == ["Seen", "RefusedFatFinger", "RefusedFatFinger"]
