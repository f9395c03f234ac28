"""What one slot is told: the part of the bot that one pod trades, complete, in one document."""

import hashlib
import json
from collections.abc import Collection, Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Annotated

from pydantic import Field

from tradingbot_runtime.config.bot import DesiredState, Mode, OnStop, TradingBotSpec
from tradingbot_runtime.config.fields import BotName, Deadline
from tradingbot_runtime.config.legs import legs
from tradingbot_runtime.config.market import Market
from tradingbot_runtime.config.paper import Paper
from tradingbot_runtime.config.quantities import InputsSize, VolumeSize, quantity
from tradingbot_runtime.config.risk import LossRate, OnBreach, Risk
from tradingbot_runtime.config.spec import Spec
from tradingbot_runtime.config.strategy import Strategy
from tradingbot_runtime.config.venue import VenueSpec

_MILLI = Decimal("0.001")
_LEAST = Decimal("1e-12")
_LEAST_SHARE = Decimal("0.0001")

HALTS_MOST = 100  # of a slot, in its configuration: it stays halted as long as one of them holds
EPOCH_MOST = 65535

HaltId = Annotated[str, Field(min_length=1, max_length=64)]


class BotIdentity(Spec):
    namespace: str = Field(min_length=1, max_length=63, description="Namespace of the bot.")
    name: BotName = Field(description="Name of the bot.")
    uid: str = Field(min_length=1, max_length=64, description="UID of the resource; a recreated bot has another.")


class LeaseReference(Spec):
    """The slot's Lease: a start gate and a self-fence (`lease.py`)."""

    name: str = Field(min_length=1, max_length=63, description="Name of the Lease, in the bot's namespace.")
    duration_ns: Deadline = Field(
        default=120_000_000_000, alias="duration", description="The holder is fenced when it has not renewed for this."
    )
    renew_ns: Deadline = Field(default=30_000_000_000, alias="renew", description="How often the holder renews.")


class HaltLatch(Spec):
    """A halt that holds until a person resumes it; in here so that a fresh pod starts halted too."""

    id: HaltId = Field(description="Names this very halt.")
    reason: str = Field(min_length=1, max_length=64, description="Reason code.")
    policy: OnBreach = Field(default=OnBreach.CANCEL_ALL, description="What follows, as risk.onBreach.")


class ResumedHalt(Spec):
    """A halt that a person has released; it names one, so that an old approval never releases a new halt."""

    id: HaltId = Field(description="The halt.")
    by: str = Field(min_length=1, max_length=253, description="Who released it.")


class CarriedMarket(Spec):
    """What another slot has closed, for the one that goes on with it: taken over once."""

    id: Annotated[str, Field(min_length=1, max_length=64)] = Field(description="Names the closing statement.")
    market: str = Field(min_length=1, max_length=63, description="Name of the market.")
    instrument: str = Field(min_length=1, max_length=320, description="Venue and symbol of its orders.")
    paper: bool = Field(default=False, description="Whether its orders never left the process.")
    summary: str = Field(default="", max_length=512, description="Of the account, for people.")
    account: str = Field(default="", max_length=8192, description="As the other slot wrote it.")
    missing: str = Field(
        default="", max_length=512, description="Why there is no account: the slot halts for a person to look."
    )


