"""The part of Kubernetes' object metadata that the operator reads."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class ObjectMeta(BaseModel):
    """Read only: the API server writes it, and adds fields that are passed over here."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    name: str
    namespace: str
    uid: str
    resource_version: str = ""
    generation: int = Field(default=1, ge=0)
    creation_timestamp: str = Field(default="", description="RFC 3339, whole seconds.")
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()

    @property
    def deleting(self) -> bool:
        return self.deletion_timestamp is not None
