"""What Kubernetes needs to know of a bot's pods. The runtime ignores it; it is part of the same manifest."""

from typing import Annotated, Literal

from pydantic import Field

from tradingbot_runtime.config.spec import Spec

QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$"
LABEL = r"^([a-z0-9A-Z][-a-z0-9A-Z_.]*/)?[a-z0-9A-Z]([-a-z0-9A-Z_.]*[a-z0-9A-Z])?$"

Quantity = Annotated[str, Field(pattern=QUANTITY, max_length=20, examples=["100m", "64Mi"])]
LabelValue = Annotated[str, Field(max_length=63)]


class Storage(Spec):
    size: Quantity = Field(default="1Gi", description="Size of each slot's volume.")
    storage_class_name: Annotated[str, Field(min_length=1, max_length=253)] | None = Field(
        default=None, description="StorageClass; the cluster's default where absent."
    )


class ResourceList(Spec):
    cpu: Quantity | None = Field(default=None, description="CPU, e.g. 100m.")
    memory: Quantity | None = Field(default=None, description="Memory, e.g. 128Mi.")


class Resources(Spec):
    requests: ResourceList = Field(
        default=ResourceList(cpu="50m", memory="96Mi"), description="What the scheduler sets aside."
    )
    limits: ResourceList = Field(default=ResourceList(memory="192Mi"), description="What the pod may use at most.")


class Toleration(Spec):
    key: Annotated[str, Field(max_length=316)] | None = Field(default=None, description="Taint's key.")
    operator: Literal["Exists", "Equal"] = Field(default="Equal", description="Exists or Equal.")
    value: LabelValue | None = Field(default=None, description="Taint's value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect that is tolerated; all where absent."
    )
    toleration_seconds: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="How long a NoExecute taint is tolerated, in seconds."
    )


class Pod(Spec):
    image: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        default=None, description="Runtime image; the operator's own version where absent."
    )
    resources: Resources = Field(default=Resources(), description="CPU and memory.")
    node_selector: dict[Annotated[str, Field(max_length=317)], LabelValue] = Field(
        default={}, max_length=20, description="Labels that the node must have."
    )
    tolerations: Annotated[list[Toleration], Field(max_length=20)] = Field(
        default=[], description="Taints that the pods tolerate."
    )
    priority_class_name: Annotated[str, Field(min_length=1, max_length=253)] | None = Field(
        default=None, description="PriorityClass of the pods."
    )
