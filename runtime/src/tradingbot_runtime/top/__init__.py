"""`top`: one bot, live, in a terminal, from what its `/state` says. It needs nothing but the bot."""

from tradingbot_runtime.top.asked import NoAnswer, ask_state
from tradingbot_runtime.top.picture import line, picture

__all__ = ["NoAnswer", "ask_state", "line", "picture"]
