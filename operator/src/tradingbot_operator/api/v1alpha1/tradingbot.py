"""TradingBot: a strategy, the markets it trades and what it may lose."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tradingbot_operator.api.v1alpha1.resource import (
    Conditions,
    PrinterColumn,
    Resource,
    Status,
    Timestamp,
    Transition,
    map_by,
)
from tradingbot_runtime.config import OnBreach, TradingBotSpec
from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.fields import BotName

MAX_SLOTS = 50  # as spec.replicas
# The volume claims of a StatefulSet cannot be changed; one that is not there yet is made with what is written.
NO_STATEFUL_SET = "!has(oldSelf.status) || !has(oldSelf.status.updateRevision) || oldSelf.status.updateRevision == ''"
VOLUMES_STAY = "cannot be changed: the volumes were made with the bot, and stay as they are"
MAX_HALTS = 500  # a few for each slot
MAX_PENDING_MESSAGE = 512
REMOVED = "Removed"  # state of a slot that is no more; its volume and its Lease are kept

Count = Annotated[int, Field(ge=0)]
Hash = Annotated[str, Field(max_length=64)]
Code = Annotated[str, Field(max_length=64)]


class Phase(StrEnum):
    """One word for people and tables, derived from the conditions; programs read the conditions."""

    PENDING = "Pending"
    PROGRESSING = "Progressing"
    RUNNING = "Running"
    PAUSED = "Paused"
    HALTED = "Halted"
    DEGRADED = "Degraded"
    STOPPED = "Stopped"
    TERMINATING = "Terminating"
    INVALID = "Invalid"


class ConfigHash(Status):
    desired: Hash = Field(default="", description="Of the configuration that the spec asks for.")
    applied: Hash = Field(default="", description="Of the configuration that every slot acknowledged.")


class WithdrawalState(StrEnum):
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"  # the venue lists no order of the slot
    FAILED = "Failed"  # orders may be open


class Withdrawal(Status):
    job: Annotated[str, Field(max_length=63)] = Field(description="Name of the Job.")
    at: Timestamp = Field(description="When it was made.")
    state: WithdrawalState = Field(description="What has become of it.")


class SlotStatus(Status):
    ordinal: Annotated[int, Field(ge=0, le=MAX_SLOTS - 1)] = Field(description="Ordinal of the slot and of its pod.")
    pod: Annotated[str, Field(max_length=253)] = Field(default="", description="Name of the pod.")
    markets: Annotated[tuple[Annotated[str, Field(max_length=20)], ...], Field(max_length=50)] = Field(
        default=(), description="Names of the markets that the slot trades; none: the slot idles."
    )
    state: Code = Field(default="", description="What the runtime says it is doing; empty while it is not heard.")
    reason: Code = Field(default="", description="Reason code of that state.")
    config_hash: Hash = Field(default="", description="Configuration that the runtime acknowledged.")
    lease_uid: Annotated[str, Field(max_length=64)] = Field(
        default="", alias="leaseUID",
        description="UID of the slot's Lease. Once it is here the operator does not create that Lease again by itself: "
        "deleting the Lease stops the slot, and counts as a manual halt until that is resumed.",
    )  # fmt: skip
    bot_number: Annotated[str, Field(max_length=8)] = Field(
        default="", description="Marks the slot's orders at the venues: eight hexadecimal digits of their client ids."
    )
    withdrawal: Withdrawal | None = Field(
        default=None, description="Of the slot's orders, by a Job: nobody heard the slot, and its Lease had run out."
    )


class HaltStatus(Status):
    id: Annotated[str, Field(min_length=1, max_length=64)] = Field(description="Names this halt for the resume.")
    slot: Annotated[int, Field(ge=0, le=MAX_SLOTS - 1)] = Field(description="Ordinal of the slot that halted.")
    reason: Code = Field(description="Reason code.")
    at: Timestamp = Field(description="When trading stopped.")
    by: Annotated[str, Field(max_length=253)] = Field(default="", description="Who or what halted it.")
    value: Annotated[str, Field(max_length=64)] = Field(default="", description="What was measured.")
    limit: Annotated[str, Field(max_length=64)] = Field(default="", description="The limit it broke.")
    message: Annotated[str, Field(max_length=512)] = Field(default="", description="The reason in words.")
    policy: OnBreach = Field(default=OnBreach.CANCEL_ALL, description="What followed, as risk.onBreach.")
    confirmed: bool = Field(default=True, description="The slot's runtime has said that it holds this halt.")
    trading_halt: Annotated[str, Field(max_length=253)] = Field(
        default="", description="Name of the TradingHalt that laid it; empty: there was none."
    )
    trading_halt_uid: Annotated[str, Field(max_length=64)] = Field(
        default="", alias="tradingHaltUID", description="UID of that TradingHalt."
    )
    until_deleted: bool = Field(default=False, description="The deletion of that TradingHalt releases it.")


class AnsweredResume(Status):
    annotation: Hash = Field(description="Names the annotation tradingbot.dev/resume as it was read.")
    refused: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=MAX_HALTS)] = Field(
        default=(),
        description="Halts that it names and that it does not resume, also later: a TradingHalt held them. It counts "
        "for them when it is taken away and written anew.",
    )  # fmt: skip


class PendingChange(Status):
    change: ChangeClass = Field(alias="class", description="What the change takes: see the spec's fields.")
    slots: Annotated[tuple[Annotated[int, Field(ge=0, le=MAX_SLOTS - 1)], ...], Field(max_length=MAX_SLOTS)] = Field(
        default=(), description="Ordinals of the slots that it has not reached."
    )
    reason: Code = Field(description="Reason code of what it waits for.")
    message: Annotated[str, Field(max_length=MAX_PENDING_MESSAGE)] = Field(
        default="", description="The reason in words."
    )
    not_before: Timestamp | None = Field(
        default=None, description="It waits until then at least; absent where no time is known."
    )


class RolledBack(Status):
    generation: Count = Field(description="metadata.generation of the spec that was taken back.")
    inputs: Hash = Field(description="Names what was taken back: all of it that takes a restart, of Venues as well.")
    settings: Hash = Field(
        default="",
        description="Names what is edited for another try: all of the spec but replicas, desiredState and limits.",
    )  # fmt: skip
    at: Timestamp = Field(description="When.")
    message: Annotated[str, Field(max_length=MAX_PENDING_MESSAGE)] = Field(description="Why.")


class TradingBotStatus(Status):
    observed_generation: Count = Field(default=0, description="metadata.generation that this status is about.")
    phase: Phase = Field(default=Phase.PENDING, description="One word derived from the conditions.")
    conditions: Conditions = ()
    strategy: Code = Field(default="", description="Name of the strategy, as it is written in spec.strategy.")
    replicas: Count = Field(default=0, description="Pods that exist.")
    ready_replicas: Count = Field(default=0, description="Pods that are ready.")
    updated_replicas: Count = Field(default=0, description="Pods on the update revision.")
    selector: Annotated[str, Field(max_length=500)] = Field(
        default="", description="Label selector of the pods, as text, for the scale subresource."
    )
    config_hash: ConfigHash = Field(default=ConfigHash(), description="Configuration wanted and acknowledged.")
    pending_change: PendingChange | None = Field(
        default=None, description="A change of the spec, or of a Venue, that has not reached every slot."
    )
    rolled_back: RolledBack | None = Field(
        default=None, description="This spec was tried and taken back: what ran before it runs until it is edited."
    )
    current_revision: Annotated[str, Field(max_length=253)] = Field(
        default="", description="Pod template revision that is known to work."
    )
    update_revision: Annotated[str, Field(max_length=253)] = Field(
        default="", description="Pod template revision that is being rolled out."
    )
    slots: Annotated[tuple[SlotStatus, ...], Field(max_length=MAX_SLOTS)] = Field(
        default=(), description="The slots.", json_schema_extra=map_by("ordinal")
    )
    halts: Annotated[tuple[HaltStatus, ...], Field(max_length=MAX_HALTS)] = Field(
        default=(), description="Halts that hold until a person resumes them.", json_schema_extra=map_by("id")
    )
    answered_resume: AnsweredResume | None = Field(
        default=None, description="What has become of the annotation tradingbot.dev/resume; absent without one."
    )
    operator_version: Annotated[str, Field(max_length=64)] = Field(
        default="", description="Version of the operator that wrote this status."
    )


class TradingBot(Resource):
    """A strategy, the markets it trades, and what it may lose."""

    kind: ClassVar[str] = "TradingBot"
    transitions: ClassVar[tuple[Transition, ...]] = (
        Transition(
            # One that has no slot has never run: whatever is wrong with it may be put right.
            "!has(oldSelf.status) || !has(oldSelf.status.slots) || size(oldSelf.status.slots) == 0"
            " || self.spec.mode != 'Live' || oldSelf.spec.mode != 'Live' || oldSelf.spec.desiredState == 'Stopped'"
            " || self.spec.markets.all(m, !oldSelf.spec.markets.exists(o, o.name == m.name"
            " && (o.execution.venue != m.execution.venue || o.execution.symbol != m.execution.symbol)))",
            "the market of a running Live bot stays where it is, with its orders and its position: write the new one "
            "under another name, or set desiredState: Stopped first",
            field="spec.markets",
        ),
        Transition(
            f"{NO_STATEFUL_SET} || self.spec.storage.size == oldSelf.spec.storage.size",
            f"{VOLUMES_STAY}; to let them grow, edit the PersistentVolumeClaims, where their StorageClass allows it",
            field="spec.storage.size",
        ),
        Transition(
            f"{NO_STATEFUL_SET}"
            " || has(self.spec.storage.storageClassName) == has(oldSelf.spec.storage.storageClassName)"
            " && (!has(self.spec.storage.storageClassName)"
            " || self.spec.storage.storageClassName == oldSelf.spec.storage.storageClassName)",
            VOLUMES_STAY,
            field="spec.storage.storageClassName",
        ),
    )
    plural: ClassVar[str] = "tradingbots"
    name_type: ClassVar[Any] = BotName
    short_names: ClassVar[tuple[str, ...]] = ("tb",)
    scale: ClassVar[dict[str, str] | None] = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    columns: ClassVar[tuple[PrinterColumn, ...]] = (
        PrinterColumn("STATE", ".status.phase", "One word for the bot's conditions."),
        PrinterColumn("READY", ".status.readyReplicas", "Slots that are ready.", "integer"),
        PrinterColumn("MODE", ".spec.mode", "Paper or Live."),
        # From the status: a JSON path cannot print the name of the one field that is set in spec.strategy.
        PrinterColumn("STRATEGY", ".status.strategy", "Name of the strategy."),
        PrinterColumn("HALT", ".status.halts[0].reason", "Why trading is halted: the first of the halts."),
        PrinterColumn("AGE", ".metadata.creationTimestamp", "Time since creation.", "date"),
        PrinterColumn("CONFIG", ".status.configHash.applied", "Configuration acknowledged by all slots.", priority=1),
        PrinterColumn("REVISION", ".status.updateRevision", "Pod template revision.", priority=1),
    )

    spec: TradingBotSpec
    status: TradingBotStatus = TradingBotStatus()
