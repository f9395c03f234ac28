"""What a slot that waits for its Lease tells: for whom, and until when at the latest."""

from tradingbot_runtime.lease import TROUBLE
from tradingbot_runtime.start_gate import told

NOON_S = 1_764_417_600.0  # 2025-11-29 12:00:00 UTC


def test_the_minute_by_which_the_lease_has_run_out_is_told() -> None:
    assert told("uid-1", 95.0, NOON_S).startswith("the Lease (uid-1): the pod of this uid held it last")
    assert "by 12:02 UTC unless that pod renews it" in told("uid-1", 95.0, NOON_S)


def test_the_message_stays_while_it_waits() -> None:
    assert len({told("uid-1", 95.0 - second, NOON_S + second) for second in range(95)}) == 1


def test_an_api_server_that_does_not_answer_has_no_such_minute() -> None:
    assert told(f"{TROUBLE}503", 1.0, NOON_S) == f"the Lease ({TROUBLE}503)"
