"""What a bot does: exactly one strategy, chosen by the field's name."""

from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.alias_generators import to_camel

from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.cross_exchange import CrossExchange
from tradingbot_runtime.config.depth_models import AvellanedaStoikov, Glft
from tradingbot_runtime.config.grid import Grid
from tradingbot_runtime.config.market_making import MarketMaking
from tradingbot_runtime.config.quoting import Quoting
from tradingbot_runtime.config.spec import Rule, Spec

_FIELDS = ("market_making", "avellaneda_stoikov", "glft", "grid", "cross_exchange")
_NAMES = tuple(map(to_camel, _FIELDS))


class Strategy(Spec):
    """Exactly one field is set; its name is the strategy."""

    market_making: MarketMaking | None = Field(default=None, description="Quote both sides around a reference.")
    avellaneda_stoikov: AvellanedaStoikov | None = Field(
        default=None, description="Quote by the model of Avellaneda and Stoikov."
    )
    glft: Glft | None = Field(default=None, description="Quote by the model of Gueant, Lehalle and Fernandez-Tapia.")
    grid: Grid | None = Field(default=None, description="Buy and sell at fixed levels between two prices.")
    # With or without it, other markets have orders in them.
    cross_exchange: Annotated[CrossExchange | None, ChangeClass.RESTART] = Field(
        default=None, description="Quote at the cost of the hedge, and hedge each fill at the reference."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"[{', '.join(f'has(self.{name})' for name in _NAMES)}].filter(there, there).size() == 1",
            f"exactly one strategy is required; allowed: {', '.join(_NAMES)}",
            lambda s: len(s.written()) == 1,
            missing=True,
        ),
    )

    def written(self) -> dict[str, Quoting]:
        """The strategies that are set, by the name in the manifest."""
        return {to_camel(field): value for field in _FIELDS if (value := getattr(self, field)) is not None}

    @property
    def name(self) -> str:
        """The strategy's name as it is written in the manifest."""
        return next(iter(self.written()))

    @property
    def quoting(self) -> Quoting:
        """The one strategy."""
        return next(iter(self.written().values()))
