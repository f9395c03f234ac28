"""What the kinds have in common: their names, their shape, and the conditions in their status."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from tradingbot_operator.api.v1alpha1.metadata import ObjectMeta

GROUP = "tradingbot.dev"
VERSION = "v1alpha1"

# Times stay text: the operator compares and passes them on, and the pure modules know no clock.
Timestamp = Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"})]


def map_by(key: str) -> JsonDict:
    """A list whose items server-side apply merges by `key`."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


class Status(BaseModel):
    """A part of a status. An older operator passes over what a newer one wrote."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Status):
    """An observation; shape and bounds of metav1.Condition (k8s.io/apimachinery/pkg/apis/meta/v1/types.go)."""

    type: str = Field(min_length=1, max_length=316, description="What is observed, e.g. Ready.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    observed_generation: int = Field(ge=0, description="metadata.generation that the observation is about.")
    last_transition_time: Timestamp = Field(description="When `status` last changed.")
    reason: str = Field(
        min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description="CamelCase reason code.",
    )  # fmt: skip
    message: str = Field(max_length=32768, description="The reason in words, with the names that matter.")


Conditions = Annotated[
    tuple[Condition, ...],
    Field(max_length=32, description="Observations of the operator.", json_schema_extra=map_by("type")),
]


@dataclass(frozen=True, slots=True)
class PrinterColumn:
    """A column of `kubectl get`; priority 1 shows with `-o wide` only."""

    name: str
    path: str
    description: str
    type: str = "string"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Transition:
    """A rule over what an object was and what it becomes: the API server's alone, for nobody else knows what it was."""

    cel: str
    message: str
    field: str

    def validation(self) -> dict[str, str]:
        return {"rule": self.cel, "message": self.message, "fieldPath": f".{self.field}"}


class Resource(BaseModel):
    """A custom resource; subclasses add `spec` and `status`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: ClassVar[str]
    plural: ClassVar[str]
    name_type: ClassVar[Any]  # what metadata.name may be
    short_names: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[PrinterColumn, ...]]
    scale: ClassVar[dict[str, str] | None] = None
    transitions: ClassVar[tuple[Transition, ...]] = ()

    metadata: ObjectMeta

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return (self.metadata.namespace, self.metadata.name)

    def owner_reference(self) -> dict[str, Any]:
        """What a child carries to be collected with this resource."""
        return {
            "apiVersion": f"{GROUP}/{VERSION}", "kind": self.kind, "name": self.metadata.name,
            "uid": self.metadata.uid, "controller": True, "blockOwnerDeletion": True,
        }  # fmt: skip
