"""Which reasons each condition may have, and what each reason means: the source of docs/reference/conditions.md. Pure.

The words themselves are `conditions.ConditionType` and `conditions.Reason`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tradingbot_operator.api.v1alpha1 import ConditionStatus
from tradingbot_operator.core.conditions import ConditionType, Reason
from tradingbot_operator.core.gates import HELD_UP
from tradingbot_runtime.config.change import ChangeClass

T, R = ConditionType, Reason
Reasons = tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Of one condition: what True means, and the reasons by status."""

    means: str
    true: Reasons = ()
    false: Reasons = ()
    unknown: Reasons = ()

    def reasons(self, status: ConditionStatus) -> Reasons:
        """Unknown at first sight is every condition's."""
        by_status = {ConditionStatus.TRUE: self.true, ConditionStatus.FALSE: self.false,
                     ConditionStatus.UNKNOWN: (R.NOT_YET_OBSERVED, *self.unknown)}  # fmt: skip
        return by_status[status]


REFUSALS = (R.SPEC_INVALID, R.REFERENCE_NOT_FOUND, R.REFERENCE_INVALID, R.CREDENTIALS_MISSING, R.MARKET_TAKEN,
            R.ROLLED_BACK)  # fmt: skip
TROUBLES = (R.QUOTA_EXCEEDED, R.PODS_REFUSED, R.UNSCHEDULABLE, R.IMAGE_PULL_FAILED, R.CONTAINER_NOT_CREATED,
            R.START_REFUSED, R.CRASH_LOOPING)  # fmt: skip
UNWRITTEN = (R.WRITE_REFUSED, R.NAME_TAKEN, R.OPERATOR_ERROR)
HINDRANCES = (R.ORDER_LOST, R.CANNOT_QUOTE)
WAITS = (R.PROVISIONING, R.RUNTIME_UNREACHABLE, R.LEASE_NOT_HELD, R.ROLLOUT_IN_PROGRESS, R.PODS_NOT_READY, R.DRAINING,
         R.SCALING, R.SERVICE_ACCOUNT_REPLACED, R.DELETING)  # fmt: skip
FOR_A_PERSON = (*REFUSALS, R.HALT_REQUIRES_MANUAL_RESET, R.SERVICE_ACCOUNT_REPLACED, R.REJECTED_BY_RUNTIME, *TROUBLES,
                *HINDRANCES, R.PROGRESS_DEADLINE_EXCEEDED)  # fmt: skip
BREACHES = (R.RISK_BREACH_MAX_LOSS, R.RISK_BREACH_MAX_DRAWDOWN, R.RISK_BREACH_LOSS_RATE, R.RISK_BREACH_MAX_POSITION,
            R.RISK_BREACH_ORDER_RATE, R.RISK_BREACH_REJECT_RATE, R.RECONCILIATION_MISMATCH, R.CLOCK_SKEW,
            R.FEED_DIVERGENCE, R.JOURNAL_LOST)  # fmt: skip
KEYS_REFUSED = (R.UNAUTHORIZED, R.NO_SUCH_USER, R.NO_OPERATION_KEY, R.SIGNATURE_REFUSED)

