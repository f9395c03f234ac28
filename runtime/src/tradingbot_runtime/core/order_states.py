"""The life of an order as a table: what may follow what (reference/runtime.md 3.2).

An order whose outcome is ambiguous is UNKNOWN: it is never sent again, counts at its full size, and is resolved by
asking the venue. A pair of state and step that is not in the table is an anomaly; a fill has a place in every row,
because a fill is always accounted for.
"""

from collections.abc import Mapping
from enum import StrEnum

from tradingbot_runtime.model import (
    BuildExpired,
    OrderAccepted,
    OrderBuilt,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderGivenUp,
    OrderRejected,
    OrderStatus,
    OrderSubmitting,
    OutcomeLost,
    ProofOverdue,
)


class OrderState(StrEnum):
    INTENT = "Intent"  # committed; nothing is sent
    DENIED = "Denied"  # never left us
    BUILT = "Built"  # two-phase venues: has a venue id, is not submitted
    SUBMITTING = "Submitting"  # committed; the request may be on its way
    UNKNOWN = "Unknown"
    OPEN = "Open"
    PARTIAL = "Partial"
    PENDING_REPLACE = "PendingReplace"
    PENDING_CANCEL = "PendingCancel"
    FILLED = "Filled"
    CANCELED = "Canceled"
    EXPIRED = "Expired"
    REJECTED = "Rejected"
    LOST = "Lost"  # cannot be proved either way: counts in full until the venue says more


_S = OrderState
CLOSED = frozenset({_S.DENIED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED})
UNPROVED = frozenset({_S.UNKNOWN, _S.LOST})
WORKING = frozenset({_S.OPEN, _S.PARTIAL})
PENDING = frozenset({_S.PENDING_CANCEL, _S.PENDING_REPLACE})
UNSENT = frozenset({_S.INTENT, _S.BUILT})  # in a journal: proof that nothing was submitted


class Step(StrEnum):
    """What can happen to an order: the columns of the table."""

    BUILT = "Built"
    SUBMITTING = "Submitting"
    BUILD_EXPIRED = "BuildExpired"
    DENIED = "Denied"
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    OUTCOME_LOST = "OutcomeLost"
    PROOF_OVERDUE = "ProofOverdue"
    FILLED = "Filled"
    CANCELED = "Canceled"
    EXPIRED = "Expired"
    CANCEL_SENT = "CancelSent"
    REPLACE_SENT = "ReplaceSent"
    CANCEL_REFUSED = "CancelRefused"  # the order is still there
    CANCEL_GONE = "CancelGone"  # nothing to cancel, or nothing that we know to be there
    SEEN_BUILDING = "SeenBuilding"
    SEEN_OPEN = "SeenOpen"
    SEEN_FILLED = "SeenFilled"
    SEEN_CANCELED = "SeenCanceled"
    SEEN_EXPIRED = "SeenExpired"
    SEEN_REJECTED = "SeenRejected"
    PROVED_ABSENT = "ProvedAbsent"  # never seen by the venue
    GIVEN_UP = "GivenUp"  # lost in an earlier life, and as unknown to the venue in this one
    VANISHED = "Vanished"  # the venue had acknowledged it, and does not know it any more


