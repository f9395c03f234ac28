"""The runtime's metrics, each declared once: name, kind, labels, meaning.

The tick path counts in plain integers of its own; nothing here runs until a scrape. The composition root gives
`registry` a function that reads the counters where they are kept.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from tradingbot_runtime.metric_families import Family, Kind, Readings, registry_of

# A declaration is two lines: what it is, and what it means.
# fmt: off
FRAMES = Family("tradingbot_frames_total", Kind.COUNTER, ("feed", "outcome"),
                "Market data frames; outcome is ok, or the reason why the frame could not be used.")
RECONNECTS = Family("tradingbot_reconnects_total", Kind.COUNTER, ("feed",), "Connections lost and made again.")
FEED_AGE = Family("tradingbot_feed_age_seconds", Kind.GAUGE, ("market", "source", "feed"),
                  "How old the market data is that decisions are made on, by source: reference, venue or crossCheck. "
                  "Neither a new connection nor a pong makes it younger; never heard: since the market was made.")
FEED_LATE = Family("tradingbot_feed_late_seconds", Kind.GAUGE, FEED_AGE.labels,
                   "How late that data was when it was heard, by the venue's time in it and by pings beside it.")
ORDERS = Family("tradingbot_orders_total", Kind.COUNTER, ("market", "outcome"),
                "Orders by what became of them, each once for each outcome however often it is told: sent, "
                "accepted, and how it ended (OrderFilled: whole).")
ORDER_MESSAGES = Family("tradingbot_order_messages_total", Kind.COUNTER, ("market", "message"),
                        "Cancels sent, and what was told of orders, repetitions included: a venue's answer and its "
                        "stream both tell of an order. Anomaly...: what did not fit.")
OPEN_ORDERS = Family("tradingbot_open_orders", Kind.GAUGE, ("market",),
                     "Orders not proved closed, unknown ones included.")
UNKNOWN_ORDERS = Family("tradingbot_unknown_orders", Kind.GAUGE, ("market",),
                        "Orders whose outcome is unknown; they count at full size.")
POSITION = Family("tradingbot_position", Kind.GAUGE, ("market",), "Position in the base asset, signed.")
EXPOSURE = Family("tradingbot_worst_case_exposure", Kind.GAUGE, ("market", "side"),
                  "Position in the base asset if all orders of that side filled, unknown and lost ones at full size; "
                  "never negative.")
LIMIT_USED = Family("tradingbot_limit_used_ratio", Kind.GAUGE, ("market", "limit"),
                    "How much of a limit that halts is used; above 1 it halts.")
UNKNOWN_AGE = Family("tradingbot_unknown_order_age_seconds", Kind.GAUGE, ("market",),
                     "How long the oldest order of unknown outcome has been asked about; 0: there is none.")
MISMATCH_AGE = Family("tradingbot_account_mismatch_seconds", Kind.GAUGE, ("market",),
                      "How long the account has differed from what was booked; 0: it agrees.")
MISMATCHES = Family("tradingbot_account_mismatches_total", Kind.COUNTER, ("market",),
                    "Times that the account was found to differ from what was booked.")
MID = Family("tradingbot_reference_mid", Kind.GAUGE, ("market",), "Mid of the reference price, in the quote asset.")
QUOTE_PRICE = Family("tradingbot_quote_price", Kind.GAUGE, ("market", "side"),
                     "Best price that is to be quoted, in the quote asset; absent while nothing is.")
QUOTES = Family("tradingbot_quotes", Kind.GAUGE, ("market", "side"), "Orders that are to rest.")
RESIDUAL = Family("tradingbot_hedge_residual", Kind.GAUGE, ("market",),
                  "What fills have brought and hedges have not taken away yet, in the base asset, signed.")
HEDGE_STRESS = Family("tradingbot_hedge_stress", Kind.GAUGE, ("market", "stress"),
                      "1 for how well fills are hedged now, 0 for the others.")
PNL = Family("tradingbot_pnl", Kind.GAUGE, ("market",),
             "Profit since the start of the UTC day in the quote asset, open position at mid.")
FILLS = Family("tradingbot_fills_total", Kind.COUNTER, ("market", "side"), "Trades of our own orders.")
VOLUME = Family("tradingbot_volume_total", Kind.COUNTER, ("market", "side"),
                "Worth of those trades, in the quote asset.")
RISK_REFUSED = Family("tradingbot_risk_refused_total", Kind.COUNTER, ("market", "reason"),
                      "Commands that a risk check refused.")
STATE = Family("tradingbot_state", Kind.GAUGE, ("state",), "1 for the current trading state, 0 for the others.")
VENUE_ERRORS = Family("tradingbot_venue_errors_total", Kind.COUNTER, ("venue", "kind"),
                      "Errors of a venue by kind; a code that is not known of the venue is Other, and in the log.")
VENUE_REACHABLE = Family("tradingbot_venue_reachable", Kind.GAUGE, ("venue",),
                         "1 while the venue answers, and is what its manifest says; else 0.")
VENUE_AUTHENTICATED = Family("tradingbot_venue_authenticated", Kind.GAUGE, ("venue",),
                             "1 while the venue takes the credentials, 0 when it refuses them; absent: not known, or "
                             "without credentials.")
VENUE_LOCKED = Family("tradingbot_venue_locked", Kind.GAUGE, ("venue",),
                      "1 while the venue takes nothing, by its own word.")
BUDGET_LEFT = Family("tradingbot_budget_left_ratio", Kind.GAUGE, ("venue",),
                     "Messages that may be sent at once, of the burst that may be; 0 while the venue bans us.")
CLOCK_OFFSET = Family("tradingbot_venue_clock_offset_seconds", Kind.GAUGE, ("venue",),
                      "How far the venue's clock is ahead of ours, where its requests have a time in them.")
TICK_TO_ORDER = Family("tradingbot_tick_to_order_seconds", Kind.HISTOGRAM, (),
                       "From a market data frame in hand to its last order handed to the socket.")
JOURNAL_COMMIT = Family("tradingbot_journal_commit_seconds", Kind.HISTOGRAM, (), "One commit of the journal.")
JOURNAL_BYTES = Family("tradingbot_journal_bytes", Kind.GAUGE, (), "Size of the journal's database, its log left out.")
VOLUME_FREE = Family("tradingbot_journal_volume_free_bytes", Kind.GAUGE, (), "Room on the journal's volume.")
VOLUME_SIZE = Family("tradingbot_journal_volume_bytes", Kind.GAUGE, (), "Size of the journal's volume.")
LEASE_LEFT = Family("tradingbot_lease_valid_seconds", Kind.GAUGE, (),
                    "Until the slot is fenced unless it renews its Lease; 0: it is. Absent without a cluster.")
LOOP_LAG = Family("tradingbot_loop_lag_seconds", Kind.GAUGE, (), "How late the event loop's timers are.")
CONFIG_INFO = Family("tradingbot_config_info", Kind.GAUGE, ("hash",), "1, with the hash of the configuration in use.")
HALTS_HELD = Family("tradingbot_halts_held", Kind.GAUGE, ("reason",), "Halts in force, by reason.")
HALTS_LATCHED = Family("tradingbot_halts_latched_total", Kind.COUNTER, ("reason",),
                       "Halts latched since the process began, by reason.")
CONTROL = Family("tradingbot_control_messages_total", Kind.COUNTER, ("outcome",),
                 "Messages and connections of the control stream by what became of them.")
LOG_DROPPED = Family("tradingbot_log_lines_dropped_total", Kind.COUNTER, (),
                     "Log lines dropped because nobody read stdout fast enough.")
SPANS_DROPPED = Family("tradingbot_spans_dropped_total", Kind.COUNTER, ("reason",),
                       "Spans that no collector has got: QueueFull, NotExported (it did not take them), RecordsMissed "
                       "(they lack something). Absent without tracing.")

MARKOUT = Family("tradingbot_markout", Kind.GAUGE, ("market", "side", "horizon"),
                 "What fills had gained at the mid so long after, in the quote asset; 0s: the spread.")
MARKOUT_NOTIONAL = Family("tradingbot_markout_notional_total", Kind.COUNTER, MARKOUT.labels,
                          "Worth of those fills; markout / notional * 1e4: basis points.")
MARKOUT_MISSED = Family("tradingbot_markout_missed_total", Kind.COUNTER, ("market", "reason"),
                        "Markouts that nobody can tell: no_mid, or the fill itself was told too late.")
PNL_PART = Family("tradingbot_pnl_part", Kind.GAUGE, ("market", "part"),
                  "Profit since the process began in the quote asset: spread + inventory + fees, exactly.")
RESTED = Family("tradingbot_rested_quantity_total", Kind.COUNTER, ("market", "side"),
                "Quantity of orders that the venue took into its book, in the base asset.")
FILLED = Family("tradingbot_filled_quantity_total", Kind.COUNTER, ("market", "side"),
                "Quantity traded by our orders, in the base asset; fill ratio: filled / rested.")
QUOTE_OBSERVED = Family("tradingbot_quote_observed_seconds_total", Kind.COUNTER, ("market",),
                        "Time that quotes were looked at while they are expected: not while Reducing, Stopped, Drained "
                        "or Halted; uptime: quote_uptime / quote_observed.")
QUOTE_UPTIME = Family("tradingbot_quote_uptime_seconds_total", Kind.COUNTER, ("market", "sides", "within_bps"),
                      "Time with quotes resting so close to the reference, on both sides or on either.")
TASKS = Family("tradingbot_runtime_tasks", Kind.GAUGE, (), "Tasks of the event loop that have not ended.")

OF_THE_SLOT = (
    STATE, CONFIG_INFO, HALTS_HELD, HALTS_LATCHED, LEASE_LEFT, TICK_TO_ORDER, JOURNAL_COMMIT, JOURNAL_BYTES,
    VOLUME_FREE, VOLUME_SIZE, LOOP_LAG, TASKS, LOG_DROPPED, SPANS_DROPPED, CONTROL,
)
OF_VENUES = (
    FRAMES, RECONNECTS, VENUE_REACHABLE, VENUE_AUTHENTICATED, VENUE_LOCKED, VENUE_ERRORS,
    BUDGET_LEFT, CLOCK_OFFSET,
)
OF_FEEDS = (FEED_AGE, FEED_LATE)
OF_MARKETS = (
    MID, QUOTES, QUOTE_PRICE, ORDERS, ORDER_MESSAGES, OPEN_ORDERS, UNKNOWN_ORDERS, UNKNOWN_AGE, FILLS, VOLUME, POSITION,
    EXPOSURE, RISK_REFUSED, LIMIT_USED, MISMATCH_AGE, MISMATCHES, RESIDUAL, HEDGE_STRESS,
)
OF_PERFORMANCE = (
    PNL, PNL_PART, MARKOUT, MARKOUT_NOTIONAL, MARKOUT_MISSED, RESTED, FILLED, QUOTE_OBSERVED, QUOTE_UPTIME,
)
FAMILIES = (*OF_THE_SLOT, *OF_VENUES, *OF_FEEDS, *OF_MARKETS, *OF_PERFORMANCE)
# fmt: on


def registry(read: Callable[[], Readings]) -> CollectorRegistry:
    """A registry of its own that asks `read` at every scrape, and reports the process' memory and descriptors too."""
    return registry_of(FAMILIES, read)
