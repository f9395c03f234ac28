"""What every venue adapter has to pass: one list. What a venue does not have is listed with the reason."""

from collections.abc import Mapping
from typing import NamedTuple

from harness.conformance_feed import book_goes_on, book_lost, with_feed
from harness.conformance_steps import (
    NEVER_THERE,
    Step,
    becomes,
    blocked,
    cancel,
    canceled_at_last,
    cancels_a_stranger,
    catches_up,
    clock_moved,
    does_not_know_a_stranger,
    executed,
    fault,
    filled,
    healed,
    key_revoked,
    left_alone,
    listed_open,
    locked,
    lost_connection,
    mismatch,
    never_lost,
    outcome_lost,
    over,
    pages_through,
    place,
    place_crossing,
    place_huge,
    place_tiny,
    questions_fail,
    reconnected,
    refused,
    replace,
    resolved,
    rests,
    sent_again,
    sold,
    told_locked,
)
from tradingbot_runtime.core.orders import OrderState as S


class Scenario(NamedTuple):
    name: str
    steps: tuple[Step, ...]


SILENT = fault("silence", "account", seconds=60)

SCENARIOS = (
    # -- orders ----------------------------------------------------------------------------------------------------
    Scenario("an order rests and is listed", (rests("a", "b"), listed_open("a", "b"))),
    Scenario("a cancel ends an order", (rests("a"), cancel("a"), becomes("a", S.CANCELED), listed_open())),
    Scenario("one message cancels all", (rests("a", "b", "c"), cancel("a", "b", "c"), becomes("a", S.CANCELED),
             becomes("b", S.CANCELED), becomes("c", S.CANCELED))),
    Scenario("a post-only order that would take is refused",
             (place_crossing("a", post_only=True), becomes("a", S.REJECTED))),
    Scenario("an order below the least size is refused", (place_tiny("a"), becomes("a", S.REJECTED))),
    Scenario("an order beyond the balance is refused", (place_huge("a"), becomes("a", S.REJECTED))),
    Scenario("a lack of balance is a reason to compare balances",
             (place_huge("a"), becomes("a", S.REJECTED), mismatch)),
    Scenario("an order that may take fills at once", (place_crossing("a", post_only=False), becomes("a", S.FILLED))),
    Scenario("an order fills in part, then whole",
             (rests("a"), sold("a", 40), becomes("a", S.PARTIAL), filled("a", 40), sold("a", 60),
              becomes("a", S.FILLED), filled("a", 100))),
    Scenario("a cancel that an order's fill has overtaken loses no fill",
             (rests("a"), fault("delay", "cancel", count=1, delay_ms=300), cancel("a"), sold("a", 100),
              becomes("a", S.FILLED), filled("a", 100))),
    Scenario("a cancel of a filled order whose fill nobody told finds it",
             (rests("a"), SILENT, sold("a", 100), executed("a", 100), cancel("a"), resolved("a", S.FILLED))),
    Scenario("a cancel of what the venue does not know finds nothing", (cancels_a_stranger, does_not_know_a_stranger)),
    Scenario("one message replaces an order", (rests("a"), replace("a", "b"), becomes("a", S.CANCELED),
             becomes("b", S.OPEN), listed_open("b"))),
    Scenario("a replacement of an order that has filled places nothing",
             (rests("a"), SILENT, sold("a", 100), executed("a", 100), replace("a", "b"),
              becomes("b", S.REJECTED), resolved("a", S.FILLED))),
    # -- answers that prove nothing ---------------------------------------------------------------------------------
    Scenario("an order whose answer is lost is found, once",
             (fault("accept-then-drop", "place", count=1), place("a"), resolved("a", S.OPEN))),
    Scenario("an order that a server error has taken on is found, once",
             (fault("accept-then-5xx", "place", count=1), place("a"), resolved("a", S.OPEN))),
    Scenario("an order that a server error has not taken on is not there, or is brought there once",
             (fault("http-5xx", "place", count=1), place("a"), resolved("a", S.OPEN, *NEVER_THERE))),
    Scenario("an order whose answer makes no sense is found, once",
             (fault("garbage", "place", count=1), place("a"), resolved("a", S.OPEN))),
    Scenario("an order that is sent twice is in the market once, and asked about",
             (rests("a"), sent_again("a"), outcome_lost, resolved("a", S.OPEN))),
    Scenario("a cancel whose answer is lost is proved",
             (rests("a"), fault("accept-then-drop", "cancel", count=1), cancel("a"), resolved("a", S.CANCELED))),
    Scenario("a connection that breaks with an order under way",
             (fault("delay", "place", count=1, delay_ms=400), place("a"), fault("disconnect", "connection"),
              lost_connection, reconnected(), resolved("a", S.OPEN))),
    Scenario("a failed question is never an empty answer", (rests("a"), fault("http-5xx", "question", seconds=60),
             questions_fail, healed)),
    # -- reports ----------------------------------------------------------------------------------------------------
    Scenario("what a gap in the stream has swallowed is caught up",
             (rests("a"), rests("b"), SILENT, sold("a", 50), executed("a", 50), healed, catches_up,
              becomes("a", S.PARTIAL), filled("a", 50))),
    Scenario("reports that come twice count once",
             (rests("a"), fault("duplicate", "account", seconds=60), sold("a", 40), filled("a", 40), sold("a", 60),
              becomes("a", S.FILLED), filled("a", 100))),
    Scenario("reports in the wrong order come to the same",
             (rests("a"), fault("reorder", "account", count=3), sold("a", 40), sold("a", 60), executed("a", 100),
              resolved("a", S.FILLED), filled("a", 100))),
    Scenario("a fill that is told after its order's cancel counts",
             (rests("a"), SILENT, sold("a", 50), executed("a", 50), cancel("a"), resolved("a", S.CANCELED),
              filled("a", 50))),
    Scenario("a report that makes no sense ends nothing",
             (rests("a"), fault("garbage", "account", count=1), sold("a", 40), executed("a", 40), sold("a", 20),
              resolved("a", S.PARTIAL), filled("a", 60), never_lost)),
    Scenario("every trade is listed, and none slips through between two pages",
             (rests("a"), sold("a", 20), filled("a", 20), sold("a", 20), filled("a", 40), pages_through)),
    # -- limits, locks, clocks, keys ----------------------------------------------------------------------------------
    Scenario("a venue that wants to be left alone hears nothing until then",
             (rests("resting"), fault("429", "any", count=1, retry_after_s=3), place("a"), over("a"), blocked,
              left_alone, becomes("meanwhile", S.OPEN, *NEVER_THERE), canceled_at_last("resting"))),
    Scenario("a venue that has banned us hears nothing until then",
             (rests("resting"), fault("418", "any", count=1, retry_after_s=3), place("a"), over("a"), blocked,
              left_alone, becomes("meanwhile", S.OPEN, *NEVER_THERE), canceled_at_last("resting"))),
    Scenario("a locked venue takes nothing, says so, and takes orders again afterwards",
             (locked(60), place("a"), becomes("a", *NEVER_THERE), told_locked(held=True), healed,
              told_locked(held=False), rests("b"))),
    Scenario("a venue's clock that is set back",
             (rests("a"), clock_moved(-30), canceled_at_last("a"), clock_moved(30))),
    Scenario("a venue's clock that jumps ahead", (rests("a"), clock_moved(30), canceled_at_last("a"),
             clock_moved(-30))),
    Scenario("a key that the venue does not take any more is for a person",
             (rests("a"), key_revoked, place("b"), becomes("b", *NEVER_THERE), refused)),
    Scenario("a venue that announces its shutdown is left before, without a gap",
             (rests("a"), fault("shutdown", "connection", delay_ms=1500), sold("a", 40), becomes("a", S.PARTIAL),
              fault("delay", "cancel", count=1, delay_ms=1800), cancel("a"), becomes("a", S.CANCELED), never_lost)),
    # -- market data --------------------------------------------------------------------------------------------------
    Scenario("the book comes", (with_feed(book_goes_on),)),
    Scenario("a frame that makes no sense is passed over",
             (with_feed(fault("garbage", "market", count=3), book_goes_on),)),
    Scenario("a crossed book is no book", (with_feed(fault("crossed-book", "market", count=3), book_lost, healed,
             book_goes_on),)),
    Scenario("a feed that breaks says so and comes back",
             (with_feed(fault("disconnect", "market"), book_lost, book_goes_on),)),
)  # fmt: skip

