"""The alerts, each declared once: what it asks Prometheus, how long it must hold, and what a person does first.

Of these `alert_rules.py` writes the rules and their reference. Labels: of a slot's series `namespace`, `bot` and `pod`,
as manifests/monitoring/pod-monitors.yaml gives them; of what the operator says of a bot `namespace` and `bot`, too, and
of what it says of itself `namespace`, its own. None has the operator's pod: it changes, and what holds goes on.
"""

from dataclasses import dataclass
from enum import StrEnum

from told import VENUES, told

SLOT, BOT = "{{ $labels.namespace }}/{{ $labels.pod }}", "{{ $labels.namespace }}/{{ $labels.bot }}"
MARKET = f"{SLOT}, market {{{{ $labels.market }}}}"
LEADS = 'leader_election_master_status{name="tradingbot-operator"}'
LEADERS = f"sum by (namespace) ({LEADS})"  # an installation is the namespace of its operator's pods
FORBIDDEN = 'rest_client_requests_total{code="403"}'
RUNTIMES_HALT = 'max by (namespace, bot) (tradingbot_halts_held or tradingbot_state{state="Halted"}) > 0'
REASONS = (  # of the halts: a label would make another alert of each, and another one when a second halt joins in
    "{{ range $at, $halt := query (printf `group by (reason) (tradingbot_halts_held{namespace='%s', bot='%s'} > 0 or "
    "tradingbot_halted{namespace='%s', bot='%s'} > 0)` $labels.namespace $labels.bot $labels.namespace $labels.bot) "
    "| sortByLabel `reason` }}{{ if $at }}, {{ end }}{{ $halt.Labels.reason }}{{ end }}"
)
# Quotes on both sides within so many basis points of the reference, for such a share of the time.
OBJECTIVE, WITHIN_BPS = 0.95, 100
FAST, SLOW = (f"{burn * (1 - OBJECTIVE):.2f}" for burn in (14.4, 6.0))


class Severity(StrEnum):
    CRITICAL = "critical"  # money may be lost now: wake somebody
    WARNING = "warning"  # somebody looks at it today


@dataclass(frozen=True, slots=True)
class Alert:
    """`first`: what the person who is woken does first, as Markdown."""

    name: str
    severity: Severity
    expr: str
    summary: str
    first: str
    lasts: str = "0s"


@dataclass(frozen=True, slots=True)
class Record:
    """What a group's alerts ask by a shorter name."""

    name: str
    expr: str


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    title: str
    alerts: tuple[Alert, ...]
    records: tuple[Record, ...] = ()


C, W = Severity.CRITICAL, Severity.WARNING