STEPS: Mapping[type, Step] = {
    OrderBuilt: Step.BUILT,
    OrderSubmitting: Step.SUBMITTING,
    BuildExpired: Step.BUILD_EXPIRED,
    OrderDenied: Step.DENIED,
    OrderAccepted: Step.ACCEPTED,
    OrderRejected: Step.REJECTED,
    OutcomeLost: Step.OUTCOME_LOST,
    ProofOverdue: Step.PROOF_OVERDUE,
    OrderGivenUp: Step.GIVEN_UP,
    OrderFilled: Step.FILLED,
    OrderCanceled: Step.CANCELED,
    OrderExpired: Step.EXPIRED,
}
SEEN: Mapping[OrderStatus, Step] = {
    OrderStatus.BUILDING: Step.SEEN_BUILDING,
    OrderStatus.OPEN: Step.SEEN_OPEN,
    OrderStatus.FILLED: Step.SEEN_FILLED,
    OrderStatus.CANCELED: Step.SEEN_CANCELED,
    OrderStatus.EXPIRED: Step.SEEN_EXPIRED,
    OrderStatus.REJECTED: Step.SEEN_REJECTED,
    OrderStatus.ABSENT: Step.PROVED_ABSENT,
}
# After these the venue is known to have had the order.
ACKNOWLEDGING = frozenset(
    {Step.ACCEPTED, Step.FILLED, Step.CANCELED, Step.EXPIRED, Step.CANCEL_REFUSED,
     Step.SEEN_OPEN, Step.SEEN_FILLED, Step.SEEN_CANCELED, Step.SEEN_EXPIRED}
)  # fmt: skip

_Row = Mapping[Step, OrderState]
_ENDS: _Row = {
    Step.CANCELED: _S.CANCELED,
    Step.EXPIRED: _S.EXPIRED,
    Step.SEEN_FILLED: _S.FILLED,
    Step.SEEN_CANCELED: _S.CANCELED,
    Step.SEEN_EXPIRED: _S.EXPIRED,
    Step.SEEN_REJECTED: _S.REJECTED,
}
_LIVES: _Row = {**_ENDS, Step.ACCEPTED: _S.OPEN, Step.SEEN_OPEN: _S.OPEN, Step.FILLED: _S.PARTIAL}
_UNSENT: _Row = {
    **_LIVES,
    Step.BUILT: _S.BUILT,
    Step.SEEN_BUILDING: _S.BUILT,
    Step.SUBMITTING: _S.SUBMITTING,
    Step.BUILD_EXPIRED: _S.INTENT,
    Step.DENIED: _S.DENIED,
    Step.REJECTED: _S.REJECTED,
    Step.OUTCOME_LOST: _S.UNKNOWN,
    Step.CANCEL_SENT: _S.PENDING_CANCEL,  # the gateway answers that it was denied, or tells that it was too late
}
_GATEWAY_STEPS = (Step.BUILT, Step.SUBMITTING, Step.SEEN_BUILDING)  # of an order that is further already


def _stays(state: OrderState, *steps: Step) -> _Row:
    return dict.fromkeys(steps, state)


def _working(state: OrderState) -> _Row:
    return {
        **_LIVES,
        **_stays(state, *_GATEWAY_STEPS, Step.CANCEL_REFUSED),
        Step.OUTCOME_LOST: state,  # the reply was lost, the stream has told
        Step.CANCEL_SENT: _S.PENDING_CANCEL,
        Step.REPLACE_SENT: _S.PENDING_REPLACE,
        Step.CANCEL_GONE: _S.UNKNOWN,
        Step.VANISHED: _S.LOST,  # it was there: absence proves nothing good
    }


def _ended(state: OrderState, *same: Step) -> _Row:
    """What repeats the end, or comes late, changes nothing; a fill reopens, and so does a newer report of life."""
    return {
        **_stays(state, *same, *_GATEWAY_STEPS, Step.OUTCOME_LOST, Step.CANCEL_GONE),
        Step.FILLED: _S.PARTIAL,
        Step.SEEN_OPEN: _S.OPEN,
    }


