"""A Venue: an account at an exchange, shared by bots."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.alias_generators import to_snake
from pydantic.config import JsonDict

from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.fields import NameRule, ObjectName, PerSecond, Reserve
from tradingbot_runtime.config.spec import Rule, Spec

# No user and password: an address is readable by everybody who may read the Venue.
PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
HOST_AND_PATH = rf"://([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(:{PORT})?(/[A-Za-z0-9._~/\-]*)?$"
UrlHttp = Annotated[
    str, NameRule("^https?" + HOST_AND_PATH, 253, "an address like http://host:9000, without user, password or query")
]
UrlWebsocket = Annotated[
    str, NameRule("^wss?" + HOST_AND_PATH, 253, "an address like ws://host:9000/path, without user, password or query")
]
Expiry = Annotated[
    str, NameRule("^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", 10, "a day like 2027-01-31, in UTC")
]
IMMUTABLE: JsonDict = {
    "x-kubernetes-validations": [
        {"rule": "self == oldSelf", "message": "cannot be changed: an account stays where it is; make a new Venue"}
    ]
}


class Environment(StrEnum):
    """Where orders go. Written by a person, never guessed from a URL."""

    SIMULATED = "Simulated"
    TESTNET = "Testnet"
    PRODUCTION = "Production"


class VenueType(StrEnum):
    """The protocol that the venue speaks."""

    BINANCE = "Binance"
    DELTADEFI = "DeltaDeFi"


class OrderEntry(StrEnum):
    """The way by which orders go to the venue."""

    WEB_SOCKET = "WebSocket"
    REST = "Rest"


class SecretReference(Spec):
    name: ObjectName = Field(
        description="Name of a Secret in the same namespace. Keys: `apiKey`, and for Binance `secretKey` (HMAC) or "
        "`privateKey` (Ed25519, PEM), for DeltaDeFi `tradingPassword` (opens the account's operation key).",
    )


class Endpoints(Spec):
    """Addresses used in place of the venue's own; in Production encrypted ones only (https://, wss://)."""

    rest: UrlHttp = Field(description="REST API, without a path.",
                      examples=["http://simulator:9000"])  # fmt: skip
    stream: UrlWebsocket = Field(description="Streams: market data; for DeltaDeFi the account's as well.",
                        examples=["ws://simulator:9000/stream"])  # fmt: skip
    websocket_api: UrlWebsocket | None = Field(
        default=None, description="Websocket API for orders; Binance only, and required there.",
        examples=["ws://simulator:9000/ws-api/v3"])  # fmt: skip


class RateLimit(Spec):
    """Messages that the account may send; shared by all slots that trade on it."""

    orders_per_second: PerSecond = Field(
        default=Decimal(5),
        description="Calls for orders a second, over all slots. Binance: a message places or cancels. DeltaDeFi: "
        "placing takes two calls (build, submit), a cancel one; the venue publishes no limit, and the rate is "
        "lowered by itself while it refuses for it.",
    )
    burst: int = Field(default=5, strict=True, ge=1, le=1000, description="Messages that may be sent at once.")
    cancel_reserve: Reserve = Field(default=Decimal("0.3"), description="Share of the burst that only cancels may use.")


def _encrypted(endpoint: str, scheme: str) -> Rule:
    """In Production: whoever reads what is sent there has the key, and whoever changes it, the orders."""

    def holds(venue: "VenueSpec") -> bool:
        written = getattr(venue.endpoints, to_snake(endpoint), None)
        return venue.environment is not Environment.PRODUCTION or written is None or written.startswith(scheme)

    there = f"!has(self.endpoints) || !has(self.endpoints.{endpoint})"
    return Rule(
        f"self.environment != 'Production' || {there} || self.endpoints.{endpoint}.startsWith('{scheme}')",
        f"must begin with {scheme} when environment is Production: keys and orders travel there",
        holds,
        field=f"endpoints.{endpoint}",
    )


class VenueSpec(Spec):
    environment: Annotated[Environment, ChangeClass.RECREATE] = Field(
        description="Where orders go. Required, immutable, never guessed from a URL.", json_schema_extra=IMMUTABLE
    )
    type: Annotated[VenueType, ChangeClass.RECREATE] = Field(
        description="Protocol of the venue.", json_schema_extra=IMMUTABLE
    )
    credentials_secret_ref: Annotated[SecretReference | None, ChangeClass.RESTART] = Field(
        default=None,
        description="Credentials of the account; needed by bots in mode Live, and for DeltaDeFi's market data.",
    )
    credentials_expire: Annotated[Expiry | None, ChangeClass.IGNORE] = Field(
        default=None,
        description="The day on which the credentials end, as the venue says when they are made. Nothing stops by it: "
        "an alert tells two weeks before. To be written anew with each rotation.",
        examples=["2027-01-31"],
    )
    endpoints: Annotated[Endpoints | None, ChangeClass.RESTART] = Field(
        default=None,
        description="Addresses in place of the venue's own; required when Simulated. In Production they begin with "
        "`https://` and `wss://`; a simulator, and a test account behind a proxy of one's own, may do without.",
    )
    rate_limit: Annotated[RateLimit, ChangeClass.HOT_RELOAD] = Field(
        default=RateLimit(), description="Messages that the account may send."
    )
    order_entry: Annotated[OrderEntry | None, ChangeClass.RESTART] = Field(
        default=None,
        description="By which way orders and cancels are sent; Binance only. `WebSocket` (meant when absent): over "
        "the connection that reports come by, the fastest; `Rest`: each by a request of its own, for where a proxy "
        "or a rule of the network allows no orders over websockets. Reports come over the websocket API either way, "
        "and without them no order is sent; cancels go over REST whenever that connection is away.",
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.environment != 'Simulated' || has(self.endpoints)",
            "required when environment is Simulated: a simulator has no well-known address",
            lambda v: v.environment is not Environment.SIMULATED or v.endpoints is not None,
            field="endpoints",
            missing=True,
        ),
        Rule(
            "self.type != 'Binance' || !has(self.endpoints) || has(self.endpoints.websocketApi)",
            "required when type is Binance: orders go there",
            lambda v: v.type is not VenueType.BINANCE or v.endpoints is None or v.endpoints.websocket_api is not None,
            field="endpoints.websocketApi",
            missing=True,
        ),
        Rule(
            "self.type != 'DeltaDeFi' || !has(self.endpoints) || !has(self.endpoints.websocketApi)",
            "must not be there when type is DeltaDeFi: it takes orders over REST",
            lambda v: v.type is not VenueType.DELTADEFI or v.endpoints is None or v.endpoints.websocket_api is None,
            field="endpoints.websocketApi",
        ),
        Rule(
            "self.type == 'Binance' || !has(self.orderEntry)",
            "must not be there unless type is Binance: other venues have one way",
            lambda v: v.type is VenueType.BINANCE or v.order_entry is None,
            field="orderEntry",
        ),
        _encrypted("rest", "https://"),
        _encrypted("stream", "wss://"),
        _encrypted("websocketApi", "wss://"),
    )
