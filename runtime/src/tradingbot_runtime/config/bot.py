"""A TradingBot: what it trades, how, and what it may lose."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.alias_generators import to_camel

from tradingbot_runtime.config.change import ChangeClass
from tradingbot_runtime.config.legs import legs
from tradingbot_runtime.config.market import Market
from tradingbot_runtime.config.paper import Paper
from tradingbot_runtime.config.pod import Pod, Storage
from tradingbot_runtime.config.risk import Risk
from tradingbot_runtime.config.rollout import Rollout
from tradingbot_runtime.config.spec import Rule, Spec, unique
from tradingbot_runtime.config.strategy import Strategy


class DesiredState(StrEnum):
    RUNNING = "Running"
    PAUSED = "Paused"  # reduce-only
    STOPPED = "Stopped"


class Mode(StrEnum):
    """Paper fills orders inside the runtime against the venue's real market data; Live sends them to the venue."""

    PAPER = "Paper"
    LIVE = "Live"


class OnStop(StrEnum):
    """By command, that is: the end of a process always cancels, and never sells."""

    CANCEL_ALL = "CancelAll"
    LEAVE = "Leave"  # open orders stay
    FLATTEN = "Flatten"  # as CancelAll, and then the position is closed in small steps


def _demanded_when_live(limit: str, name: str = "") -> Rule:
    name = name or to_camel(limit)
    return Rule(
        f"self.mode != 'Live' || has(self.risk.{name})",
        f"mode Live demands every limit: write {name}, a forgotten one must not mean none",
        lambda s: s.mode is not Mode.LIVE or getattr(s.risk, limit) is not None,
        field=f"risk.{name}",
        missing=True,
        ratchets=True,
    )


class TradingBotSpec(Spec):
    desired_state: Annotated[DesiredState, ChangeClass.HOT_RELOAD] = Field(
        default=DesiredState.RUNNING, description="Running, Paused (only orders that reduce the position) or Stopped."
    )
    mode: Annotated[Mode, ChangeClass.RESTART] = Field(
        default=Mode.PAPER, description="Paper or Live. Live demands every risk limit."
    )
    paper: Annotated[Paper, ChangeClass.RESTART] = Field(default=Paper(), description="How orders fill in mode Paper.")
    replicas: Annotated[int, ChangeClass.SCALE] = Field(
        default=1, strict=True, ge=0, le=50, description="Slots; the markets are spread over them."
    )
    strategy: Annotated[Strategy, ChangeClass.HOT_RELOAD] = Field(description="Exactly one strategy.")
    markets: Annotated[list[Market], Field(min_length=1, max_length=50), ChangeClass.RESTART] = Field(
        description="What is traded.", json_schema_extra={"x-kubernetes-list-type": "map",
                                                          "x-kubernetes-list-map-keys": ["name"]},
    )  # fmt: skip
    risk: Annotated[Risk, ChangeClass.HOT_RELOAD] = Field(
        default=Risk(), description="Limits that no order may exceed."
    )
    on_stop: Annotated[OnStop, ChangeClass.HOT_RELOAD] = Field(
        default=OnStop.CANCEL_ALL,
        description="What a stop or a deletion by command does: CancelAll withdraws the orders; Leave lets them stay; "
        "Flatten withdraws them and then closes the position in small steps, as far as maxSlippageBps allows. The end "
        "of a process (eviction, restart) always cancels and never sells.",
    )
    restart_nonce: Annotated[int, ChangeClass.RESTART] = Field(
        default=0, strict=True, ge=0, le=2**31 - 1,
        description="Another number restarts the pods, one slot after the other; they are then made as today's "
        "operator makes them.",
    )  # fmt: skip
    rollout: Annotated[Rollout, ChangeClass.IGNORE] = Field(
        default=Rollout(), description="How changes are rolled out."
    )
    storage: Annotated[Storage, ChangeClass.RECREATE] = Field(
        default=Storage(),
        description="Volume of the journal, one per slot. It stays when the bot is deleted or scaled down; delete its "
        "PersistentVolumeClaims by the label tradingbot.dev/bot.",
    )
    pod: Annotated[Pod, ChangeClass.RESTART] = Field(default=Pod(), description="Where and how the pods run.")

    rules: ClassVar[tuple[Rule, ...]] = (
        _demanded_when_live("max_position"),
        _demanded_when_live("max_order"),
        _demanded_when_live("max_open_orders"),
        _demanded_when_live("max_daily_loss"),
        _demanded_when_live("max_distance_bps"),
        _demanded_when_live("max_drawdown"),
        _demanded_when_live("max_orders_per_minute"),
        _demanded_when_live("max_rejects_per_minute"),
        _demanded_when_live("max_clock_drift_ns", "maxClockDrift"),
        unique(
            lambda s: [f"{m.execution.venue}/{m.execution.symbol}" for m in s.markets],
            "a symbol of a venue may be in the execution of one market only",
            cel="self.markets.all(m, self.markets.exists_one(n, n.execution.venue == m.execution.venue"
            " && n.execution.symbol == m.execution.symbol))",
            field="markets",
        ),
        unique(
            lambda s: [str(leg.execution) for leg in s.legs] if s.strategy.cross_exchange else [],
            "crossExchange hedges at the reference: a symbol of a venue may be in one reference or execution only",
            cel="!has(self.strategy.crossExchange) || self.markets.all(m, self.markets.exists_one(n,"
            " n.reference.venue == m.reference.venue && n.reference.symbol == m.reference.symbol)"
            " && !self.markets.exists(n,"
            " n.execution.venue == m.reference.venue && n.execution.symbol == m.reference.symbol))",
            field="markets",
        ),
        unique(
            lambda s: [m.name for m in s.markets],
            "each name may be used by one market only",
            cel=None,  # the API server enforces unique keys of a `map` list by itself
            field="markets",
        ),
    )

    @property
    def legs(self) -> tuple[Market, ...]:
        """The markets in which it has orders, those in which it hedges among them."""
        return legs(self.strategy, self.markets)

    def venue_names(self) -> frozenset[str]:
        return frozenset(v.venue for m in self.markets for v in m.feeds)
