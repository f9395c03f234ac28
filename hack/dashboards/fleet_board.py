"""All bots: who trades, who does not, and what they earn."""

from declared import (
    MARKET,
    NONE_WANTED,
    PER_MARKET,
    SOME_WANTED,
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
)

OF, SLOT = 'namespace=~"$namespace"', 'job="tradingbot", namespace=~"$namespace"'
MISSING = f"avg by (namespace, bot) (tradingbot:quotes_missing:ratio_rate5m{{{OF}}})"  # of the rules


def _condition(kind: str, status: str = "True") -> str:
    return f'sum(tradingbot_condition{{{OF}, type="{kind}", status="{status}"}}) or vector(0)'


AT_A_GLANCE = Row("At a glance", (
    number("Bots", "TradingBots that the operator knows.", f"count(tradingbot_info{{{OF}}})"),
    number("Ready", "Bots whose condition Ready is True.", _condition("Ready"), scale=SOME_WANTED),
    number("Halted", "Bots that stopped trading by themselves or by a person, and wait for one.",
           _condition("Halted"), scale=NONE_WANTED),
    number("Stalled", "Bots that do not get on without a person.", _condition("Stalled"), scale=NONE_WANTED),
    number("Slots not scraped", "Pods of bots that Prometheus does not reach.",
           f"sum(1 - up{{{SLOT}}}) or vector(0)", scale=NONE_WANTED),
    number("Venues refused", "Venues whose credentials are not taken.",
           f'sum(tradingbot_venue_condition{{{OF}, type="CredentialsValid", status="False"}}) or vector(0)',
           scale=NONE_WANTED),
))  # fmt: skip

BOTS = Row("Bots", (
    Panel("Bots", "Slots wanted and ready, halts in force, and the loss limit that is used most.",
          (Query(f'sum by (namespace, bot) (tradingbot_replicas{{{OF}, kind="desired"}})', "Slots wanted"),
           Query(f'sum by (namespace, bot) (tradingbot_replicas{{{OF}, kind="ready"}})', "Slots ready"),
           Query(f"sum by (namespace, bot) (tradingbot_halted{{{OF}}}) "
                 f"or sum by (namespace, bot) (tradingbot_info{{{OF}}}) * 0", "Halts"),
           Query('max by (namespace, bot) (tradingbot_limit_used_ratio'
                 f'{{{SLOT}, limit=~"maxDailyLoss|maxDrawdown|maxLossRate"}}) * 100',
                 "Loss limit used, %")),
          Look.TABLE, width=14, height=9),
    Panel("Bots by phase", "What the operator makes of each bot.",
          (Query(f"sum by (phase) (tradingbot_phase{{{OF}}})", "{{phase}}"),), Look.STACKED, width=10, height=9),
    Panel("Slots by state", "What the runtimes say they do.",
          (Query(f"sum by (state) (tradingbot_slots{{{OF}}})", "{{state}}"),), Look.STACKED),
    Panel("Halts since this operator leads", "By reason.",
          (Query(none_of("sum by (reason) (tradingbot_halts_total)", "reason"), "{{reason}}"),)),
    Panel("Loss limits used", "The most of any loss limit; at 100 % the market halts by itself.",
          (Query(f'max {PER_MARKET} (tradingbot_limit_used_ratio'
                 f'{{{SLOT}, limit=~"maxDailyLoss|maxDrawdown|maxLossRate"}})', MARKET),),
          scale=Scale(Unit.RATIO, bad_from=0.8)),
))  # fmt: skip

EARNING = Row("What they earn", (
    Panel("Profit of the UTC day", "Each in its own quote asset, the open position at mid: not to be added up.",
          (Query(f"sum {PER_MARKET} (tradingbot_pnl{{{SLOT}}})", MARKET),), width=12),
    Panel("Volume", "Worth of our trades a second, each in the quote asset of its market.",
          (Query(f"sum {PER_MARKET} (rate(tradingbot_volume_total{{{SLOT}}}[$__rate_interval]))", MARKET),), width=12),
    Panel("Quotes missing", "How much of five minutes the quotes that the objective asks for were not there.",
          (Query(MISSING, "{{namespace}}/{{bot}}"),), scale=Scale(Unit.RATIO, bad_from=0.05)),
    Panel("Age of the feeds", "How old what a bot knows of a market is, by the oldest of all its sources.",
          (Query(f"max by (namespace, bot) (tradingbot_feed_age_seconds{{{SLOT}}})", "{{namespace}}/{{bot}}"),),
          scale=Scale(Unit.SECONDS, bad_from=15)),
    Panel("Orders of unknown fate", "They count at full size until somebody knows.",
          (Query(f"sum by (namespace, bot) (tradingbot_unknown_orders{{{SLOT}}})", "{{namespace}}/{{bot}}"),),
          scale=NONE_WANTED),
))  # fmt: skip

BOARD = Board("tradingbot-fleet", "Trading bots: fleet", "All bots of the namespaces chosen.",
              (Choice("namespace", "namespace", "tradingbot_info"),), (AT_A_GLANCE, BOTS, EARNING))  # fmt: skip
