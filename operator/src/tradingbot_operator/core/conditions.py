"""The vocabulary of conditions and reasons, declared once, and how an observation is merged into a status."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tradingbot_operator.api.v1alpha1 import Condition, ConditionStatus

MAX_MESSAGE = 1024


class ConditionType(StrEnum):
    READY = "Ready"  # the bot is in the state its spec asks for, and this generation is live
    RECONCILING = "Reconciling"  # kstatus: the operator is converging
    STALLED = "Stalled"  # kstatus: no progress without a person
    SPEC_ACCEPTED = "SpecAccepted"
    AVAILABLE = "Available"  # every slot runs, whatever its configuration
    PROGRESSING = "Progressing"  # as of a Deployment: the current revision is out, or on its way
    CONFIG_APPLIED = "ConfigApplied"  # every slot runs what it should, by its own word
    TRADING_ENABLED = "TradingEnabled"  # the runtime may send new orders
    HALTED = "Halted"  # abnormal: trading was stopped, and stays so until a person resumes
    FENCED = "Fenced"  # abnormal: a slot does not trade because it has no Lease
    CREDENTIALS_VALID = "CredentialsValid"  # the venues take them, as the slots report
    REACHABLE = "Reachable"  # of a Venue alone
    RECONCILIATION_PAUSED = "ReconciliationPaused"  # abnormal: a person has told the operator to apply nothing
    TEMPLATE_DRIFT = "TemplateDrift"  # abnormal: this operator would make the pods otherwise, and does not
    FLAT = "Flat"  # no open orders, as the runtime confirmed; positions do not count


OF_A_VENUE = frozenset({ConditionType.REACHABLE})  # the others are a bot's as well


class Reason(StrEnum):
    NOT_YET_OBSERVED = "NotYetObserved"
    # Ready
    TRADING = "Trading"
    PAUSED_AS_REQUESTED = "PausedAsRequested"
    STOPPED_AS_REQUESTED = "StoppedAsRequested"
    WRITE_REFUSED = "WriteRefused"  # by the API server: an object of the bot cannot be made, or changed
    OPERATOR_ERROR = "OperatorError"  # a bug of the operator's that this object brings out; also Reconciling, Stalled
    NAME_TAKEN = "NameTaken"  # somebody else's object has the name of one of the bot's
    PROVISIONING = "Provisioning"
    QUOTA_EXCEEDED = "QuotaExceeded"
    PODS_REFUSED = "PodsRefused"  # by admission, to the StatefulSet's controller
    UNSCHEDULABLE = "Unschedulable"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    CONTAINER_NOT_CREATED = "ContainerNotCreated"
    START_REFUSED = "StartRefused"  # by the runtime: a configuration, credentials or a journal that it cannot use
    CRASH_LOOPING = "CrashLooping"
    PODS_NOT_READY = "PodsNotReady"
    ROLLOUT_IN_PROGRESS = "RolloutInProgress"
    CONFIG_NOT_ACKNOWLEDGED = "ConfigNotAcknowledged"
    RUNTIME_UNREACHABLE = "RuntimeUnreachable"
    LEASE_NOT_HELD = "LeaseNotHeld"
    SERVICE_ACCOUNT_REPLACED = "ServiceAccountReplaced"  # the pod's token is void; also Stalled, if nobody can ask it
    HALTED = "Halted"  # also Halted, for a reason that this operator does not know
    CANNOT_QUOTE = "CannotQuote"  # a market has no quotes, or cannot withdraw them; also in TradingEnabled, Stalled
    ORDER_LOST = "OrderLost"  # the fate of an order cannot be found out: its market only reduces; as CannotQuote
    # Reconciling: CONVERGED, else why the bot is not Ready
    CONVERGED = "Converged"
    SCALING = "Scaling"
    CONFIG_RELOADING = "ConfigReloading"
    DRAINING = "Draining"
    DELETING = "Deleting"
    # Stalled
    PROGRESSING = "Progressing"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    HALT_REQUIRES_MANUAL_RESET = "HaltRequiresManualReset"
    REJECTED_BY_RUNTIME = "RejectedByRuntime"  # also ConfigApplied
    # SpecAccepted
    VALID = "Valid"
    SPEC_INVALID = "SpecInvalid"
    REFERENCE_NOT_FOUND = "ReferenceNotFound"
    REFERENCE_INVALID = "ReferenceInvalid"
    CREDENTIALS_MISSING = "CredentialsMissing"
    MARKET_TAKEN = "MarketTaken"
    ROLLED_BACK = "RolledBack"  # it was tried, and what ran before it runs again
    # Available
    MINIMUM_SLOTS_READY = "MinimumSlotsReady"
    SLOTS_UNAVAILABLE = "SlotsUnavailable"
    # Progressing; PROGRESS_DEADLINE_EXCEEDED as well
    NEW_REVISION_AVAILABLE = "NewRevisionAvailable"
    SLOTS_UPDATING = "SlotsUpdating"
    OUTSIDE_MAINTENANCE_WINDOW = "OutsideMaintenanceWindow"  # also of Ready and Reconciling, as the next two
    BLACKOUT = "Blackout"
    NOT_FLAT = "NotFlat"
    CANARY_RUNNING = "CanaryRunning"
    # ConfigApplied
    ALL_SLOTS_ACKNOWLEDGED = "AllSlotsAcknowledged"
    AWAITING_ACK = "AwaitingAck"
    RESTART_REQUIRED = "RestartRequired"
    # Fenced
    LEASE_LOST = "LeaseLost"
    NOT_FENCED = "NotFenced"
    # TradingEnabled
    ENABLED = "Enabled"
    REDUCE_ONLY = "ReduceOnly"
    STOPPED = "Stopped"
    WARMUP = "Warmup"
    FENCED = "Fenced"
    VENUE_LOCKED = "VenueLocked"
    NO_MARKETS = "NoMarkets"
    # Halted: why, as the runtime says it
    NOT_HALTED = "NotHalted"
    RISK_BREACH_MAX_LOSS = "RiskBreachMaxLoss"
    RISK_BREACH_MAX_DRAWDOWN = "RiskBreachMaxDrawdown"
    RISK_BREACH_LOSS_RATE = "RiskBreachLossRate"
    RISK_BREACH_MAX_POSITION = "RiskBreachMaxPosition"
    RISK_BREACH_ORDER_RATE = "RiskBreachOrderRate"
    RISK_BREACH_REJECT_RATE = "RiskBreachRejectRate"
    RECONCILIATION_MISMATCH = "ReconciliationMismatch"
    CLOCK_SKEW = "ClockSkew"
    FEED_DIVERGENCE = "FeedDivergence"
    JOURNAL_LOST = "JournalLost"
    UNAUTHORIZED = "Unauthorized"  # this one and the next three: by the venue
    NO_SUCH_USER = "NoSuchUser"
    NO_OPERATION_KEY = "NoOperationKey"
    SIGNATURE_REFUSED = "SignatureRefused"
    MANUAL_HALT = "ManualHalt"
    GLOBAL_HALT = "GlobalHalt"  # by a TradingHalt
    # Ready of a TradingHalt
    HALTS_HOLD = "HaltsHold"
    NO_BOTS_SELECTED = "NoBotsSelected"
    AWAITING_SLOTS = "AwaitingSlots"
    # CredentialsValid
    AUTHENTICATED = "Authenticated"
    NOT_REQUIRED = "NotRequired"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a word, no secret
    AUTH_FAILED = "AuthFailed"
    # ReconciliationPaused
    ANNOTATION = "Annotation"
    NOT_PAUSED = "NotPaused"
    ANNOTATION_NOT_UNDERSTOOD = "AnnotationNotUnderstood"
    # TemplateDrift
    OPERATOR_CHANGED = "OperatorChanged"
    NO_DRIFT = "NoDrift"
    # Reachable
    ANSWERS = "Answers"
    UNREACHABLE = "Unreachable"
    # Ready of a Venue that is being deleted
    IN_USE = "InUse"
    # Flat
    NO_OPEN_ORDERS = "NoOpenOrders"
    OPEN_ORDERS = "OpenOrders"
    NOT_REPORTED = "NotReported"
    # Events only
    DRAIN_TIMED_OUT = "DrainTimedOut"
    ABANDONED = "Abandoned"
    DRAINED = "Drained"
    CERTIFICATE_RENEWED = "CertificateRenewed"
    DEAD_MANS_SWITCH = "DeadMansSwitch"  # a slot is lost: a Job withdraws its orders
    ORDERS_WITHDRAWN = "OrdersWithdrawn"
    HANDED_OVER = "HandedOver"
    ABANDON_ANNOTATED = "AbandonAnnotated"  # a bot that nobody deletes: its deletion would wait for nothing
    RESUME_REFUSED = "ResumeRefused"  # a TradingHalt still lays what the annotation names
    NO_SUCH_HALT = "NoSuchHalt"  # the annotation names a halt that is not in force
    RECORD_UNREADABLE = "RecordUnreadable"
    WITHDRAWAL_FAILED = "WithdrawalFailed"


@dataclass(frozen=True, slots=True)
class Observation:
    """A condition before it has a time."""

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    message: str = ""


def yes(kind: ConditionType, reason: Reason, message: str = "") -> Observation:
    return Observation(kind, ConditionStatus.TRUE, reason, message)


def no(kind: ConditionType, reason: Reason, message: str = "") -> Observation:
    return Observation(kind, ConditionStatus.FALSE, reason, message)


def unknown(kind: ConditionType, reason: Reason, message: str = "") -> Observation:
    return Observation(kind, ConditionStatus.UNKNOWN, reason, message)


def merge(
    old: Iterable[Condition], observations: Iterable[Observation], generation: int, now: str
) -> tuple[Condition, ...]:
    """`observations` as conditions, sorted by type; a condition's time moves only when its status does."""
    before = {condition.type: condition for condition in old}
    return tuple(_condition(o, before.get(o.type), generation, now) for o in sorted(observations, key=_type))


def complete(observations: Iterable[Observation]) -> tuple[Observation, ...]:
    """Every type of a bot is there from the first write on; what nobody observed is Unknown."""
    seen = {observation.type: observation for observation in observations}
    missing = "the operator has not looked at this yet"
    return tuple(seen.get(kind, unknown(kind, Reason.NOT_YET_OBSERVED, missing)) for kind in ConditionType
                 if kind not in OF_A_VENUE)  # fmt: skip


def _type(observation: Observation) -> str:
    return observation.type


def _condition(new: Observation, old: Condition | None, generation: int, now: str) -> Condition:
    return Condition(
        type=new.type,
        status=new.status,
        observed_generation=generation,
        last_transition_time=old.last_transition_time if old and old.status == new.status else now,
        reason=new.reason,
        message=new.message[:MAX_MESSAGE],
    )
