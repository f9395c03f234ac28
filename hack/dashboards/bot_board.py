"""One bot: what it quotes, holds and earns, how near its limits are, and how well it runs."""

from declared import (
    BYTES,
    NONE_WANTED,
    PER_SECOND,
    RATE,
    RATIO,
    SECONDS,
    Board,
    Choice,
    Look,
    Panel,
    Query,
    Row,
    Scale,
    Unit,
    none_of,
    number,
    times,
)

SLOTS = 'job="tradingbot", namespace=~"$namespace", bot=~"$bot"'
OF = f'{SLOTS}, market=~"$market"'
NAMED = 'namespace=~"$namespace", name=~"$bot"'


def _share(part: str, whole: str, by: str) -> str:
    return f"sum by ({by}) (rate({part}{RATE})) / (sum by ({by}) (rate({whole}{RATE})) > 0)"


AT_A_GLANCE = Row("At a glance", (
    number("Halts", "In force. `kubectl describe tradingbot` says why, and how to resume.",
           f"sum(tradingbot_halted{{{NAMED}}}) or vector(0)", scale=NONE_WANTED),
    number("Profit of the UTC day", "In the quote asset, the open position at mid.", f"sum(tradingbot_pnl{{{OF}}})"),
    number("Position", "In the base asset.", f"sum(tradingbot_position{{{OF}}})"),
    number("Open orders", "Not proved closed, unknown ones included.", f"sum(tradingbot_open_orders{{{OF}}})"),
    number("Limit used most", "Of all that halt.", f"max(tradingbot_limit_used_ratio{{{OF}}})",
           scale=Scale(Unit.RATIO, bad_from=0.8)),
    number("Oldest feed", "Since the last proof that it lives.", f"max(tradingbot_feed_age_seconds{{{SLOTS}}})",
           scale=Scale(Unit.SECONDS, bad_from=15)),
    Panel("State of each slot", "What the runtime does; Fenced, Halted and Reconciling send no new order.",
          (Query(f"tradingbot_state{{{SLOTS}}} == 1", "{{pod}} {{state}}"),), Look.STATES, width=12, height=6),
    Panel("Conditions that are not as they should be", "Of the resource: a bar while it is so.",
          (Query(none_of(f'tradingbot_condition{{{NAMED}, type=~"Halted|Stalled|Fenced|Degraded", status="True"}} == 1',
                         "type"), "{{type}}"),
           Query(f'tradingbot_condition{{{NAMED}, type=~"Ready|SpecAccepted|ConfigApplied", status!="True"}} == 1',
                 "{{type}}={{status}}")),
          Look.STATES, width=12, height=6),
))  # fmt: skip

QUOTING = Row("Quotes and position", (
    Panel("Reference and best quotes", "Where the quotes lie about the reference's mid, in the quote asset.",
          (Query(f"tradingbot_reference_mid{{{OF}}}", "{{market}} mid"),
           Query(f"tradingbot_quote_price{{{OF}}}", "{{market}} {{side}}")), width=12, height=8),
    Panel("Position and worst case", "What it holds, and would hold if all orders of a side filled; base asset.",
          (Query(f"tradingbot_position{{{OF}}}", "{{market}} position"),
           Query(f'tradingbot_worst_case_exposure{{{OF}, side="buy"}}', "{{market}} if all bought"),
           Query(f'-tradingbot_worst_case_exposure{{{OF}, side="sell"}}', "{{market}} if all sold")),
          width=12, height=8),
    Panel("Quotes", "Orders that are to rest, by side.",
          (Query(f"sum by (market, side) (tradingbot_quotes{{{OF}}})", "{{market}} {{side}}"),)),
    Panel("Uptime", "How much of the time quotes rested on both sides, by how near the reference.",
          (Query(f'sum by (within_bps) (rate(tradingbot_quote_uptime_seconds_total{{{OF}, sides="both"}}{RATE})) '
                 f"/ on () group_left () sum(rate(tradingbot_quote_observed_seconds_total{{{OF}}}{RATE}))",
                 "within {{within_bps}} bps"),), scale=RATIO),
    Panel("Fill ratio", "Traded of what rested.",
          (Query(_share(f"tradingbot_filled_quantity_total{{{OF}}}", f"tradingbot_rested_quantity_total{{{OF}}}",
                        "market, side"), "{{market}} {{side}}"),), scale=RATIO),
))  # fmt: skip

