"""The runtime's metrics, each declared once: name, kind, labels, meaning.

The tick path counts in plain integers of its own; nothing here runs until a scrape. The composition root gives
`registry` a function that reads the counters where they are kept.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from tradingbot_runtime.metric_families import Family, Kind, Readings, registry_of

FRAMES = Family("tradingbot_frames_total", Kind.COUNTER, ("feed", "outcome"),
                "Market data frames; outcome is ok, or the reason why the frame could not be used.")  # fmt: skip
FEED_AGE = Family("tradingbot_feed_age_seconds", Kind.GAUGE, ("feed",),
                  "Since the last proof that the feed lives, on the receiver's monotonic clock.")  # fmt: skip
FEED_LATE = Family("tradingbot_feed_late_seconds", Kind.GAUGE, ("feed",),
                   "How late the feed's frames are, by the venue's time in them and by pings among them.")  # fmt: skip
RECONNECTS = Family("tradingbot_reconnects_total", Kind.COUNTER, ("feed",), "Connections lost and made again.")
ORDERS = Family("tradingbot_orders_total", Kind.COUNTER, ("market", "outcome"), "Orders by what became of them.")
OPEN_ORDERS = Family("tradingbot_open_orders", Kind.GAUGE, ("market",),
                     "Orders not proved closed, unknown ones included.")  # fmt: skip
UNKNOWN_ORDERS = Family("tradingbot_unknown_orders", Kind.GAUGE, ("market",),
                        "Orders whose outcome is unknown; they count at full size.")  # fmt: skip
POSITION = Family("tradingbot_position", Kind.GAUGE, ("market",), "Position in the base asset, signed.")
RESIDUAL = Family("tradingbot_hedge_residual", Kind.GAUGE, ("market",),
                  "What fills have brought and hedges have not taken away yet, in the base asset, signed.")  # fmt: skip
HEDGE_STRESS = Family("tradingbot_hedge_stress", Kind.GAUGE, ("market", "stress"),
                      "1 for how well fills are hedged now, 0 for the others.")  # fmt: skip
PNL = Family("tradingbot_pnl", Kind.GAUGE, ("market",),
             "Profit since the start of the UTC day in the quote asset, open position at mid.")  # fmt: skip
FILLS = Family("tradingbot_fills_total", Kind.COUNTER, ("market", "side"), "Trades of our own orders.")
RISK_REFUSED = Family("tradingbot_risk_refused_total", Kind.COUNTER, ("market", "reason"),
                      "Commands that a risk check refused.")  # fmt: skip
STATE = Family("tradingbot_state", Kind.GAUGE, ("state",), "1 for the current trading state, 0 for the others.")
VENUE_ERRORS = Family("tradingbot_venue_errors_total", Kind.COUNTER, ("venue", "kind"), "Errors of a venue by kind.")
TICK_TO_ORDER = Family("tradingbot_tick_to_order_seconds", Kind.HISTOGRAM, (),
                       "From a market data frame in hand to its last order handed to the socket.")  # fmt: skip
JOURNAL_COMMIT = Family("tradingbot_journal_commit_seconds", Kind.HISTOGRAM, (), "One commit of the journal.")
LOOP_LAG = Family("tradingbot_loop_lag_seconds", Kind.GAUGE, (), "How late the event loop's timers are.")
CONFIG_INFO = Family("tradingbot_config_info", Kind.GAUGE, ("hash",), "1, with the hash of the configuration in use.")
HALTS = Family("tradingbot_halts_total", Kind.COUNTER, ("reason",), "Latched halts.")
CONTROL = Family("tradingbot_control_messages_total", Kind.COUNTER, ("outcome",),
                 "Messages and connections of the control stream by what became of them.")  # fmt: skip
LOG_DROPPED = Family("tradingbot_log_lines_dropped_total", Kind.COUNTER, (),
                     "Log lines dropped because nobody read stdout fast enough.")  # fmt: skip

MARKOUT = Family("tradingbot_markout", Kind.GAUGE, ("market", "side", "layer", "horizon"),
                 "What fills had gained at the mid so long after, in the quote asset; 0s: the spread.")  # fmt: skip
MARKOUT_NOTIONAL = Family("tradingbot_markout_notional_total", Kind.COUNTER, MARKOUT.labels,
                          "Worth of those fills; markout / notional * 1e4: basis points.")  # fmt: skip
MARKOUT_MISSED = Family("tradingbot_markout_missed_total", Kind.COUNTER, ("market", "reason"),
                        "Markouts that nobody can tell: no_mid, or the fill itself was told too late.")  # fmt: skip
PNL_PART = Family("tradingbot_pnl_part", Kind.GAUGE, ("market", "part"),
                  "Profit since the process began in the quote asset: spread + inventory + fees, exactly.")  # fmt: skip
RESTED = Family("tradingbot_rested_quantity_total", Kind.COUNTER, ("market", "side"),
                "Quantity of orders that the venue took into its book, in the base asset.")  # fmt: skip
FILLED = Family("tradingbot_filled_quantity_total", Kind.COUNTER, ("market", "side"),
                "Quantity traded by our orders, in the base asset; fill ratio: filled / rested.")  # fmt: skip
QUOTE_OBSERVED = Family("tradingbot_quote_observed_seconds_total", Kind.COUNTER, ("market",),
                        "Time that quotes were looked at; uptime: quote_uptime / quote_observed.")  # fmt: skip
QUOTE_UPTIME = Family("tradingbot_quote_uptime_seconds_total", Kind.COUNTER, ("market", "sides", "within_bps"),
                      "Time with quotes resting so close to the reference, on both sides or on either.")  # fmt: skip
TASKS = Family("tradingbot_runtime_tasks", Kind.GAUGE, (), "Tasks of the event loop that have not ended.")

FAMILIES = (
    FRAMES, FEED_AGE, FEED_LATE, RECONNECTS, ORDERS, OPEN_ORDERS, UNKNOWN_ORDERS, POSITION, RESIDUAL, HEDGE_STRESS,
    PNL, FILLS, RISK_REFUSED, STATE, VENUE_ERRORS, TICK_TO_ORDER, JOURNAL_COMMIT, LOOP_LAG, CONFIG_INFO, HALTS, CONTROL,
    LOG_DROPPED, MARKOUT, MARKOUT_NOTIONAL, MARKOUT_MISSED, PNL_PART, RESTED, FILLED, QUOTE_OBSERVED, QUOTE_UPTIME,
    TASKS,
)  # fmt: skip


def registry(read: Callable[[], Readings]) -> CollectorRegistry:
    """A registry of its own that asks `read` at every scrape, and reports the process' memory and descriptors too."""
    return registry_of(FAMILIES, read)
