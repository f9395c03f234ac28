"""Planned faults: the same seed gives the same fates, request by request, and what is written wrong is said."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingbot_runtime.config import InvalidConfig
from tradingbot_runtime.simulator.connections import text_frame_header
from tradingbot_runtime.simulator.fault_plan import FaultPlan, SeededFaults, parse_plan, read_plan
from tradingbot_runtime.simulator.faults import REQUEST_FAULTS, STREAM_FAULTS, FaultKind, FaultRequest, Faults
from tradingbot_runtime.simulator.stream_faults import StreamFaults, crossed

GUIDE = Path(__file__).parents[2] / "docs/guides/simulator.md"
TARGETS = ("POST /order/build", "POST /order/submit", "order.place", "GET /api/v3/account")


def fates(plan: FaultPlan, targets: list[str]) -> dict[str, list[FaultRequest | None]]:
    """What each target's requests meet, in their order."""
    faults = SeededFaults(plan)
    met: dict[str, list[FaultRequest | None]] = {}
    for target in targets:
        met.setdefault(target, []).append(faults.draw(REQUEST_FAULTS, target))
    return met


@given(st.lists(st.sampled_from(TARGETS), max_size=60), st.integers(0, 9), st.randoms(use_true_random=False))
def test_a_targets_requests_meet_the_same_fates_whatever_comes_between(
    targets: list[str], seed: int, random: object
) -> None:
    plan = parse_plan({"seed": seed, "rate": 0.3})
    shuffled = list(targets)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis' own Random
    assert fates(plan, targets) == fates(plan, shuffled)


def test_another_seed_gives_other_fates() -> None:
    targets = ["order.place"] * 200
    assert fates(parse_plan({"seed": 1, "rate": 0.2}), targets) != fates(parse_plan({"seed": 2, "rate": 0.2}), targets)


def test_a_rate_is_kept_to_and_only_the_kinds_that_were_asked_for_happen() -> None:
    plan = read_plan("seed=7,rate=0.1,kinds=drop+delay,match=POST /order/*,delayMs=30")
    faults = SeededFaults(plan)
    drawn = [faults.draw(REQUEST_FAULTS, "POST /order/submit") for _ in range(5000)]
    happened = [request for request in drawn if request is not None]
    assert 400 < len(happened) < 600
    assert {request.kind for request in happened} == {FaultKind.DROP, FaultKind.DELAY}
    assert max(request.delay_ms for request in happened) == 30
    assert faults.draw(REQUEST_FAULTS, "GET /accounts/balance") is None


def test_a_request_never_meets_what_befalls_streams_only() -> None:
    faults = SeededFaults(parse_plan({"seed": 1, "rate": 1}))
    kinds = {faults.draw(REQUEST_FAULTS, "order.place").kind for _ in range(500)}  # type: ignore[union-attr]  # rate 1
    assert kinds == set(REQUEST_FAULTS)
    frames = {faults.draw(STREAM_FAULTS, "user").kind for _ in range(500)}  # type: ignore[union-attr]  # as above
    assert frames == set(STREAM_FAULTS)


def test_the_first_rule_that_draws_a_fault_wins() -> None:
    plan = parse_plan({"seed": 1, "faults": [
        {"match": "POST /order/*", "rate": 1, "kinds": ["lost-answer"]}, {"rate": 1, "kinds": ["drop"]},
    ]})  # fmt: skip
    met = fates(plan, ["POST /order/build", "GET /accounts/balance"])
    assert [found[0].kind for found in met.values() if found[0]] == [FaultKind.LOST_ANSWER, FaultKind.DROP]


def test_an_armed_fault_comes_before_the_plan_and_a_drawn_silence_lasts() -> None:
    faults = Faults()
    faults.plan = SeededFaults(parse_plan({"seed": 1, "rate": 1, "kinds": ["silence"], "seconds": 2}))
    faults.arm(FaultRequest(kind=FaultKind.DUPLICATE), 0)
    streams = StreamFaults(faults)
    assert len(streams.frames("user", {}, 0)) == 2
    assert streams.frames("user", {}, 0) == []
    faults.plan = None
    assert streams.frames("user", {}, 1999) == []
    assert len(streams.frames("user", {}, 2000)) == 1


def test_a_client_that_invents_methods_does_not_fill_the_memory() -> None:
    faults = SeededFaults(parse_plan({"seed": 1, "rate": 0.5}))
    for number in range(3000):
        faults.draw(REQUEST_FAULTS, f"invented.{number}")
    assert len(faults._generators) <= 1001  # noqa: SLF001 - the bound is what is tested


def test_a_plan_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("seed: 7\nfaults:\n- {match: 'POST /order/submit', rate: 0.05, kinds: [lost-answer]}\n")
    assert read_plan(str(file)).faults[0].kinds == (FaultKind.LOST_ANSWER,)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[1, {", "not readable as YAML"), (b"", "must be one document"), (b"\xff\xfe\xff", "not readable as YAML"),
        (b"seed: 1\nseed: 2\nrate: 1\n", "written twice"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_plan_is_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "plan.yaml"
    file.write_bytes(content)
    with pytest.raises(InvalidConfig) as caught:
        read_plan(str(file))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("seed=7,rate=2", "faults[0].rate: '2': must be at most 1"),
        ("seed=7,rate=0", "nothing would ever happen"),
        ("seed=7,rate=0.1,kinds=earthquake", "kinds"),
        ("seed=7,rate=0.1,mach=x", "unknown field"),
        ("rate=0.1", "seed"),
        ("seed=x,rate=0.1", "seed: 'x': must be a whole number"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said(written: str, said: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        read_plan(written)
    assert said in str(caught.value)


@pytest.mark.parametrize(("length", "header"), [(125, 2), (126, 4), (65_535, 4), (65_536, 10)])
def test_a_frame_that_is_cut_has_a_header_of_its_whole_length(length: int, header: int) -> None:
    assert len(text_frame_header(length)) == header


def test_the_guide_names_every_kind_of_fault() -> None:
    named = set(re.findall(r"`([0-9a-z-]+)`", GUIDE.read_text().partition("## Faults")[2]))
    assert [kind.value for kind in FaultKind if kind.value not in named] == []


def test_a_crossed_depth_snapshot_has_its_best_prices_exchanged() -> None:
    book = {"bids": [{"price": 1}, {"price": 0}], "asks": [{"price": 2}]}
    assert crossed(book) == {"bids": [{"price": 2}, {"price": 0}], "asks": [{"price": 1}]}
    assert crossed([1]) == [1]
