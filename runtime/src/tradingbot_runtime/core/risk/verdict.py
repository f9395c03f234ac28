"""What a check says, and the closed list of reasons: the label of the metric, the word in logs and in status."""

from collections.abc import Callable
from enum import StrEnum

from tradingbot_runtime.core.risk.limits import Limits
from tradingbot_runtime.core.risk.situation import Situation
from tradingbot_runtime.model import Place


class Refusal(StrEnum):
    """Why an order was not sent."""

    # may anything be sent at all
    NOT_TRADING = "NotTrading"
    REDUCE_ONLY = "ReduceOnly"
    VENUE_LOCKED = "VenueLocked"
    FENCED = "Fenced"
    KILL_SWITCH = "KillSwitch"
    # is what we know true
    FEED_STALE = "FeedStale"
    BOOK_INVALID = "BookInvalid"
    FEED_DIVERGENCE = "FeedDivergence"
    CLOCK_DRIFT = "ClockDrift"
    ACCOUNT_MISMATCH = "AccountMismatch"
    ACCOUNT_UNCHECKED = "AccountUnchecked"
    # is the order itself right
    BAD_PRICE = "BadPrice"
    BAD_QUANTITY = "BadQuantity"
    MIN_NOTIONAL = "MinNotional"
    FAT_FINGER = "FatFinger"
    SLIPPAGE = "Slippage"
    WOULD_TAKE = "WouldTake"
    SELF_TRADE = "SelfTrade"
    DUPLICATE_INTENT = "DuplicateIntent"
    MIN_INTERVAL = "MinInterval"
    # what could it lead to
    MAX_ORDER = "MaxOrder"
    MAX_NOTIONAL = "MaxNotional"
    MAX_POSITION = "MaxPosition"
    MAX_BASE_EXPOSURE = "MaxBaseExposure"
    MAX_GROSS = "MaxGross"
    SKEW = "Skew"
    MAX_OPEN_ORDERS = "MaxOpenOrders"
    BALANCE = "Balance"
    LEVERAGE = "Leverage"
    # budgets and losses
    RATE = "Rate"
    DAILY_MESSAGES = "DailyMessages"
    CANCEL_RATIO = "CancelRatio"
    DAILY_LOSS = "DailyLoss"
    DRAWDOWN = "Drawdown"
    LOSS_RATE = "LossRate"
    BACKING_OFF = "BackingOff"


Verdict = tuple[Refusal, str] | None
Check = Callable[[Place, Situation, Limits], Verdict]