BOT: Mapping[ConditionType, Words] = {
    T.READY: Words(
        "the bot is in the state that its spec asks for, and this generation is live",
        true=(R.TRADING, R.PAUSED_AS_REQUESTED, R.STOPPED_AS_REQUESTED),
        false=(*REFUSALS, *UNWRITTEN, R.HALTED, *TROUBLES, *WAITS, *HELD_UP, R.CONFIG_NOT_ACKNOWLEDGED,
               *HINDRANCES),
    ),
    T.RECONCILING: Words(
        "the operator is converging; False also while it waits for a person, or for a window",
        true=(*TROUBLES, *WAITS, R.CONFIG_RELOADING, *UNWRITTEN),
        false=(R.CONVERGED, *HELD_UP, *FOR_A_PERSON, *UNWRITTEN),
    ),
    T.STALLED: Words("nothing goes on without a person", true=(*FOR_A_PERSON, R.OPERATOR_ERROR),
                     false=(R.CONVERGED, R.PROGRESSING)),
    T.SPEC_ACCEPTED: Words(
        "this spec is the one that is carried out; False: the last valid one goes on", true=(R.VALID,), false=REFUSALS
    ),
    T.AVAILABLE: Words(
        "every slot runs, whatever its configuration", true=(R.MINIMUM_SLOTS_READY,), false=(R.SLOTS_UNAVAILABLE,)
    ),
    T.PROGRESSING: Words(
        "as of a Deployment: the current revision is rolled out, or on its way",
        true=(R.NEW_REVISION_AVAILABLE, R.SLOTS_UPDATING),
        false=(R.PROGRESS_DEADLINE_EXCEEDED, *HELD_UP, *REFUSALS),
    ),
    T.CONFIG_APPLIED: Words(
        "every slot runs the configuration of this spec, by its runtime's own word",
        true=(R.ALL_SLOTS_ACKNOWLEDGED,),
        false=(R.AWAITING_ACK, R.REJECTED_BY_RUNTIME, R.RESTART_REQUIRED, *REFUSALS),
        unknown=(R.NOT_REPORTED,),
    ),
    T.TRADING_ENABLED: Words(
        "the runtime may send new orders; the worst slot counts",
        true=(R.ENABLED, R.REDUCE_ONLY),
        false=(R.HALTED, R.FENCED, R.VENUE_LOCKED, R.DRAINING, R.STOPPED, R.WARMUP, R.NO_MARKETS, R.DELETING,
               *HINDRANCES),
        unknown=(R.NOT_REPORTED,),
    ),
    T.HALTED: Words(
        "trading was stopped, and stays so until a person resumes",
        true=(*BREACHES, *KEYS_REFUSED, R.MANUAL_HALT, R.GLOBAL_HALT, R.HALTED),
        false=(R.NOT_HALTED,),
        unknown=(R.NOT_REPORTED,),
    ),
    T.FENCED: Words(
        "a slot does not trade because it has no Lease",
        true=(R.LEASE_LOST,), false=(R.NOT_FENCED,), unknown=(R.NOT_REPORTED,),
    ),
    T.CREDENTIALS_VALID: Words(
        "the venues have taken this bot's credentials",
        true=(R.AUTHENTICATED, R.NOT_REQUIRED),
        false=(R.CREDENTIALS_MISSING, R.AUTH_FAILED),
        unknown=(R.NOT_REPORTED,),
    ),
    T.RECONCILIATION_PAUSED: Words(
        "a person has told the operator to leave the bot's objects as they are",
        true=(R.ANNOTATION,), false=(R.NOT_PAUSED, R.ANNOTATION_NOT_UNDERSTOOD),
    ),
    T.TEMPLATE_DRIFT: Words(
        "another version of the operator would make the pods otherwise; it changes none of them by itself",
        true=(R.OPERATOR_CHANGED,), false=(R.NO_DRIFT,),
    ),
    T.FLAT: Words(
        "no order is open, as the runtimes confirmed; positions do not count",
        true=(R.NO_OPEN_ORDERS,), false=(R.OPEN_ORDERS,), unknown=(R.NOT_REPORTED,),
    ),
}  # fmt: skip
VENUE: Mapping[ConditionType, Words] = {
    T.READY: Words(
        "bots may use it",
        true=(R.VALID,),
        false=(R.SPEC_INVALID, R.SECRET_NOT_FOUND, R.AUTH_FAILED, R.UNREACHABLE, R.IN_USE),
    ),
    T.SPEC_ACCEPTED: Words("the spec can be used", true=(R.VALID,), false=(R.SPEC_INVALID,)),
    T.CREDENTIALS_VALID: Words(
        "the venue has taken its credentials, as a slot reports",
        true=(R.AUTHENTICATED, R.NOT_REQUIRED),
        false=(R.SECRET_NOT_FOUND, R.AUTH_FAILED),
        unknown=(R.NOT_REPORTED,),
    ),
    T.REACHABLE: Words(
        "every slot that uses it has an answer",
        true=(R.ANSWERS,),
        false=(R.UNREACHABLE,),
        unknown=(R.NOT_REPORTED,),
    ),
}
TRADING_HALT: Mapping[ConditionType, Words] = {
    T.READY: Words(
        "it selects bots, and every one of them is halted",
        true=(R.HALTS_HOLD,),
        false=(R.AWAITING_SLOTS, R.NO_BOTS_SELECTED),
    ),
    T.RECONCILING: Words(
        "some slot has not confirmed yet",
        true=(R.AWAITING_SLOTS,),
        false=(R.CONVERGED, R.NO_BOTS_SELECTED),
    ),
}
KINDS: Mapping[str, Mapping[ConditionType, Words]] = {
    "TradingBot": BOT, "Venue": VENUE, "TradingHalt": TRADING_HALT,
}  # fmt: skip
# Of status.pendingChange. Whatever its class, it also waits while a person has the operator keep its hands off.
PENDING: Mapping[ChangeClass, Reasons] = {
    ChangeClass.HOT_RELOAD: (R.AWAITING_ACK, R.REJECTED_BY_RUNTIME, R.RUNTIME_UNREACHABLE, R.ANNOTATION),
    ChangeClass.SCALE: (R.SLOTS_UPDATING, R.DRAINING, R.SCALING, R.HALTED, R.ANNOTATION),
    ChangeClass.RESTART: (R.SLOTS_UPDATING, *HELD_UP, R.ANNOTATION),
}
EVENTS_ONLY = (R.DRAINED, R.DRAIN_TIMED_OUT, R.ABANDONED, R.CERTIFICATE_RENEWED, R.DEAD_MANS_SWITCH, R.HANDED_OVER,
               R.ORDERS_WITHDRAWN, R.WITHDRAWAL_FAILED, R.RECORD_UNREADABLE, R.RESUME_REFUSED, R.NO_SUCH_HALT,
               R.ABANDON_ANNOTATED)  # fmt: skip