_NO_WIRE = "it has no wire: nothing is lost, repeated or reordered on the way, and there is no key, limit or server"
_IS_THE_FEED = "its market is another venue's feed"
_ON_THE_WIRE = (
    "an order whose answer makes no sense is found, once",
    "an order that is sent twice is in the market once, and asked about",
    "a cancel whose answer is lost is proved",
    "a connection that breaks with an order under way",
    "a failed question is never an empty answer",
    "what a gap in the stream has swallowed is caught up",
    "a cancel of a filled order whose fill nobody told finds it",
    "a replacement of an order that has filled places nothing",
    "reports that come twice count once",
    "reports in the wrong order come to the same",
    "a fill that is told after its order's cancel counts",
    "a report that makes no sense ends nothing",
    "a venue that wants to be left alone hears nothing until then",
    "a venue that has banned us hears nothing until then",
    "a locked venue takes nothing, says so, and takes orders again afterwards",
    "a key that the venue does not take any more is for a person",
    "a venue that announces its shutdown is left before, without a gap",
)
_FEEDS = ("the book comes", "a frame that makes no sense is passed over", "a crossed book is no book",
          "a feed that breaks says so and comes back")  # fmt: skip

_BINANCE = {
    "a locked venue takes nothing, says so, and takes orders again afterwards":
        "it has no lock: a symbol that is not traded is refused when its rules are read",
}  # fmt: skip
NOT_APPLICABLE: Mapping[str, Mapping[str, str]] = {
    "Binance": _BINANCE,
    "Binance over REST": _BINANCE,
    "DeltaDeFi": {
        "one message replaces an order": "it has no such message, and its capabilities say so",
        "a replacement of an order that has filled places nothing": "as above",
        "an order that is sent twice is in the market once, and asked about":
            "it knows no ids of ours: whoever builds twice has two orders, and the journal is what prevents it",
        "a venue that has banned us hears nothing until then": "it bans nobody: 4290 is all that it knows",
        "a venue that announces its shutdown is left before, without a gap": "it announces none",
    },
    "Paper": {
        "a lack of balance is a reason to compare balances": "its balances are our own",
        **dict.fromkeys(_ON_THE_WIRE, _NO_WIRE), **dict.fromkeys(_FEEDS, _IS_THE_FEED),
    },
}  # fmt: skip