TRADING = Group("tradingbot-trading", "Trading", (
    # By the runtimes' own word or by the operator's: either may be away.
    Alert("TradingBotHalted", C, f"{RUNTIMES_HALT} or {told('tradingbot_halted')} > 0",
          f"{BOT} is halted: {REASONS}",
          "`kubectl describe tradingbot NAME` says what was measured and what the limit is. The orders are cancelled; "
          "the position is held. [halts.md](../guides/halts.md) has each reason, and how to resume."),
    Alert("TradingBotSlotFenced", C, 'tradingbot_state{state="Fenced"} == 1 or tradingbot_lease_valid_seconds == 0',
          f"{SLOT} does not trade: its Lease is not its own",
          "The slot sends nothing until it holds its Lease again. Look at the API server's health and at "
          "`kubectl get leases`; somebody else may hold it. [scaling.md](../guides/scaling.md).", "30s"),
    Alert("TradingBotVenueUnreachable", C, "tradingbot_venue_reachable == 0",
          f"{SLOT} does not reach venue {{{{ $labels.venue }}}}",
          "Orders may be resting there that nobody can cancel. `kubectl describe venue NAME` has the venue's words. "
          "Look at its status page, and whether the other bots reach it.", "30s"),
    Alert("TradingBotVenueLocked", W, "tradingbot_venue_locked == 1",
          f"Venue {{{{ $labels.venue }}}} of {SLOT} takes nothing for five minutes now",
          "By its own word: maintenance, a trading lock, or a ban for too many messages "
          "([messages.md](../guides/messages.md)). Nothing can be cancelled meanwhile.", "5m"),
    Alert("TradingBotFeedStale", W, "max by (namespace, bot, pod, feed) (tradingbot_feed_age_seconds) > 15",
          f"What {SLOT} knows by feed {{{{ $labels.feed }}}} is {{{{ $value | humanizeDuration }}}} old",
          "Its quotes were withdrawn when the data was older than `staleAfter`. Silent, or late "
          "(`tradingbot_feed_late_seconds`)? Is the venue quiet, or the network broken? `tradingbot_reconnects_total` "
          "and the log's `FeedLost` say.", "30s"),
    Alert("TradingBotOrderUnknown", C, "tradingbot_unknown_order_age_seconds > 30",
          f"An order of {MARKET} is of unknown fate for {{{{ $value | humanizeDuration }}}}",
          "It counts at full size in every limit, and is asked about until it is known; after two minutes its market "
          "only reduces. [orders.md](../guides/orders.md)."),
    Alert("TradingBotAccountMismatch", C, "tradingbot_account_mismatch_seconds > 10",
          f"The account of {MARKET} differs from what was booked",
          "Nothing new is sent, and after `haltAfter` it halts. `kubectl describe tradingbot NAME` names asset and "
          "amount. Did somebody trade, deposit or withdraw? [orders.md](../guides/orders.md)."),
    Alert("TradingBotLossNearLimit", W,
          'tradingbot_limit_used_ratio{limit=~"maxDailyLoss|maxDrawdown|maxLossRate"} > 0.8',
          f"{MARKET} has used {{{{ $value | humanizePercentage }}}} of {{{{ $labels.limit }}}}",
          "At 100 % it halts by itself. The dashboard of the bot splits the loss into spread, inventory and fees."),
    # Not maxPosition: a market maker lives near it whenever the market runs one way. It stops the quotes of one side
    # then, as it should; TradingBotQuotes... say so where that lasts, and TradingBotHalted where it is exceeded.
    Alert("TradingBotLimitNearlyUsed", W,
          'tradingbot_limit_used_ratio{limit=~"maxOrdersPerMinute|maxRejectsPerMinute"} > 0.9',
          f"{MARKET} has used {{{{ $value | humanizePercentage }}}} of {{{{ $labels.limit }}}} for five minutes",
          "Beyond 100 % it halts. The log and `audit` have the venue's reason for each refusal.", "5m"),
    Alert("TradingBotCredentialsRefused", C, "tradingbot_venue_authenticated == 0",
          f"Venue {{{{ $labels.venue }}}} does not take the credentials of {SLOT}",
          "The key was revoked, has expired, or lacks the right to trade. Put another one into the Secret: no pod "
          "restarts. [operator.md](../guides/operator.md).", "10s"),
))  # fmt: skip

# The usual four windows of two burn rates (The Site Reliability Workbook, chapter 5): a month's budget gone within two
# days, or within five.
QUOTING = Group("tradingbot-quoting", "Quoting", (
    Alert("TradingBotQuotesMissing", C,
          f"tradingbot:quotes_missing:ratio_rate1h > {FAST} and tradingbot:quotes_missing:ratio_rate5m > {FAST}",
          "{{ $labels.namespace }}/{{ $labels.bot }}, market {{ $labels.market }}: quotes were missing "
          "{{ $value | humanizePercentage }} of the last hour",
          "`/state` of the pod says what hinders it: `refused`, `hindered`, the age of the feed. "
          "[quoting-performance.md](../guides/quoting-performance.md).", "2m"),
    Alert("TradingBotQuotesOftenMissing", W,
          f"tradingbot:quotes_missing:ratio_rate6h > {SLOW} and tradingbot:quotes_missing:ratio_rate30m > {SLOW}",
          "{{ $labels.namespace }}/{{ $labels.bot }}, market {{ $labels.market }}: quotes were missing "
          "{{ $value | humanizePercentage }} of the last six hours",
          "As above; a spread that is wider than the objective counts as missing, too.", "15m"),
))  # fmt: skip

