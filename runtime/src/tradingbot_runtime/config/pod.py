"""What Kubernetes needs to know of a bot's pods. The runtime ignores it; it is part of the same manifest."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.fields import Image, NameRule, ObjectName, matches
from tradingbot_runtime.config.quantities import Cpu, InputsSize, Memory, VolumeSize, quantity
from tradingbot_runtime.config.spec import Rule, Spec

# Qualified names and label values as Kubernetes has them (k8s.io/apimachinery/pkg/util/validation).
KEY_PATTERN = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
KEY_WORDS = "a label key such as example.com/pool"
LabelKey = Annotated[str, NameRule(KEY_PATTERN, 317, KEY_WORDS)]
LabelValue = Annotated[
    str, NameRule(r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", 63, "a label value: letters, digits, '-', '_', '.'")
]
# Not every variable: what a pod's environment could change otherwise has a field of its own, or is nobody's to change.
TRACING_PATTERN = r"^OTEL_[A-Z0-9_]{1,58}$"
TRACING_WORDS = "a variable of OpenTelemetry such as OTEL_EXPORTER_OTLP_ENDPOINT"
VariableValue = Annotated[str, NameRule(r"^[ -~]+$", 512, "text of printable ASCII characters")]


class Storage(Spec):
    size: VolumeSize = Field(default="1Gi", description="Size of each slot's volume.")
    inputs: Annotated[InputsSize, ChangeClass.HOT_RELOAD] = Field(
        default="256Mi",
        description="Most that each slot's recorded inputs take of it; the oldest are dropped, and all of them before"
        " the journal lacks room. 0 records nothing.",
    )
    history: Annotated[VolumeSize, ChangeClass.HOT_RELOAD] = Field(
        default="512Mi",
        description="Most that each slot's journal takes of it, and at most half of the volume; the oldest decisions"
        " and reports are dropped, fills and their orders, halts and configurations stay.",
    )
    storage_class_name: ObjectName | None = Field(
        default=None, description="StorageClass; the cluster's default where absent."
    )


class ResourceList(Spec):
    cpu: Cpu | None = Field(default=None, description="CPU, e.g. 100m.")
    memory: Memory | None = Field(default=None, description="Memory, e.g. 128Mi.")


def _within_limit(resource: str) -> Rule:
    """The API server would refuse the pods, long after it accepted the bot."""

    def holds(resources: "Resources") -> bool:
        request, limit = getattr(resources.requests, resource), getattr(resources.limits, resource)
        return request is None or limit is None or quantity(request) <= quantity(limit)

    return Rule(
        f"!has(self.requests.{resource}) || !has(self.limits.{resource})"
        f" || !isQuantity(self.requests.{resource}) || !isQuantity(self.limits.{resource})"
        f" || quantity(self.requests.{resource}).compareTo(quantity(self.limits.{resource})) <= 0",
        f"must not exceed limits.{resource}",
        holds,
        field=f"requests.{resource}",
    )


class Resources(Spec):
    requests: ResourceList = Field(
        default=ResourceList(cpu="50m", memory="96Mi"), description="What the scheduler sets aside."
    )
    limits: ResourceList = Field(default=ResourceList(memory="192Mi"), description="What the pod may use at most.")

    rules: ClassVar[tuple[Rule, ...]] = (_within_limit("cpu"), _within_limit("memory"))


class Toleration(Spec):
    key: LabelKey | None = Field(default=None, description="Taint's key; all taints where absent.")
    operator: Literal["Exists", "Equal"] = Field(default="Equal", description="Exists or Equal.")
    value: LabelValue | None = Field(default=None, description="Taint's value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect that is tolerated; all where absent."
    )
    toleration_seconds: Annotated[int, Field(strict=True, ge=0, le=86_400)] | None = Field(
        default=None, description="How long a NoExecute taint is tolerated, in seconds."
    )

    # As Kubernetes checks a pod's tolerations, which it would do long after it accepted the bot.
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.key) || self.operator == 'Exists'",
            "must be Exists where there is no key",
            lambda t: t.key is not None or t.operator == "Exists",
            field="operator",
        ),
        Rule(
            "self.operator != 'Exists' || !has(self.value)",
            "must not be there when operator is Exists",
            lambda t: t.operator != "Exists" or t.value is None,
            field="value",
        ),
        Rule(
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "is for effect NoExecute only",
            lambda t: t.toleration_seconds is None or t.effect == "NoExecute",
            field="tolerationSeconds",
        ),
    )


class Pod(Spec):
    image: Image | None = Field(default=None, description="Runtime image; the operator's own version where absent.")
    resources: Resources = Field(default=Resources(), description="CPU and memory.")
    node_selector: dict[str, LabelValue] = Field(
        default={}, max_length=20, description="Labels that the node must have."
    )
    tolerations: Annotated[list[Toleration], Field(max_length=20)] = Field(
        default=[], description="Taints that the pods tolerate."
    )
    priority_class_name: ObjectName | None = Field(default=None, description="PriorityClass of the pods.")
    open_telemetry: dict[str, VariableValue] = Field(
        default={},
        max_length=20,
        description="Variables of OpenTelemetry in the pods, for traces (docs/guides/monitoring.md); nothing secret.",
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"self.nodeSelector.all(key, {matches(KEY_PATTERN, 'key')})",
            f"each key must be {KEY_WORDS}",
            lambda p: all(re.fullmatch(KEY_PATTERN, key) for key in p.node_selector),
            field="nodeSelector",
        ),
        Rule(
            f"self.openTelemetry.all(key, {matches(TRACING_PATTERN, 'key')})",
            f"each key must be {TRACING_WORDS}",
            lambda p: all(re.fullmatch(TRACING_PATTERN, key) for key in p.open_telemetry),
            field="openTelemetry",
        ),
        Rule(
            "self.openTelemetry.all(key, !key.endsWith('_HEADERS'))",
            "must not have headers, which may be secret: a collector of yours adds them",
            lambda p: not any(key.endswith("_HEADERS") for key in p.open_telemetry),
            field="openTelemetry",
        ),
    )