MEANINGS: Mapping[Reason, str] = {
    R.NOT_YET_OBSERVED: "the operator has not looked at this yet",
    R.TRADING: "every slot with a market trades",
    R.PAUSED_AS_REQUESTED: "only orders that reduce the position, as `desiredState: Paused` asks",
    R.STOPPED_AS_REQUESTED: "no orders, as `desiredState: Stopped` or `replicas: 0` asks",
    R.WRITE_REFUSED: "the API server refuses an object of the bot: a quota, a policy, a webhook; the message names it",
    R.OPERATOR_ERROR: "a bug: the operator fails with this bot alone, and tries again; halts reach its pods (ADR 14)",
    R.NAME_TAKEN: "an object of somebody else has the name of one of the bot's: rename either; it is left as it is",
    R.PROVISIONING: "pods are on their way; Events of the pod say what is in theirs",
    R.QUOTA_EXCEEDED: "a ResourceQuota of the namespace has no room for the pod or its volume: the message names it",
    R.PODS_REFUSED: "the API server lets nobody make the pod as it is: a PriorityClass, a policy, a webhook",
    R.UNSCHEDULABLE: "no node takes the pod: look at its requests, its node selector and its volume",
    R.IMAGE_PULL_FAILED: "the image cannot be pulled: look at `spec.pod.image` and the registry's Secret",
    R.CONTAINER_NOT_CREATED: "the node cannot make the container: most often a Secret or ConfigMap is missing",
    R.START_REFUSED: "the runtime refuses its configuration, its credentials or its journal: the message says which",
    R.CRASH_LOOPING: "the runtime ends again and again: the message has its last words",
    R.PODS_NOT_READY: "the runtime runs and does not trade yet: the message says what it waits for",
    R.ROLLOUT_IN_PROGRESS: "slots are restarted one by one, each drained first",
    R.CONFIG_NOT_ACKNOWLEDGED: "a slot still runs an older configuration",
    R.RUNTIME_UNREACHABLE: "the pod runs, and its runtime does not answer; it trades on within its limits",
    R.LEASE_NOT_HELD: "a slot has no Lease: another pod has it, or the API server is not reached",
    R.SERVICE_ACCOUNT_REPLACED: "the bot's ServiceAccount was made anew: older pods' tokens are void, each is replaced",
    R.HALTED: "a halt holds: `Halted` says which; of `Halted`: a reason that this operator does not know",
    R.CANNOT_QUOTE: "a market has wanted quotes for seconds and has none, or cannot cancel some: the message says why",
    R.ORDER_LOST: "the fate of an order cannot be found out: look at the venue (docs/guides/orders.md)",
    R.CONVERGED: "all is as the spec asks",
    R.SCALING: "markets are on their way to another slot: released first, then taken",
    R.CONFIG_RELOADING: "a new configuration is pushed, and not acknowledged yet",
    R.DRAINING: "a slot withdraws its orders before it goes",
    R.DELETING: "the bot is being deleted: its orders are withdrawn first",
    R.PROGRESSING: "what Ready waits for may come by itself",
    R.PROGRESS_DEADLINE_EXCEEDED: "not within `spec.rollout.progressDeadline`: the message says what is waited for",
    R.HALT_REQUIRES_MANUAL_RESET: "halted, and a person has to decide (docs/guides/halts.md)",
    R.REJECTED_BY_RUNTIME: "the runtime refused the new configuration and keeps the old one",
    R.VALID: "the spec is carried out; warnings are in the message",
    R.SPEC_INVALID: "the spec cannot be used: the message names the field and what is allowed",
    R.REFERENCE_NOT_FOUND: "a Venue that the spec names is not there, or is being deleted",
    R.REFERENCE_INVALID: "a Venue that the spec names cannot be used: see its own conditions",
    R.CREDENTIALS_MISSING: "mode Live, and a Venue names no Secret, or the Secret is not there",
    R.ROLLED_BACK: "a slot with this spec did not get ready in time: what ran before it runs again, until it is edited",
    R.MARKET_TAKEN: "another bot trades this symbol of this account",
    R.MINIMUM_SLOTS_READY: "every slot is ready",
    R.SLOTS_UNAVAILABLE: "slots are not ready, or there is none because the spec is not accepted",
    R.NEW_REVISION_AVAILABLE: "every slot runs the current revision",
    R.SLOTS_UPDATING: "the current revision has not reached every slot: each in its turn",
    R.OUTSIDE_MAINTENANCE_WINDOW: "a restart waits for one of `spec.rollout.windows`: the message says which",
    R.BLACKOUT: "a restart waits for the end of one of `spec.rollout.blackouts`: the message says which",
    R.CANARY_RUNNING: "one slot runs the change, and the others wait for it (`spec.rollout.canary`)",
    R.NOT_FLAT: "a restart waits until the slot holds no position, as `spec.rollout.flatOnly` asks",
    R.ALL_SLOTS_ACKNOWLEDGED: "each slot has said that it runs what it should",
    R.AWAITING_ACK: "pushed, or about to be, and not acknowledged yet",
    R.RESTART_REQUIRED: "a field that takes effect at a start only: the slot waits for its restart",
    R.ENABLED: "new orders may be sent",
    R.REDUCE_ONLY: "only orders that reduce the position",
    R.STOPPED: "the runtime sends nothing, as its configuration says, or it ends",
    R.WARMUP: "before the start barrier, or asking the venue what became of the orders after a gap",
    R.FENCED: "the slot has no Lease",
    R.VENUE_LOCKED: "the venue takes no orders now; it is waited for",
    R.NO_MARKETS: "no slot has a market",
    R.NOT_HALTED: "no halt is in force",
    R.RISK_BREACH_MAX_LOSS: "`risk.maxDailyLoss`",
    R.RISK_BREACH_MAX_DRAWDOWN: "`risk.maxDrawdown`",
    R.RISK_BREACH_LOSS_RATE: "`risk.maxLossRate`",
    R.RISK_BREACH_MAX_POSITION: "`risk.maxPosition`, at the venue",
    R.RISK_BREACH_ORDER_RATE: "`risk.maxOrdersPerMinute`",
    R.RISK_BREACH_REJECT_RATE: "`risk.maxRejectsPerMinute`",
    R.RECONCILIATION_MISMATCH: "the account is not what was booked, for longer than `risk.haltAfter`",
    R.CLOCK_SKEW: "`risk.maxClockDrift`",
    R.FEED_DIVERGENCE: "`risk.maxDivergenceBps`, for longer than `risk.haltAfter`",
    R.JOURNAL_LOST: "the journal is gone or older than the trades, and the day could not be rebuilt",
    R.UNAUTHORIZED: "the venue does not take the API key, or not for trading: look at the Venue's Secret",
    R.NO_SUCH_USER: "DeltaDeFi does not know the account of the API key",
    R.NO_OPERATION_KEY: "the operation key cannot be had or opened: look at `tradingPassword` in the Venue's Secret",
    R.SIGNATURE_REFUSED: "DeltaDeFi refuses the operation key's signature",
    R.MANUAL_HALT: "by a person: the kill-switch file, the control stream, or a deleted Lease",
    R.GLOBAL_HALT: "by a TradingHalt",
    R.LEASE_LOST: "another pod holds the slot's Lease, somebody deleted it, or it could not be renewed in time",
    R.NOT_FENCED: "no slot has found its Lease gone; each looks every 30 s, as it renews",
    R.HALTS_HOLD: "every slot of every selected bot has confirmed",
    R.NO_BOTS_SELECTED: "its selector matches no bot of its namespace: nobody is halted by it",
    R.AWAITING_SLOTS: "some slot has not confirmed yet: the message names the bots",
    R.AUTHENTICATED: "the venue has taken the key",
    R.NOT_REQUIRED: "market data and mode Paper need no credentials",
    R.SECRET_NOT_FOUND: "the Secret that the Venue names is not there",
    R.AUTH_FAILED: "the venue refuses the key: the message has its answer; a new key is read from the Secret",
    R.ANNOTATION: "`tradingbot.dev/reconcile: disabled` on the bot: nothing is applied; halts and its deletion go on",
    R.ANNOTATION_NOT_UNDERSTOOD: "`tradingbot.dev/reconcile` has another value than `disabled`: it keeps nothing back",
    R.NOT_PAUSED: "the operator keeps the bot as its spec asks",
    R.OPERATOR_CHANGED: "the message says what differs; another `spec.restartNonce` takes it, as any restart does",
    R.NO_DRIFT: "the pods are as this operator makes them",
    R.ANSWERS: "the venue answers, and its streams are open",
    R.UNREACHABLE: "a slot has no answer from the venue, or a stream of it is not open: the message says which",
    R.IN_USE: "it is being deleted, and waits for the bots that the message names",
    R.NO_OPEN_ORDERS: "as every slot confirmed",
    R.OPEN_ORDERS: "orders are open, or may be at any moment",
    R.NOT_REPORTED: "a slot that would know does not answer",
    R.ABANDONED: "deleted at once, because a person said so: its orders may be open, look at the venue",
    R.DRAIN_TIMED_OUT: "deleted after the drain timeout without proof that no order is open: look at the venue",
    R.DRAINED: "no slot had an open order when the bot was let go",
    R.CERTIFICATE_RENEWED: "of the control stream",
    R.DEAD_MANS_SWITCH: "nobody hears a slot, and its Lease has run out: a Job withdraws its orders",
    R.RECORD_UNREADABLE: "a part of the bot's ConfigMap cannot be read: no slot gets what another one may still hold",
    R.HANDED_OVER: "a slot goes on with a market of another one: its position, its cost, the day's profit",
    R.ORDERS_WITHDRAWN: "that Job found no order of the slot at its venues any more",
    R.WITHDRAWAL_FAILED: "it gave up: orders may be open",
    R.ABANDON_ANNOTATED: "`tradingbot.dev/abandon=true` on a bot that nobody deletes: its deletion waits for nothing",
    R.RESUME_REFUSED: "the annotation names a halt that a TradingHalt still lays: it resumes nothing of it, also later",
    R.NO_SUCH_HALT: "the annotation names a halt that is not in force: `status.halts` has the ids",
}
