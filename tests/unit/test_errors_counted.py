"""What a venue's refusals are counted as is of a few kinds, whatever a venue makes up."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.venues.binance import outcomes as binance
from tradingbot_runtime.venues.binance.replies import ReplyError
from tradingbot_runtime.venues.deltadefi import outcomes as deltadefi
from tradingbot_runtime.venues.protocols import GatewayHealth

CODES = st.integers(min_value=-(10**12), max_value=10**12)
STATUSES = st.integers(min_value=400, max_value=999)
OURS = {"OutcomeUnknown", "RefusedOther"}


def asked(error: VenueError) -> set[str]:
    health = GatewayHealth()
    health.question_failed(error)
    return set(health.errors)


@given(CODES.filter(lambda code: code not in binance.CODES), STATUSES)
def test_codes_that_binance_does_not_have_are_one_kind(code: int, status: int) -> None:
    proved = binance.proof(status, code, "no")

    assert proved.counted(code) == f"{proved}Other"
    assert asked(binance.error("GET x", status, ReplyError(code, "no"))) <= {f"Question{kind}" for kind in OURS}


@given(CODES.filter(lambda code: code not in deltadefi.MEANINGS), STATUSES, st.sampled_from(deltadefi.Phase))
def test_codes_that_deltadefi_does_not_have_are_a_few_kinds(code: int, status: int, phase: deltadefi.Phase) -> None:
    meaning = deltadefi.outcome(phase, status, json.dumps({"error": "no", "code": code}).encode())

    few = {f"Http{hundred}xx" for hundred in range(4, 10)} | {"Unauthorized", "RateLimited"}
    assert meaning.reason in few
    assert asked(meaning.as_error("GET x")) <= {f"Question{kind}" for kind in OURS}


def test_a_code_that_is_known_is_counted_by_itself_and_one_that_is_not_is_told_all_the_same() -> None:
    known = binance.error("POST x", 400, ReplyError(-1021, "Timestamp for this request is outside of the recvWindow."))
    made_up = binance.error("POST x", 400, ReplyError(-31_337, "no"))

    assert (known.kind, made_up.kind) == ("Refused-1021", "RefusedOther")
    assert str(made_up) == "no (-31337)"