class SlotConfig(Spec):
    bot: BotIdentity = Field(description="Whose slot this is.")
    slot: Annotated[int, Field(ge=0, le=255)] = Field(description="Ordinal of the pod.")
    desired_state: DesiredState = Field(description="As in the bot.")
    mode: Mode = Field(description="As in the bot.")
    paper: Paper = Field(default=Paper(), description="As in the bot.")
    strategy: Strategy = Field(description="As in the bot.")
    markets: list[Market] = Field(description="The markets of this slot; none: the slot idles.")
    venues: dict[str, VenueSpec] = Field(
        description="The venues of these markets, by name; rates are this slot's share."
    )
    risk: Risk = Field(description="Limits of this slot: its share of the bot's.")
    on_stop: OnStop = Field(description="As in the bot.")
    epoch: Annotated[int, Field(ge=0, le=EPOCH_MOST)] = Field(
        default=0, description="The runtime's epoch is greater than this and than its journal's."
    )
    generation: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Rises with every change; the newer of mount and journal is started from. 0: the mount."
    )
    lease: LeaseReference | None = Field(
        default=None, description="None without a cluster: the journal's lock stands in."
    )
    inputs: InputsSize = Field(default="256Mi", description="As `storage.inputs` in the bot.")
    history: VolumeSize = Field(default="512Mi", description="As `storage.history` in the bot.")
    halts: Annotated[list[HaltLatch], Field(max_length=HALTS_MOST)] = Field(default=[], description="Halts that hold.")
    resumed: Annotated[list[ResumedHalt], Field(max_length=HALTS_MOST)] = Field(
        default=[], description="Halts that a person has released, of this configuration or of the slot's journal."
    )
    # None and not empty: a runtime from before reads what it can take.
    carried: Annotated[list[CarriedMarket], Field(max_length=200)] | None = Field(
        default=None, description="Accounts of markets that came from other slots."
    )

    @property
    def legs(self) -> tuple[Market, ...]:
        """The markets in which the slot has orders, those in which it hedges among them."""
        return legs(self.strategy, self.markets)

    @property
    def history_bytes(self) -> int:
        return int(quantity(self.history))

    @property
    def inputs_bytes(self) -> int:
        return int(quantity(self.inputs))

    def document(self) -> str:
        """The canonical text: equal configurations have equal texts."""
        return _canonical(self.model_dump(mode="json", by_alias=True, exclude_none=True))

    def config_hash(self) -> str:
        """Sixteen hex digits that name what is configured, in status, metrics and acknowledgements.

        Epoch and generation are about the slot's lives: a restart or a rewritten ConfigMap configures nothing anew.
        The bot's uid tells whose it is; without a cluster it is another one at each start.
        """
        content = self.model_dump(
            mode="json",
            by_alias=True,
            exclude_none=True,
            exclude={"epoch": True, "generation": True, "bot": {"uid": True}},
        )
        return hashlib.sha256(_canonical(content).encode()).hexdigest()[:16]


def _canonical(content: object) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def slot_config(
    identity: BotIdentity,
    spec: TradingBotSpec,
    venues: Mapping[str, VenueSpec],
    slots: Mapping[int, Collection[str]],
    slot: int,
) -> SlotConfig:
    """The configuration of `slot`, where `slots` names the markets of every slot of the bot.

    Rates and the loss limit are divided by the number of slots that trade, because they hold for the account and
    for the bot; position and order limits hold per market, and a market has one slot.
    Raises KeyError when a market names a venue that is not in `venues`.
    """
    trading = sum(1 for names in slots.values() if names) or 1
    markets = [market for market in spec.markets if market.name in slots.get(slot, ())]
    used = {v.venue for m in markets for v in m.feeds}
    return SlotConfig(
        bot=identity,
        slot=slot,
        desired_state=spec.desired_state,
        mode=spec.mode,
        paper=spec.paper,
        strategy=spec.strategy,
        markets=markets,
        venues={name: _share_of_rate(_heard(venues[name]), trading) for name in sorted(used)},
        risk=_share_of_risk(spec.risk, trading),
        on_stop=spec.on_stop,
        inputs=spec.storage.inputs,
        history=spec.storage.history,
    )


def _heard(venue: VenueSpec) -> VenueSpec:
    """Without what is told to people, and to no slot."""
    return venue.model_copy(update={"credentials_expire": None})


def _share_of_rate(venue: VenueSpec, trading: int) -> VenueSpec:
    if trading == 1:
        return venue
    limit = venue.rate_limit
    rate = max((limit.orders_per_second / trading).quantize(_MILLI, ROUND_DOWN), Decimal("0.01"))
    share = limit.model_copy(update={"orders_per_second": rate, "burst": max(limit.burst // trading, 1)})
    return venue.model_copy(update={"rate_limit": share})


def _share_of_risk(risk: Risk, trading: int) -> Risk:
    """Every limit that holds for the bot, by the number of its slots that trade."""
    if trading == 1:
        return risk

    def share(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else max((amount / trading).quantize(_LEAST, ROUND_DOWN), _LEAST)

    rate, drawdown = risk.max_loss_rate, risk.max_drawdown
    return risk.model_copy(
        update={
            "max_daily_loss": share(risk.max_daily_loss),
            "max_base_exposure": share(risk.max_base_exposure),
            "max_gross": share(risk.max_gross),
            "max_drawdown": drawdown and max((drawdown / trading).quantize(_LEAST, ROUND_DOWN), _LEAST_SHARE),
            "max_loss_rate": rate and LossRate(loss=share(rate.loss) or _LEAST, within_ns=rate.within_ns),
        }
    )
