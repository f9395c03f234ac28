"""The schema of charts/tradingbot's values: the models of the specs, as they are."""

from pydantic import Field
from values import Name, Part, Words

from tradingbot_runtime.config import TradingBotSpec, VenueSpec


class BotValues(Part):
    """All of them."""

    name: str = Field("", description="The bot's name; empty: the release's.")
    autoscaled: bool = Field(default=False, description="Somebody else owns spec.replicas: it is not rendered.")
    labels: Words = Field({}, description="Of the bot and its Venues.")
    annotations: Words = Field({}, description="Of the bot and its Venues.")
    venues: dict[Name, VenueSpec] = Field({}, description="Venues that the release brings, by name.")
    spec: TradingBotSpec = Field(description="Of the TradingBot.")
    global_: Words = Field({}, alias="global", description="Of a chart that this one is part of; not read.")
