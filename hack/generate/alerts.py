"""The alerts, each declared once: what it asks Prometheus, how long it must hold, and what a person does first.

Of these `alert_rules.py` writes the rules and their reference. Labels: of a slot's series `namespace`, `bot` and `pod`,
as manifests/monitoring/pod-monitors.yaml gives them; of the operator's `namespace` and `name` of the bot.
"""

from dataclasses import dataclass
from enum import StrEnum

SLOT, BOT = "{{ $labels.namespace }}/{{ $labels.pod }}", "{{ $labels.namespace }}/{{ $labels.name }}"
MARKET = f"{SLOT}, market {{{{ $labels.market }}}}"
LEADERS = 'sum(leader_election_master_status{name="tradingbot-operator"})'
WANTED_QUIET = "Stopped|Drained|Reducing"  # states in which nobody expects quotes
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
class Group:
    name: str
    title: str
    alerts: tuple[Alert, ...]


C, W = Severity.CRITICAL, Severity.WARNING

TRADING = Group("tradingbot-trading", "Trading", (
    Alert("TradingBotHalted", C, "sum by (namespace, name, reason) (tradingbot_halted) > 0",
          f"{BOT} is halted: {{{{ $labels.reason }}}}",
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
    Alert("TradingBotFeedStale", W, "tradingbot_feed_age_seconds > 15",
          f"Feed {{{{ $labels.feed }}}} of {SLOT} is silent for {{{{ $value | humanizeDuration }}}}",
          "Its quotes were withdrawn when the data was older than `staleAfter`. Is the venue quiet, or the network "
          "broken? `tradingbot_reconnects_total` and the log's `FeedLost` say.", "30s"),
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
    Alert("TradingBotLimitNearlyUsed", W,
          'tradingbot_limit_used_ratio{limit=~"maxPosition|maxOrdersPerMinute|maxRejectsPerMinute"} > 0.9',
          f"{MARKET} has used {{{{ $value | humanizePercentage }}}} of {{{{ $labels.limit }}}} for five minutes",
          "Beyond 100 % it halts. A position at its limit quotes one side only; refusals have the venue's reason in "
          "`tradingbot_orders_total` and in the log.", "5m"),
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

SLOTS = Group("tradingbot-slots", "Slots", (
    Alert("TradingBotSlotDown", C, 'up{job="tradingbot"} == 0',
          f"{SLOT} is not scraped",
          "`kubectl describe tradingbot NAME` says why its pod does not run. Its orders were cancelled if it ended in "
          "order, or by the dead-man's switch if it did not.", "1m"),
    Alert("TradingBotEventLoopLate", W, "tradingbot_loop_lag_seconds > 0.25",
          f"The event loop of {SLOT} is late by {{{{ $value | humanizeDuration }}}}",
          "It quotes late. Is its node overbooked, or its CPU limited? At ten seconds the kubelet restarts it.", "1m"),
    Alert("TradingBotJournalVolumeFilling", W,
          "tradingbot_journal_volume_free_bytes / tradingbot_journal_volume_bytes < 0.15 or "
          "(predict_linear(tradingbot_journal_volume_free_bytes[6h], 86400) < 0 and "
          "tradingbot_journal_volume_free_bytes / tradingbot_journal_volume_bytes < 0.5)",
          f"The journal's volume of {SLOT} is nearly full",
          "What cannot be journalled is not sent: trading ends in order. Enlarge the claim "
          "([journal.md](journal.md)).", "5m"),
    Alert("TradingBotLogLinesDropped", W, "increase(tradingbot_log_lines_dropped_total[10m]) > 0",
          f"{SLOT} has dropped log lines",
          "Whoever reads its stdout is too slow. Trading is not touched; the journal has every decision."),
))  # fmt: skip

RESOURCES = Group("tradingbot-resources", "Resources", (
    Alert("TradingBotStalled", C, 'tradingbot_condition{type="Stalled", status="True"} == 1',
          f"{BOT} does not get on without a person",
          "`kubectl describe tradingbot NAME`: the message of Stalled says what is to be done. "
          "[conditions.md](conditions.md).", "1m"),
    Alert("TradingBotFenced", C, 'tradingbot_condition{type="Fenced", status="True"} == 1',
          f"A slot of {BOT} does not trade because it has no Lease",
          "The operator's side of TradingBotSlotFenced, also where the pod is not reached.", "1m"),
    Alert("TradingBotSpecNotAccepted", W, 'tradingbot_condition{type="SpecAccepted", status="False"} == 1',
          f"The spec of {BOT} was not accepted: the one before it runs",
          "`kubectl describe tradingbot NAME` names the field. What runs is what was valid last.", "2m"),
    Alert("TradingBotConfigNotAcknowledged", W, 'tradingbot_condition{type="ConfigApplied", status="False"} == 1',
          f"A slot of {BOT} does not run the configuration that it should",
          "The message of ConfigApplied says which slot, and its own words.", "5m"),
    Alert("TradingBotWithoutStatus", W,
          'tradingbot_config_generation{kind="desired"} '
          '- ignoring (kind) tradingbot_config_generation{kind="observed"} > 0',
          f"The operator has not looked at the latest spec of {BOT}",
          "Does the operator reconcile (TradingOperatorNotReconciling)? Its log names the bot.", "5m"),
    Alert("TradingVenueCredentialsInvalid", W,
          'tradingbot_venue_condition{type="CredentialsValid", status="False"} == 1',
          "Venue {{ $labels.namespace }}/{{ $labels.venue }}: its credentials are not taken by every slot",
          "`kubectl describe venue NAME`: missing, refused, or another account's.", "2m"),
    Alert("TradingVenueCredentialsExpiring", W,
          "tradingbot_venue_credentials_expiry_timestamp_seconds - time() < 14 * 86400",
          "The credentials of Venue {{ $labels.namespace }}/{{ $labels.venue }} end in {{ $value | humanizeDuration }}",
          "Make new ones at the venue, put them into the Secret (no pod restarts), and write their day into "
          "`spec.credentialsExpire`: [operator.md](../guides/operator.md). Where they have ended already, "
          "TradingBotCredentialsRefused says so.", "10m"),
    Alert("TradingBotCertificateExpiring", W,
          "tradingbot_control_certificate_expiry_timestamp_seconds - time() < 14 * 86400",
          f"The control certificate of {BOT} ends in {{{{ $value | humanizeDuration }}}}",
          "It should have been renewed a month before its end: does the operator reconcile, does the kubelet mount "
          "the Secret anew?", "1h"),
))  # fmt: skip

OPERATOR = Group("tradingbot-operator", "Operator", (
    Alert("TradingOperatorNotReconciling", C,
          "tradingbot_operator_canary_reconcile_age_seconds > 90 or "
          "tradingbot_operator_sweep_last_success_age_seconds > 600",
          "The operator {{ $labels.pod }} does not reconcile",
          "The bots trade on as they are, and halt by themselves; nobody scales them or repairs their pods. Its log "
          "and `/healthz` say why; is the API server well?", "30s"),
    Alert("TradingOperatorLeaderMissing", C, f"({LEADERS} or vector(0)) == 0",
          "No operator leads",
          "`kubectl --namespace tradingbot-system get pods,leases`. The bots trade on as they are.", "1m"),
    Alert("TradingOperatorTwoLeaders", C, f"{LEADERS} > 1",
          "More than one operator says that it leads",
          "Pods refuse the one with the lower term. A clock or an API server is broken: delete the older pod.", "1m"),
    Alert("TradingOperatorForbidden", W, 'increase(rest_client_requests_total{code="403"}[10m]) > 0',
          "The API server forbids the operator {{ $labels.method }} {{ $labels.kind }}",
          "Its role lacks a right: an upgrade whose rbac.yaml was not applied?"),
))  # fmt: skip

GROUPS = (TRADING, QUOTING, SLOTS, RESOURCES, OPERATOR)
ALERTS = tuple(alert for group in GROUPS for alert in group.alerts)
WINDOWS = ("5m", "30m", "1h", "6h")
