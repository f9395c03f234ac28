"""A venue as the bots see it: does it answer, how late is its data, how many messages are left."""

from declared import (
    NONE_WANTED,
    PER_SECOND,
    RATE,
    RATIO,
    SECONDS,
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

SLOTS = 'job="tradingbot", namespace=~"$namespace"'
OF = f'{SLOTS}, venue=~"$venue"'
FEED = f'{SLOTS}, feed=~"($venue)/.*"'
BOT_FEED = "{{namespace}}/{{bot}} {{feed}}"
NAMED = 'namespace=~"$namespace", venue=~"$venue"'

AT_A_GLANCE = Row("At a glance", (
    number("Slots that reach it", "Of all that use it.", f"sum(tradingbot_venue_reachable{{{OF}}})", scale=SOME_WANTED),
    number("Slots that do not", "Their orders may be resting there.", f"sum(1 - tradingbot_venue_reachable{{{OF}}})",
           scale=NONE_WANTED),
    number("Locked", "Slots to which it says that it takes nothing.", f"sum(tradingbot_venue_locked{{{OF}}})",
           scale=NONE_WANTED),
    number("Credentials refused", "Slots whose credentials it does not take.",
           f"sum(1 - tradingbot_venue_authenticated{{{OF}}}) or vector(0)", scale=NONE_WANTED),
    number("Least budget left", "Messages that may be sent at once, of the burst that may be.",
           f"min(tradingbot_budget_left_ratio{{{OF}}})", scale=Scale(Unit.RATIO, good_from=0.2)),
    number("Oldest feed", "How old what the bots know by it is.", f"max(tradingbot_feed_age_seconds{{{FEED}}})",
           scale=Scale(Unit.SECONDS, bad_from=15)),
))  # fmt: skip

ANSWERS = Row("Does it answer", (
    Panel("Reachable", "A bar while a slot reaches it.",
          (Query(f"tradingbot_venue_reachable{{{OF}}} == 1", "{{namespace}}/{{pod}} {{venue}}"),),
          Look.STATES, width=12, height=6),
    Panel("Conditions of the resource", "What the operator says of the Venue.",
          (Query(f"tradingbot_venue_condition{{{NAMED}}} == 1", "{{venue}} {{type}}={{status}}"),),
          Look.STATES, width=12, height=6),
    Panel("Errors by kind", "A second.",
          (Query(none_of(f"sum by (kind) (rate(tradingbot_venue_errors_total{{{OF}}}{RATE}))", "kind"), "{{kind}}"),),
          scale=PER_SECOND),
    Panel("Budget left", "Of the burst that may be sent; at 0 nothing but what was set aside for cancels.",
          (Query(f"tradingbot_budget_left_ratio{{{OF}}}", "{{namespace}}/{{pod}} {{venue}}"),), scale=RATIO),
    Panel("Clock", "How far the venue's is ahead of the slot's; without requests that have a time in them: 0 slots.",
          (Query(f'tradingbot_venue_clock_offset_seconds{{{OF}}} or label_replace(vector(0), "pod", "none", "", "")',
                 "{{namespace}}/{{pod}} {{venue}}"),), scale=SECONDS),
))  # fmt: skip

FEEDS = Row("Market data", (
    Panel("Age", "How old what a bot knows by a feed is; a new connection alone makes it no younger.",
          (Query(f"max by (namespace, bot, feed) (tradingbot_feed_age_seconds{{{FEED}}})", BOT_FEED),),
          scale=Scale(Unit.SECONDS, bad_from=15)),
    Panel("Late", "How late that was when it was heard: by the venue's time in it, and by pings beside it.",
          (Query(f"max by (namespace, bot, feed) (tradingbot_feed_late_seconds{{{FEED}}})", BOT_FEED),),
          scale=SECONDS),
    Panel("Frames by outcome", "A second; whatever is not ok could not be used.",
          (Query(f"sum by (outcome) (rate(tradingbot_frames_total{{{FEED}}}{RATE}))", "{{outcome}}"),),
          scale=PER_SECOND),
    Panel("Connections made again", "In an hour.",
          (Query(f"sum by (feed) (increase(tradingbot_reconnects_total{{{FEED}}}[1h]))", "{{feed}}"),), width=12),
    Panel("Orders by outcome", "A second, of all bots of the namespaces chosen.",
          (Query(f"sum by (outcome) (rate(tradingbot_orders_total{{{SLOTS}}}{RATE}))", "{{outcome}}"),),
          scale=PER_SECOND, width=12),
))  # fmt: skip

BOARD = Board("tradingbot-venue", "Trading bots: venue", "A venue as the bots see it.",
              (Choice("namespace", "namespace", "tradingbot_venue_reachable"),
               Choice("venue", "venue", 'tradingbot_venue_reachable{namespace=~"$namespace"}')),
              (AT_A_GLANCE, ANSWERS, FEEDS))  # fmt: skip