_DESIRED, _READY = (told(f'tradingbot_replicas{{kind="{kind}"}}') for kind in ("desired", "ready"))
_BY_THEIR_WORD = told('tradingbot_slots{state=~"Fenced|Halted|VenueLocked"}', how="sum")  # they have other alerts
_TO_RUN = told('tradingbot_desired_state{state="Running"}')
MISSING = Record(
    "tradingbot:slots:missing",
    f"{_DESIRED} - {_READY} - ({_BY_THEIR_WORD} or 0 * {_DESIRED}) and on (namespace, bot) {_TO_RUN} == 1 "
    f"unless on (namespace, bot) {told('tradingbot_halted')} > 0",
)
SLOTS = Group("tradingbot-slots", "Slots", (
    Alert("TradingBotSlotDown", C, 'up{job="tradingbot"} == 0',
          f"{SLOT} is not scraped",
          "`kubectl describe tradingbot NAME` says why its pod does not run. Its orders were cancelled if it ended in "
          "order, or by the dead-man's switch if it did not.", "1m"),
    # Also where there is nothing to be scraped: its pod is Pending, or gone.
    Alert("TradingBotNotReady", C, f"{MISSING.name} > 0",
          f"{BOT} runs, and {{{{ $value }}}} of its slots are not ready",
          "`kubectl describe tradingbot NAME`: the message of Ready says what is in the way: no node or image for the "
          "pod, a start that does not get on, a runtime that does not answer. Bots that are halted, Stopped, Paused or "
          "scaled to 0 do not count.", "5m"),
    Alert("TradingBotEventLoopLate", W, "tradingbot_loop_lag_seconds > 0.25",
          f"The event loop of {SLOT} is late by {{{{ $value | humanizeDuration }}}}",
          "It quotes late. Is its node overbooked, or its CPU limited? At ten seconds the kubelet restarts it.", "1m"),
    # By two hours at least: two samples of a fresh pod foretell anything.
    Alert("TradingBotJournalVolumeFilling", W,
          "tradingbot_journal_volume_free_bytes / tradingbot_journal_volume_bytes < 0.15 or "
          "(predict_linear(tradingbot_journal_volume_free_bytes[6h], 86400) < 0 and "
          "tradingbot_journal_volume_free_bytes offset 2h and "
          "tradingbot_journal_volume_free_bytes / tradingbot_journal_volume_bytes < 0.5)",
          f"The journal's volume of {SLOT} is nearly full",
          "What cannot be journalled is not sent: trading ends in order. Enlarge the claim "
          "([journal.md](journal.md)).", "5m"),
    Alert("TradingBotLogLinesDropped", W, "increase(tradingbot_log_lines_dropped_total[10m]) > 0",
          f"{SLOT} has dropped log lines",
          "Whoever reads its stdout is too slow. Trading is not touched; the journal has every decision."),
), (MISSING,))  # fmt: skip

_WRITTEN, _OBSERVED = (told(f'tradingbot_config_generation{{kind="{kind}"}}') for kind in ("desired", "observed"))
_WRONG = ('{type=~"Stalled|Fenced", status="True"}', '{type=~"SpecAccepted|ConfigApplied", status="False"}')
CONDITIONS = Record(
    "tradingbot:condition:wrong",
    " or ".join(told(f"tradingbot_condition{which}", "namespace, bot, type") for which in _WRONG),
)
VENUE_CONDITIONS = Record(
    "tradingbot:venue_condition:wrong",
    told('tradingbot_venue_condition{type="CredentialsValid", status="False"}', "namespace, venue, type",
         whose=VENUES, proof="tradingbot_venue_condition"),
)  # fmt: skip


def _condition(kind: str) -> str:
    return f'{CONDITIONS.name}{{type="{kind}"}} == 1'