EARNING = Row("What it earns", (
    Panel("Profit of the UTC day", "In the quote asset, the open position at mid.",
          (Query(f"sum by (market) (tradingbot_pnl{{{OF}}})", "{{market}}"),)),
    Panel("Profit by part", "Since the process began: spread, inventory and fees add up to the profit.",
          (Query(f"sum by (part) (tradingbot_pnl_part{{{OF}}})", "{{part}}"),)),
    Panel("Markout in basis points",
          "What fills had gained at the mid so long after. Below 0: who trades with us knows more.",
          (Query(f"1e4 * sum by (horizon) (tradingbot_markout{{{OF}}}) "
                 f"/ (sum by (horizon) (tradingbot_markout_notional_total{{{OF}}}) > 0)", "{{horizon}}"),)),
    Panel("Volume", "Worth of our trades a second, in the quote asset.",
          (Query(f"sum by (market, side) (rate(tradingbot_volume_total{{{OF}}}{RATE}))", "{{market}} {{side}}"),)),
    Panel("Limits used", "At 100 % the market halts by itself.",
          (Query(f"max by (market, limit) (tradingbot_limit_used_ratio{{{OF}}})", "{{market}} {{limit}}"),),
          scale=Scale(Unit.RATIO, bad_from=0.8)),
    Panel("Account differs", "How long the account has not been what was booked.",
          (Query(f"max by (market) (tradingbot_account_mismatch_seconds{{{OF}}})", "{{market}}"),),
          scale=Scale(Unit.SECONDS, bad_from=10)),
))  # fmt: skip

ORDERS = Row("Orders", (
    Panel("Orders by outcome", "A second.",
          (Query(f"sum by (outcome) (rate(tradingbot_orders_total{{{OF}}}{RATE}))", "{{outcome}}"),),
          scale=PER_SECOND),
    Panel("Refused by our own risk checks", "A second, by reason.",
          (Query(none_of(f"sum by (reason) (rate(tradingbot_risk_refused_total{{{OF}}}{RATE}))", "reason"),
                 "{{reason}}"),), scale=PER_SECOND),
    Panel("Open and unknown", "Orders not proved closed; those of unknown fate count at full size.",
          (Query(f"sum by (market) (tradingbot_open_orders{{{OF}}})", "{{market}} open"),
           Query(f"sum by (market) (tradingbot_unknown_orders{{{OF}}})", "{{market}} unknown"))),
))  # fmt: skip

RUNNING = Row("How well it runs", (
    Panel("Tick to order", "From a frame in hand to its last order at the socket.",
          times("tradingbot_tick_to_order_seconds", SLOTS), scale=SECONDS),
    Panel("Journal commit", "One commit to the disk.",
          times("tradingbot_journal_commit_seconds", SLOTS), scale=SECONDS),
    Panel("Event loop late", "How late timers are; at ten seconds the kubelet restarts the pod.",
          (Query(f"max by (pod) (tradingbot_loop_lag_seconds{{{SLOTS}}})", "{{pod}}"),),
          scale=Scale(Unit.SECONDS, bad_from=0.25)),
    Panel("Journal and its volume", "Size of the database, and the room that is left.",
          (Query(f"tradingbot_journal_bytes{{{SLOTS}}}", "{{pod}} journal"),
           Query(f"tradingbot_journal_volume_free_bytes{{{SLOTS}}}", "{{pod}} free")), scale=BYTES),
    Panel("Memory", "Resident.", (Query(f"process_resident_memory_bytes{{{SLOTS}}}", "{{pod}}"),), scale=BYTES),
    Panel("Processor", "Share of one.",
          (Query(f"rate(process_cpu_seconds_total{{{SLOTS}}}{RATE})", "{{pod}}"),), scale=RATIO),
))  # fmt: skip

BOARD = Board("tradingbot-bot", "Trading bots: one bot", "What a bot quotes, holds and earns, and how well it runs.",
              (Choice("namespace", "namespace", "tradingbot_info"),
               Choice("bot", "bot", 'tradingbot_state{namespace=~"$namespace"}'),
               Choice("market", "market", 'tradingbot_position{namespace=~"$namespace", bot=~"$bot"}')),
              (AT_A_GLANCE, QUOTING, EARNING, ORDERS, RUNNING))  # fmt: skip
