"""Venue: an account at an exchange, shared by bots."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from tradingbot_operator.api.v1alpha1.resource import Conditions, PrinterColumn, Resource, Status, Timestamp
from tradingbot_runtime.config import VenueSpec
from tradingbot_runtime.config.fields import VenueName

MAX_USERS = 50  # that a status names


UserName = Annotated[str, Field(max_length=63)]


class VenueStatus(Status):
    observed_generation: int = Field(default=0, ge=0, description="metadata.generation that this status is about.")
    conditions: Conditions = ()
    bots: int = Field(default=0, ge=0, description="TradingBots that name this Venue.")
    used_by: Annotated[tuple[UserName, ...], Field(max_length=MAX_USERS)] = Field(
        default=(), description=f"Their names, the first {MAX_USERS}."
    )
    credentials_since: Timestamp | None = Field(
        default=None,
        description="The oldest moment at which a slot began to use the credentials that it uses, which the venue has "
        "taken. Later than a change of the Secret: every slot that is heard uses the new ones.",
    )


class Venue(Resource):
    """An account at an exchange, shared by bots."""

    kind: ClassVar[str] = "Venue"
    plural: ClassVar[str] = "venues"
    name_type: ClassVar[Any] = VenueName
    short_names: ClassVar[tuple[str, ...]] = ("tbv",)
    columns: ClassVar[tuple[PrinterColumn, ...]] = (
        PrinterColumn("TYPE", ".spec.type", "Protocol of the venue."),
        PrinterColumn("ENVIRONMENT", ".spec.environment", "Simulated, Testnet or Production."),
        PrinterColumn("READY", ".status.conditions[?(@.type=='Ready')].status", "Whether bots may use it."),
        PrinterColumn("REACHABLE", ".status.conditions[?(@.type=='Reachable')].status", "As its bots report it."),
        PrinterColumn("BOTS", ".status.bots", "TradingBots that name this Venue.", "integer"),
        PrinterColumn("AGE", ".metadata.creationTimestamp", "Time since creation.", "date"),
    )

    spec: VenueSpec
    status: VenueStatus = VenueStatus()
