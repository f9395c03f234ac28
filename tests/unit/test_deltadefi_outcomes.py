"""What an answer of DeltaDeFi proves, code by code and call by call, and what follows from it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingbot_runtime.errors import OutcomeUnknown, VenueRefused
from tradingbot_runtime.model import WOULD_TAKE
from tradingbot_runtime.venues.deltadefi.outcomes import MEANINGS, Effect, Outcome, Phase, Proof, outcome

R, U, X, D, G = Proof.REFUSED, Proof.UNKNOWN, Proof.EXPIRED, Proof.DONE, Proof.GONE
LOCKED, SLOWER, HALT, NONE = Effect.LOCKED, Effect.SLOWER, Effect.HALT, Effect.NONE
DEFINITE = [4000, 4100, 4101, 4102, 4103, 4104, 4105, 4106, 4107, 4108, 4109, 4110, 4111, 4112]
# code, HTTP status -> what it proves of a build, a submit, a cancel; and what follows
TABLE = [
    *((code, 400, R, R, R, NONE) for code in DEFINITE),
    (4010, 401, R, R, R, HALT),
    (4050, 400, R, R, R, Effect.RECONCILE),
    (4200, 404, R, U, G, NONE),
    (4201, 400, R, U, G, NONE),
    (4202, 400, R, U, G, NONE),
    (4290, 429, R, U, U, SLOWER),
    (4300, 400, R, X, U, NONE),
    (4301, 400, R, X, U, NONE),
    (4302, 400, R, D, U, NONE),
    (4406, 400, R, R, R, HALT),
    (4407, 400, R, R, R, HALT),
    (4999, 400, R, U, U, NONE),  # not in the documentation
    (5000, 500, U, U, U, NONE),
    (5001, 503, U, U, U, NONE),
    (5002, 503, U, U, U, LOCKED),
    (5002, 400, U, U, U, LOCKED),
]


def of(phase: Phase, code: int, status: int) -> Outcome:
    return outcome(phase, status, json.dumps({"error": "what the venue says", "code": code}).encode())


@pytest.mark.parametrize(("code", "status", "build", "submit", "cancel", "effect"), TABLE)
def test_a_code_proves(code: int, status: int, build: Proof, submit: Proof, cancel: Proof, effect: Effect) -> None:
    proofs = [of(phase, code, status).proof for phase in (Phase.BUILD, Phase.SUBMIT, Phase.CANCEL)]

    assert proofs == [build, submit, cancel]
    assert {of(phase, code, status).effect for phase in Phase} == {effect}


def test_every_code_of_the_table_is_tried_here() -> None:
    assert set(MEANINGS) - {4400} <= {row[0] for row in TABLE}


def test_what_would_take_is_named_so_that_it_is_priced_anew() -> None:
    assert of(Phase.BUILD, 4104, 400).reason == WOULD_TAKE


@pytest.mark.parametrize("body", [b"", b"<html>502 Bad Gateway</html>", b"[]", b'{"code": "4000"}', b"\xff\xfe", b"{}"])
@pytest.mark.parametrize("status", [400, 403, 404, 408, 413, 500, 502, 503, 504])
def test_an_answer_that_the_venue_did_not_write_proves_nothing_of_a_submit_or_a_cancel(
    body: bytes, status: int
) -> None:
    assert {outcome(phase, status, body).proof for phase in (Phase.SUBMIT, Phase.CANCEL)} == {U}
    assert outcome(Phase.SUBMIT, status, body).effect is NONE


def test_too_many_requests_and_no_key_are_known_without_a_body() -> None:
    assert outcome(Phase.SUBMIT, 429, b"").effect is SLOWER
    assert outcome(Phase.QUESTION, 401, b"").effect is HALT
    assert outcome(Phase.SUBMIT, 401, b"").proof is U


@given(st.integers(400, 599), st.binary(max_size=80))
def test_no_answer_is_taken_for_a_success(status: int, body: bytes) -> None:
    for phase in Phase:
        found = outcome(phase, status, body)
        assert found.proof is not Proof.DONE or found.code == 4302
        assert found.reason


def test_a_refusal_raises_by_what_it_proves() -> None:
    asked = "GET https://venue.example/accounts/balance"
    refused, unknown = of(Phase.QUESTION, 4106, 400).as_error(asked), of(Phase.QUESTION, 5000, 500).as_error(asked)

    assert isinstance(refused, VenueRefused)
    assert refused.code == 4106
    assert isinstance(unknown, OutcomeUnknown)
    assert str(unknown).startswith(f"DeltaDeFi answered {asked} with ")


def test_a_long_message_is_cut() -> None:
    body = json.dumps({"error": "x" * 100_000, "code": 4000}).encode()

    assert len(outcome(Phase.BUILD, 400, body).message) == 200


def test_every_reason_is_explained_in_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs/guides/deltadefi.md").read_text()

    assert [meaning.reason for meaning in MEANINGS.values() if f"`{meaning.reason}`" not in guide] == []
