"""What one reconciliation looks at: everything that a decision may depend on, read before it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tradingbot_operator.api.v1alpha1 import ObjectMeta, TradingBotStatus
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.gates import Closed
from tradingbot_runtime.config import TradingBotSpec, VenueSpec
from tradingbot_runtime.model.control import ConfigAnswered, SlotReport
from tradingbot_runtime.model.events import TradingState

Manifest = dict[str, Any]  # a Kubernetes object as the API server spells it

# No order is sent in these, so an open-order count of zero stays zero.
QUIET = frozenset({TradingState.DRAINED, TradingState.HALTED, TradingState.STOPPED, TradingState.FENCED})


@dataclass(frozen=True, slots=True)
class Installation:
    """How this operator is installed: the same for every bot."""

    runtime_image: str
    control_port: int
    http_port: int
    operator_version: str
    namespace: str = "tradingbot-system"  # the operator's own
    drain_timeout_s: float = 60.0
    lost_grace_s: float = 2.0  # a control stream that comes back within this was never away
    start_grace_s: float = 10.0  # after a change of leader the streams need this long to come up


@dataclass(frozen=True, slots=True)
class Bot:
    """A TradingBot as it was read; `spec` is None when it cannot be used, and `problems` says why."""

    metadata: ObjectMeta
    status: TradingBotStatus
    spec: TradingBotSpec | None
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace

    @property
    def paused(self) -> bool:
        """A person wants its objects left as they are."""
        return self._reconciles == names.DISABLED

    @property
    def unpaused_by(self) -> str:
        """What somebody has written to that end, perhaps, and that does not do it."""
        return "" if self._reconciles in names.RECONCILES else self.metadata.annotations[names.RECONCILE]

    @property
    def _reconciles(self) -> str:
        return self.metadata.annotations.get(names.RECONCILE, "").strip().lower()

    @property
    def abandoned(self) -> bool:
        """A person wants it deleted, and sees to what it has left in the market."""
        return self.metadata.annotations.get(names.ABANDON) == "true"


def owned_by(child: Manifest, bot: Bot) -> bool:
    """Whether `child` is this very bot's, and not one of a deleted bot of the same name."""
    return any(owner.get("uid") == bot.metadata.uid for owner in child["metadata"].get("ownerReferences") or ())


@dataclass(frozen=True, slots=True)
class Stream:
    """What the control stream to one pod has brought, and what was sent over it."""

    report: SlotReport | None = None  # the latest one of this pod, also after the connection was lost
    connected: bool = False  # the connection is up and a report came over it
    lost_for_s: float = 0.0  # since it was heard last, or since the first attempt at a connection
    untried: bool = False  # that first attempt has not ended yet: of a thousand most have to wait for their turn
    answer: ConfigAnswered | None = None
    sent_hash: str = ""  # of the last Configure on this connection
    draining_for_s: float | None = None  # since the Drain was asked for; None: it was not
    drain_reason: str = ""
    reported_since_drain: bool = False
    halt_times: Mapping[str, str] = field(default_factory=dict)  # halt id -> RFC 3339
    trouble: str = ""  # why the latest attempt at a connection failed, with the pod's address
    halts_ordered: frozenset[str] = frozenset()  # ids that were sent over this connection
    resumes_ordered: frozenset[str] = frozenset()

    @property
    def ready(self) -> bool:
        """As the runtime says; kubelet's probe comes up to a second later."""
        return self.connected and self.report is not None and self.report.ready

    @property
    def open_orders(self) -> int:
        return sum(market.open_orders for market in self.report.markets) if self.report else 0

    @property
    def drained(self) -> bool:
        """The runtime has said, after the Drain, that it is quiet and that it left nothing behind unasked."""
        if self.report is None or not self.reported_since_drain:
            return False
        # With `onStop: Leave` the state alone counts: orders stay in the market because somebody wants that.
        return self.report.state is TradingState.DRAINED or (self.report.state in QUIET and not self.open_orders)


