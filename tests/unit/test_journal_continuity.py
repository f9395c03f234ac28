"""Whether a journal knows all: every combination of what can be seen, and what follows."""

import pytest

from tradingbot_runtime.core.continuity import SIGNS, Continuity, Evidence, judge

BEHIND = "the journal is missing; its mark knows 90 events"
W, R, L = Continuity.WHOLE, Continuity.REBUILT, Continuity.LOST


@pytest.mark.parametrize(
    ("seen", "follows", "says"),
    [
        (Evidence(), W, ""),  # a new bot on a new volume
        (Evidence(epoch=3, epoch_configured=3, epoch_at_venue=3, has_cursor=True, trades_are_named=True), W, ""),
        (Evidence(epoch=4, epoch_configured=3), W, ""),  # the operator has not seen the latest life yet
        (Evidence(epoch=3, epoch_at_venue=2), W, ""),  # orders of an earlier life: the sweep's business
        (Evidence(epoch=3, epoch_configured=3), W, ""),
        (Evidence(behind=BEHIND), L, BEHIND),
        (Evidence(behind=BEHIND, trades_are_named=True), L, "a position of before today is not known"),
        (Evidence(behind="older", epoch=2, has_cursor=True, trades_are_named=True), R, "older; the trades since then"),
        (Evidence(behind="older", epoch=2, has_cursor=True), L, "does not say which trades are ours"),
        (Evidence(epoch=0, epoch_configured=5), L, "last epoch is 0, the operator has seen 5"),
        (Evidence(epoch=0, epoch_configured=5, trades_are_named=True), L, "not known"),
        (Evidence(epoch=2, epoch_configured=5, has_cursor=True, trades_are_named=True), R, "has seen 5"),
        (Evidence(epoch=2, epoch_configured=5, has_cursor=True), L, "has seen 5"),
        (Evidence(epoch=0, epoch_at_venue=4, trades_are_named=True), L, "orders of ours of epoch 4"),
        (Evidence(epoch=2, epoch_at_venue=4, has_cursor=True, trades_are_named=True), R, "of epoch 4"),
        (Evidence(epoch=2, epoch_configured=3, epoch_at_venue=4), L, "the operator has seen 3"),
        (Evidence(epoch=2, orders_not_known=3, has_cursor=True), L, "3 orders that can only be ours"),
        (Evidence(epoch=2, orders_not_known=3, has_cursor=True, trades_are_named=True), R, "3 orders that can only"),
        (Evidence(left_alone=4), L, "the journal is new, and 4 orders are open"),
        (Evidence(epoch=1, left_alone=4), W, ""),  # withdrawn; what they have traded would be seen
    ],
)
def test_what_is_seen_decides(seen: Evidence, follows: Continuity, says: str) -> None:
    judgement = judge(seen)

    assert judgement.continuity is follows
    assert says in judgement.message
    assert bool(judgement.message) is (follows is not W)


def test_each_sign_is_silent_on_a_whole_journal_and_speaks_alone() -> None:
    whole = Evidence(epoch=3, epoch_configured=3, epoch_at_venue=3)
    alone = (
        Evidence(behind=BEHIND, epoch=3),
        Evidence(epoch=3, epoch_configured=4),
        Evidence(epoch=3, epoch_at_venue=4),
        Evidence(left_alone=1),
        Evidence(epoch=3, orders_not_known=1),
    )
    for number, seen in enumerate(alone):
        assert [bool(sign(seen)) for sign in SIGNS] == [number == other for other in range(len(SIGNS))]
    assert not any(sign(whole) for sign in SIGNS)
