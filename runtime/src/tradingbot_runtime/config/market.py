"""A market: where it is quoted, and where its price comes from."""

from pydantic import Field

from tradingbot_runtime.config.fields import MarketName, Symbol, VenueName
from tradingbot_runtime.config.spec import Spec

HEDGE = ".hedge"  # at the end of a hedge market's name; no name that people write has a dot


class VenueSymbol(Spec):
    venue: VenueName = Field(description="Name of a Venue in this namespace.")
    symbol: Symbol = Field(description="Symbol at that venue.")


class Market(Spec):
    """One instrument that is quoted, and where its price comes from."""

    name: MarketName = Field(description="Short name, unique within the bot.")
    reference: VenueSymbol = Field(
        description="Where the reference price comes from; strategy crossExchange hedges here."
    )
    execution: VenueSymbol = Field(description="Where the orders go.")
    cross_check: VenueSymbol | None = Field(
        default=None,
        description="A second source of the price, for comparison only: see risk.maxDivergenceBps. As stale as the "
        "others, it stops quotes as they do.",
    )

    @property
    def feeds(self) -> tuple[VenueSymbol, ...]:
        """Every market whose data this one needs."""
        return (self.reference, self.execution, *((self.cross_check,) if self.cross_check else ()))

    @property
    def hedge(self) -> "Market":
        """The market in which this one's fills are hedged, where the strategy does that: at its reference."""
        update = {"name": f"{self.name}{HEDGE}", "execution": self.reference, "cross_check": None}
        return self.model_copy(update=update)

    @property
    def pair(self) -> str:
        """The same for a market and the one that hedges it."""
        return self.name.removesuffix(HEDGE)

    @property
    def is_hedge(self) -> bool:
        return self.name.endswith(HEDGE)
