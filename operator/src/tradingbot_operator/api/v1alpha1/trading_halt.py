"""TradingHalt: a kill switch for every bot that it selects, with rights of its own."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.config import JsonDict

from tradingbot_operator.api.v1alpha1.resource import Conditions, PrinterColumn, Resource, Status
from tradingbot_runtime.config.fields import TradingHaltName
from tradingbot_runtime.config.spec import Rule, Spec

# Who may stop bots may not for that resume them.
IMMUTABLE: JsonDict = {
    "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "cannot be changed: make a second TradingHalt"}]
}
LabelKey = Annotated[str, Field(min_length=1, max_length=317)]
LabelValue = Annotated[str, Field(max_length=63)]


class SelectorOperator(StrEnum):
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class SelectorRequirement(Spec):
    key: LabelKey = Field(description="Label key.")
    operator: SelectorOperator = Field(description="In, NotIn, Exists or DoesNotExist.")
    values: Annotated[list[LabelValue], Field(max_length=50)] = Field(
        default=[], description="For In and NotIn: the values."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(self.operator in ['In', 'NotIn']) == (size(self.values) > 0)",
            "In and NotIn need values, Exists and DoesNotExist have none",
            lambda s: (s.operator in {SelectorOperator.IN, SelectorOperator.NOT_IN}) == bool(s.values),
            field="values",
        ),
    )


class LabelSelector(Spec):
    """As metav1.LabelSelector: all of it has to hold."""

    match_labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=50)] = Field(
        default={}, description="Labels that a bot must have, with these values."
    )
    match_expressions: Annotated[list[SelectorRequirement], Field(max_length=50)] = Field(
        default=[], description="What must hold of a bot's labels."
    )


class OnDelete(StrEnum):
    KEEP = "Keep"  # the bots stay halted until a person resumes each
    RESUME = "Resume"


class TradingHaltSpec(Spec):
    selector: LabelSelector = Field(
        default=LabelSelector(),
        description="Bots of this namespace that it halts, later ones included; empty: all.",
    )
    reason: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="Why, in a person's words; it is in every bot's status."
    )
    flatten: bool = Field(
        default=False, description="Also close the positions, in small steps.", json_schema_extra=IMMUTABLE
    )
    on_delete: OnDelete = Field(
        default=OnDelete.KEEP,
        description="What its deletion does. Keep: nothing, a person resumes each bot. Resume: the halts "
        "that it laid are released. Cannot be changed: to patch it and delete would be to resume.",
        json_schema_extra=IMMUTABLE,
    )


class TradingHaltStatus(Status):
    observed_generation: int = Field(default=0, ge=0, description="metadata.generation that this status is about.")
    conditions: Conditions = ()
    bots: int = Field(default=0, ge=0, description="TradingBots that it selects.")
    halted: int = Field(default=0, ge=0, description="Of these, the bots whose every slot holds the halt.")


class TradingHalt(Resource):
    """Halts every bot of its namespace that it selects, later ones included, until a person resumes."""

    kind: ClassVar[str] = "TradingHalt"
    plural: ClassVar[str] = "tradinghalts"
    name_type: ClassVar[Any] = TradingHaltName
    short_names: ClassVar[tuple[str, ...]] = ("tbh",)
    columns: ClassVar[tuple[PrinterColumn, ...]] = (
        PrinterColumn("REASON", ".spec.reason", "Why."),
        PrinterColumn("BOTS", ".status.bots", "TradingBots that it selects.", "integer"),
        PrinterColumn("HALTED", ".status.halted", "Bots whose every slot holds the halt.", "integer"),
        PrinterColumn("AGE", ".metadata.creationTimestamp", "Time since creation.", "date"),
    )

    spec: TradingHaltSpec
    status: TradingHaltStatus = TradingHaltStatus()
