"""One bot: what it quotes, holds and earns, how near its limits are, and how well it runs."""

from declared import (
    BYTES,
    MARKET,
    NONE_WANTED,
    PER_MARKET,
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
NAMED = 'namespace=~"$namespace", bot=~"$bot"'
POD = "{{namespace}}/{{pod}}"
MARKETS_OF = "namespace, bot, market"


def _share(part: str, whole: str, by: str) -> str:
    return f"sum by ({by}) (rate({part}{RATE})) / (sum by ({by}) (rate({whole}{RATE})) > 0)"


AT_A_GLANCE = Row("At a glance", (
    number("Halts", "In force. `kubectl describe tradingbot` says why, and how to resume.",
           f"sum(tradingbot_halted{{{NAMED}}}) or vector(0)", scale=NONE_WANTED),
    number("Profit of the UTC day", "In the quote asset, the open position at mid.",
           f"sum {PER_MARKET} (tradingbot_pnl{{{OF}}})", each=MARKET),
    number("Position", "In the base asset.", f"sum {PER_MARKET} (tradingbot_position{{{OF}}})", each=MARKET),
    number("Open orders", "Not proved closed, unknown ones included.", f"sum(tradingbot_open_orders{{{OF}}})"),
    number("Limit used most", "Of all that halt.", f"max(tradingbot_limit_used_ratio{{{OF}}})",
           scale=Scale(Unit.RATIO, bad_from=0.8)),
    number("Oldest feed", "How old what is known of the market is, by the oldest of its sources.",
           f"max(tradingbot_feed_age_seconds{{{OF}}})",
           scale=Scale(Unit.SECONDS, bad_from=15)),
    Panel("State of each slot", "What the runtime does; Fenced, Halted and Reconciling send no new order.",
          (Query(f"tradingbot_state{{{SLOTS}}} == 1", f"{POD} {{{{state}}}}"),), Look.STATES, width=12, height=6),
    Panel("Conditions that are not as they should be", "Of the resource: how many bots have each; 0: none.",
          (Query(none_of(f'sum by (type) (tradingbot_condition{{{NAMED}, type=~"Halted|Stalled|Fenced|Degraded", '
                         'status="True"})', "type"), "{{type}}"),
           Query(f'sum by (type, status) (tradingbot_condition{{{NAMED}, type=~"Ready|SpecAccepted|ConfigApplied", '
                 'status!="True"})', "{{type}}={{status}}")),
          Look.STACKED, width=12, height=6),
))  # fmt: skip

QUOTING = Row("Quotes and position", (
    Panel("Reference and best quotes", "Where the quotes lie about the reference's mid, in the quote asset.",
          (Query(f"tradingbot_reference_mid{{{OF}}}", f"{MARKET} mid"),
           Query(f"tradingbot_quote_price{{{OF}}}", f"{MARKET} {{{{side}}}}")), width=12, height=8),
    Panel("Position and worst case", "What it holds, and would hold if all orders of a side filled; base asset.",
          (Query(f"tradingbot_position{{{OF}}}", f"{MARKET} position"),
           Query(f'tradingbot_worst_case_exposure{{{OF}, side="buy"}}', f"{MARKET} if all bought"),
           Query(f'-tradingbot_worst_case_exposure{{{OF}, side="sell"}}', f"{MARKET} if all sold")),
          width=12, height=8),
    Panel("Quotes", "Orders that are to rest, by side.",
          (Query(f"sum by ({MARKETS_OF}, side) (tradingbot_quotes{{{OF}}})", f"{MARKET} {{{{side}}}}"),)),
    Panel("Uptime", "How much of the time quotes rested on both sides, by how near the reference.",
          (Query(f'sum by (within_bps) (rate(tradingbot_quote_uptime_seconds_total{{{OF}, sides="both"}}{RATE})) '
                 f"/ on () group_left () sum(rate(tradingbot_quote_observed_seconds_total{{{OF}}}{RATE}))",
                 "within {{within_bps}} bps"),), scale=RATIO),
    Panel("Fill ratio", "Traded of what rested.",
          (Query(_share(f"tradingbot_filled_quantity_total{{{OF}}}", f"tradingbot_rested_quantity_total{{{OF}}}",
                        f"{MARKETS_OF}, side"), f"{MARKET} {{{{side}}}}"),), scale=RATIO),
))  # fmt: skip

EARNING = Row("What it earns", (
    Panel("Profit of the UTC day", "In the quote asset, the open position at mid.",
          (Query(f"sum {PER_MARKET} (tradingbot_pnl{{{OF}}})", MARKET),)),
    Panel("Profit by part", "Since the process began: spread, inventory and fees add up to the profit.",
          (Query(f"sum by ({MARKETS_OF}, part) (tradingbot_pnl_part{{{OF}}})", f"{MARKET} {{{{part}}}}"),)),
    Panel("Markout in basis points",
          "What fills had gained at the mid so long after. Below 0: who trades with us knows more.",
          (Query(f"1e4 * sum by ({MARKETS_OF}, horizon) (tradingbot_markout{{{OF}}}) "
                 f"/ (sum by ({MARKETS_OF}, horizon) (tradingbot_markout_notional_total{{{OF}}}) > 0)",
                 f"{MARKET} {{{{horizon}}}}"),)),
    Panel("Volume", "Worth of our trades a second, in the quote asset.",
          (Query(f"sum by ({MARKETS_OF}, side) (rate(tradingbot_volume_total{{{OF}}}{RATE}))",
                 f"{MARKET} {{{{side}}}}"),)),
    Panel("Limits used", "At 100 % the market halts by itself.",
          (Query(f"max by ({MARKETS_OF}, limit) (tradingbot_limit_used_ratio{{{OF}}})", f"{MARKET} {{{{limit}}}}"),),
          scale=Scale(Unit.RATIO, bad_from=0.8)),
    Panel("Account differs", "How long the account has not been what was booked.",
          (Query(f"max {PER_MARKET} (tradingbot_account_mismatch_seconds{{{OF}}})", MARKET),),
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
          (Query(f"sum {PER_MARKET} (tradingbot_open_orders{{{OF}}})", f"{MARKET} open"),
           Query(f"sum {PER_MARKET} (tradingbot_unknown_orders{{{OF}}})", f"{MARKET} unknown"))),
))  # fmt: skip

RUNNING = Row("How well it runs", (
    Panel("Tick to order", "From a frame in hand to its last order at the socket.",
          times("tradingbot_tick_to_order_seconds", SLOTS), scale=SECONDS),
    Panel("Journal commit", "One commit to the disk.",
          times("tradingbot_journal_commit_seconds", SLOTS), scale=SECONDS),
    Panel("Event loop late", "How late timers are; at ten seconds the kubelet restarts the pod.",
          (Query(f"max by (namespace, pod) (tradingbot_loop_lag_seconds{{{SLOTS}}})", POD),),
          scale=Scale(Unit.SECONDS, bad_from=0.25)),
    Panel("Journal and its volume", "Size of the database, and the room that is left.",
          (Query(f"tradingbot_journal_bytes{{{SLOTS}}}", f"{POD} journal"),
           Query(f"tradingbot_journal_volume_free_bytes{{{SLOTS}}}", f"{POD} free")), scale=BYTES),
    Panel("Memory", "Resident.", (Query(f"process_resident_memory_bytes{{{SLOTS}}}", POD),), scale=BYTES),
    Panel("Processor", "Share of one.",
          (Query(f"rate(process_cpu_seconds_total{{{SLOTS}}}{RATE})", POD),), scale=RATIO),
))  # fmt: skip

BOARD = Board("tradingbot-bot", "Trading bots: one bot", "What a bot quotes, holds and earns, and how well it runs.",
              (Choice("namespace", "namespace", "tradingbot_info"),
               Choice("bot", "bot", 'tradingbot_state{namespace=~"$namespace"}'),
               Choice("market", "market", 'tradingbot_position{namespace=~"$namespace", bot=~"$bot"}')),
              (AT_A_GLANCE, QUOTING, EARNING, ORDERS, RUNNING))  # fmt: skip