def essence(report: SlotReport) -> tuple[object, ...]:
    """What a decision depends on; positions and, while it trades, open orders change all the time."""
    left = [market.market for market in report.markets if market.open_orders] if report.state in QUIET else []
    told = [(market.market, market.reason, market.message, market.live_orders_left) for market in report.markets]
    return (
        report.state,
        report.reason,
        report.message,
        report.ready,
        report.config_hash,
        report.halts,
        report.resumed,
        report.account_uid,
        report.draining,
        report.never_traded,
        report.venues,
        report.closed,
        left,
        told,
    )


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a pod does not get to the point where its runtime can speak for itself."""

    reason: Reason
    message: str
    hopeless: bool = False  # it stays so until a person changes something


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of the bot."""

    name: str
    uid: str
    ordinal: int
    started: bool  # its container has run: there may be orders
    ready: bool
    revision: str
    restart_hash: str
    created: str = ""  # RFC 3339, UTC
    age_s: float = 0.0
    terminating: bool = False
    stream: Stream = Stream()
    inputs: str = ""  # names the settings that its template was made for
    bot_uid: str = ""  # whose pod it is; empty where it does not say
    trouble: Trouble | None = None
    ended_untraded: bool = False  # no process runs, and the last one proved that the slot has never sent an order

    @property
    def unheard(self) -> str:
        """Its name as one that does not answer, and why where that is known."""
        return f"{self.name} ({self.stream.trouble})" if self.stream.trouble else self.name

    def is_yet_to_be_tried(self, led_for_s: float) -> bool:
        """Whether it was there before this leader, who has not got round to it: nobody knows anything of it yet."""
        return self.started and self.stream.untried and self.age_s > led_for_s


@dataclass(frozen=True, slots=True)
class Rival:
    """Another bot of the namespace: what it holds (accepted) and what it asks for, by account."""

    name: str
    created: str
    uid: str
    holds: frozenset[str]
    wants: frozenset[str]


@dataclass(frozen=True, slots=True)
class StopOrder:
    """A TradingHalt, for one bot of its namespace. It is there as long as nobody has deleted it."""

    name: str
    uid: str
    reason: str
    flatten: bool
    until_deleted: bool
    selected: bool  # this bot


@dataclass(frozen=True, slots=True)
class Silence:
    """The Lease of a slot that nobody hears."""

    holder: str  # empty: it was given back, or never taken
    renewal: str  # names this state of it
    duration_s: float
    unrenewed_for_s: float  # it has been seen so


@dataclass(frozen=True, slots=True)
class Observed:
    """The cluster as it is, for one bot."""

    now: str  # RFC 3339, UTC
    venues: Mapping[str, VenueSpec | None] = field(default_factory=dict)  # None: there, but not usable
    going_venues: frozenset[str] = frozenset()  # that are being deleted, and that the bot does not trade at yet
    missing_secrets: frozenset[str] = frozenset()
    accounts: Mapping[str, str] = field(default_factory=dict)  # Venue -> the one that stands for its account
    rivals: tuple[Rival, ...] = ()
    claimed: frozenset[str] = frozenset()  # instruments that are the bot's, as far as this operator remembers
    children: Mapping[tuple[str, str], Manifest] = field(default_factory=dict)  # (kind, name) -> as stored
    pods: tuple[Pod, ...] = ()
    pods_refused: Trouble | None = None  # why the StatefulSet has fewer pods than it wants
    stop_orders: tuple[StopOrder, ...] = ()  # every TradingHalt of the namespace
    leases: Mapping[int, str | None] = field(default_factory=dict)  # uid by slot; of those that say they have none
    leases_never_held: frozenset[int] = frozenset()  # slots; of those alone that were asked for
    silences: Mapping[int, Silence] = field(default_factory=dict)  # by slot
    jobs: Mapping[int, Manifest | None] = field(default_factory=dict)  # by slot: that withdraws its orders
    former: tuple[str, ...] = ()  # what is left of a deleted bot of the same name: waited for, never touched
    closed: Closed | None = None  # why the calendar lets no restart begin now
    schedule_problems: tuple[str, ...] = ()  # of the windows in the bot's spec
    since_start_s: float = 1e9  # since this operator became the leader
    deleting_for_s: float = 0.0
    reconciling_for_s: float = 0.0  # since the condition Reconciling last changed

    @property
    def standing(self) -> frozenset[str]:
        """UIDs of the TradingHalts that are there and select the bot."""
        return frozenset(order.uid for order in self.stop_orders if order.selected)

    def child(self, kind: str, name: str) -> Manifest | None:
        return self.children.get((kind, name))