TRANSITIONS: Mapping[OrderState, _Row] = {
    _S.INTENT: {**_UNSENT, Step.PROVED_ABSENT: _S.INTENT},
    _S.BUILT: {**_UNSENT, Step.PROVED_ABSENT: _S.BUILT},
    _S.SUBMITTING: {
        **_LIVES,  # a fill may overtake the acknowledgement
        **_stays(_S.SUBMITTING, *_GATEWAY_STEPS),
        Step.BUILD_EXPIRED: _S.INTENT,
        Step.DENIED: _S.DENIED,
        Step.REJECTED: _S.REJECTED,
        Step.OUTCOME_LOST: _S.UNKNOWN,
        Step.CANCEL_SENT: _S.PENDING_CANCEL,
        Step.PROVED_ABSENT: _S.REJECTED,
    },
    _S.UNKNOWN: {
        **_LIVES,
        **_stays(_S.UNKNOWN, *_GATEWAY_STEPS, Step.OUTCOME_LOST, Step.CANCEL_GONE),
        Step.REJECTED: _S.REJECTED,  # the answer came after all
        Step.CANCEL_SENT: _S.PENDING_CANCEL,
        Step.CANCEL_REFUSED: _S.OPEN,
        Step.PROVED_ABSENT: _S.REJECTED,
        Step.VANISHED: _S.LOST,
        Step.PROOF_OVERDUE: _S.LOST,
    },
    _S.OPEN: _working(_S.OPEN),
    _S.PARTIAL: _working(_S.PARTIAL),
    _S.PENDING_REPLACE: {
        **_LIVES,
        **_stays(_S.PENDING_REPLACE, *_GATEWAY_STEPS, Step.ACCEPTED, Step.FILLED, Step.SEEN_OPEN),
        Step.CANCEL_REFUSED: _S.OPEN,
        # It was to go anyway: from here on it is a cancel whose answer is owed.
        **_stays(_S.PENDING_CANCEL, Step.CANCEL_SENT, Step.CANCEL_GONE, Step.OUTCOME_LOST),
        Step.VANISHED: _S.LOST,
    },
    _S.PENDING_CANCEL: {
        **_LIVES,
        **_stays(
            _S.PENDING_CANCEL, *_GATEWAY_STEPS, Step.ACCEPTED, Step.FILLED, Step.SEEN_OPEN, Step.BUILD_EXPIRED,
            Step.OUTCOME_LOST,  # a cancel may be sent again
            Step.CANCEL_SENT,
            Step.CANCEL_GONE,  # most often it filled while the cancel was on its way: ask
        ),
        Step.DENIED: _S.DENIED,
        Step.REJECTED: _S.REJECTED,
        Step.CANCEL_REFUSED: _S.OPEN,
        Step.PROVED_ABSENT: _S.REJECTED,
        Step.VANISHED: _S.LOST,
    },
    _S.LOST: {
        **_LIVES,
        **_stays(
            _S.LOST, *_GATEWAY_STEPS, Step.CANCEL_SENT, Step.CANCEL_GONE, Step.OUTCOME_LOST, Step.PROOF_OVERDUE,
            Step.VANISHED,
        ),
        Step.REJECTED: _S.REJECTED,
        Step.CANCEL_REFUSED: _S.OPEN,
        Step.PROVED_ABSENT: _S.REJECTED,
        Step.GIVEN_UP: _S.CANCELED,
    },
    _S.FILLED: {
        **_stays(_S.FILLED, *_ENDS, Step.ACCEPTED, Step.CANCEL_REFUSED, Step.VANISHED),
        **_ended(_S.FILLED),
        Step.FILLED: _S.FILLED,  # more than was ordered
        Step.SEEN_OPEN: _S.FILLED,
    },
    _S.CANCELED: _ended(_S.CANCELED, Step.CANCELED, Step.SEEN_CANCELED, Step.ACCEPTED, Step.VANISHED),
    _S.EXPIRED: _ended(_S.EXPIRED, Step.EXPIRED, Step.SEEN_EXPIRED, Step.ACCEPTED, Step.VANISHED),
    # Nobody had acknowledged these: an acknowledgement says that they live.
    _S.REJECTED: {
        **_ended(_S.REJECTED, Step.REJECTED, Step.SEEN_REJECTED, Step.PROVED_ABSENT, Step.DENIED),
        Step.ACCEPTED: _S.OPEN,
    },
    _S.DENIED: {
        **_ended(_S.DENIED, Step.DENIED, Step.REJECTED, Step.SEEN_REJECTED, Step.PROVED_ABSENT),
        Step.ACCEPTED: _S.OPEN,
    },
}  # fmt: skip