RESOURCES = Group("tradingbot-resources", "Resources", (
    Alert("TradingBotStalled", C, _condition("Stalled"),
          f"{BOT} does not get on without a person",
          "`kubectl describe tradingbot NAME`: the message of Stalled says what is to be done. "
          "[conditions.md](conditions.md).", "1m"),
    Alert("TradingBotFenced", C, _condition("Fenced"),
          f"A slot of {BOT} does not trade because it has no Lease",
          "The operator's side of TradingBotSlotFenced, also where the pod is not reached.", "1m"),
    Alert("TradingBotSpecNotAccepted", W, _condition("SpecAccepted"),
          f"The spec of {BOT} was not accepted: the one before it runs",
          "`kubectl describe tradingbot NAME` names the field. What runs is what was valid last.", "2m"),
    Alert("TradingBotConfigNotAcknowledged", W, _condition("ConfigApplied"),
          f"A slot of {BOT} does not run the configuration that it should",
          "The message of ConfigApplied says which slot, and its own words.", "5m"),
    Alert("TradingBotWithoutStatus", W, f"{_WRITTEN} - {_OBSERVED} > 0",
          f"The operator has not looked at the latest spec of {BOT}",
          "Does the operator reconcile (TradingOperatorNotReconciling)? Its log names the bot.", "5m"),
    Alert("TradingVenueCredentialsInvalid", W,
          f'{VENUE_CONDITIONS.name}{{type="CredentialsValid"}} == 1',
          "Venue {{ $labels.namespace }}/{{ $labels.venue }}: its credentials are not taken by every slot",
          "`kubectl describe venue NAME`: missing, refused, or another account's.", "2m"),
    Alert("TradingVenueCredentialsExpiring", W,
          "min by (namespace, venue) (last_over_time(tradingbot_venue_credentials_expiry_timestamp_seconds[10m])) "
          "- time() < 14 * 86400",
          "The credentials of Venue {{ $labels.namespace }}/{{ $labels.venue }} end in {{ $value | humanizeDuration }}",
          "Make new ones at the venue, put them into the Secret (no pod restarts), and write their day into "
          "`spec.credentialsExpire`: [operator.md](../guides/operator.md). Where they have ended already, "
          "TradingBotCredentialsRefused says so.", "10m"),
    Alert("TradingBotCertificateExpiring", W,
          "min by (namespace, bot) (last_over_time(tradingbot_control_certificate_expiry_timestamp_seconds[10m])) "
          "- time() < 14 * 86400",
          f"The control certificate of {BOT} ends in {{{{ $value | humanizeDuration }}}}",
          "It should have been renewed a month before its end: does the operator reconcile, does the kubelet mount "
          "the Secret anew?", "1h"),
), (CONDITIONS, VENUE_CONDITIONS))  # fmt: skip

OPERATOR = Group("tradingbot-operator", "Operator", (
    Alert("TradingOperatorNotReconciling", C,
          "max by (namespace) (tradingbot_operator_canary_reconcile_age_seconds) > 90 or "
          "max by (namespace) (tradingbot_operator_sweep_last_success_age_seconds) > 600",
          "The operator in {{ $labels.namespace }} does not reconcile",
          "The bots trade on as they are, and halt by themselves; nobody scales them or repairs their pods. Its log "
          "and `/healthz` say why; is the API server well?", "30s"),
    # Each installation that there was within a day; where none was ever seen, nothing of it is scraped.
    Alert("TradingOperatorLeaderMissing", C,
          f"group by (namespace) (last_over_time({LEADS}[1d])) unless {LEADERS} > 0 "
          f"or absent(last_over_time({LEADS}[1d]))",
          "No operator leads{{ with $labels.namespace }} in {{ . }}{{ end }}",
          "`kubectl --namespace tradingbot-system get pods,leases`, or in the alert's namespace. The bots trade on as "
          "they are. Of an operator that was taken away for good it speaks for a day: silence it.", "1m"),
    Alert("TradingOperatorTwoLeaders", C, f"{LEADERS} > 1",
          "More than one operator in {{ $labels.namespace }} says that it leads",
          "Pods refuse the one with the lower term. A clock or an API server is broken: delete the older pod.", "1m"),
    # A series that is new has not increased by what it begins with.
    Alert("TradingOperatorForbidden", W,
          f"sum by (namespace, method, kind) (increase({FORBIDDEN}[10m]) > 0 or "
          f"({FORBIDDEN} unless {FORBIDDEN} offset 10m)) > 0",
          "The API server forbids the operator in {{ $labels.namespace }} {{ $labels.method }} {{ $labels.kind }}",
          "Its role lacks a right: an upgrade whose rbac.yaml was not applied?"),
))  # fmt: skip

GROUPS = (TRADING, QUOTING, SLOTS, RESOURCES, OPERATOR)
ALERTS = tuple(alert for group in GROUPS for alert in group.alerts)
WINDOWS = ("5m", "30m", "1h", "6h")
