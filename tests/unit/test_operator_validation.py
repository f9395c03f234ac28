"""What only the other resources can tell: the first reason wins, and names what is meant."""

from dataclasses import replace

from harness.bot_model import KEYED, VENUE, bot, hedged_spec, spec
from harness.live_risk import LIVE_RISK
from tradingbot_operator.core.observed import Bot, Observed, Rival
from tradingbot_operator.core.validation import Refusal, validate

NOW = Observed(now="2026-01-02T00:00:10Z", venues={"venue": VENUE})
LIVE = {"mode": "Live", "risk": LIVE_RISK}


def live(**metadata: str) -> Bot:
    return bot(spec(("BTCUSDT",), **LIVE), **metadata)


def rival(created: str, *, holds: bool = False, wants: bool = True) -> Rival:
    market = frozenset({"venue/BTCUSDT"})
    return Rival("other", created, "u", market if holds else frozenset(), market if wants else frozenset())


def refused(subject: Bot, observed: Observed) -> tuple[str, str] | None:
    refusal: Refusal | None = validate(subject, observed)
    return (refusal.reason, refusal.message) if refusal else None


def test_a_good_spec_is_accepted() -> None:
    assert refused(bot(), NOW) is None


def test_a_spec_that_cannot_be_read_is_refused_with_every_mistake() -> None:
    broken = replace(bot(), spec=None, problems=("spec.a: is required", "spec.b: must be a list"))

    assert refused(broken, NOW) == ("SpecInvalid", "spec.a: is required; spec.b: must be a list")


def test_a_missing_venue_is_named() -> None:
    assert refused(bot(), replace(NOW, venues={})) == (
        "ReferenceNotFound", "there is no Venue venue in this namespace")  # fmt: skip


def test_a_venue_that_cannot_be_used_is_named() -> None:
    assert refused(bot(), replace(NOW, venues={"venue": None})) == (
        "ReferenceInvalid", "Venue venue is not valid: see its conditions")  # fmt: skip


def test_live_needs_credentials_that_exist() -> None:
    assert refused(live(), NOW) == ("CredentialsMissing", "mode Live needs credentialsSecretRef in Venue venue")
    keyed = replace(NOW, venues={"venue": KEYED})
    assert refused(live(), replace(keyed, missing_secrets=frozenset({"keys"}))) == (
        "CredentialsMissing", "there is no Secret keys (Venue venue)")  # fmt: skip
    assert refused(live(), keyed) is None


def test_a_hedge_needs_credentials_that_exist_where_it_hedges() -> None:
    hedged = bot(hedged_spec(**LIVE))
    unkeyed = replace(NOW, venues={"venue": KEYED, "there": VENUE})

    why = "spec.markets[0].reference.venue: crossExchange hedges there, and "
    assert refused(hedged, unkeyed) == (
        "CredentialsMissing", f"{why}mode Live needs credentialsSecretRef in Venue there")  # fmt: skip
    assert refused(hedged, replace(NOW, venues={"venue": KEYED, "there": KEYED})) is None


def test_what_a_bot_hedges_with_is_taken_by_it() -> None:
    keyed = replace(NOW, venues={"venue": KEYED, "there": KEYED})
    hedges = Rival("other", "2025-01-01T00:00:00Z", "u", frozenset({"there/BTCUSDT"}), frozenset())

    assert refused(bot(hedged_spec(**LIVE)), replace(keyed, rivals=(hedges,))) == (
        "MarketTaken", "there/BTCUSDT belongs to TradingBot other")  # fmt: skip


def test_paper_needs_none() -> None:
    missing = replace(NOW, venues={"venue": KEYED}, missing_secrets=frozenset({"keys"}))

    assert refused(bot(), missing) is None


def beside(*rivals: Rival) -> Observed:
    return replace(NOW, venues={"venue": KEYED}, rivals=rivals)


def test_of_two_new_bots_the_older_gets_the_market() -> None:
    taken = ("MarketTaken", "venue/BTCUSDT belongs to TradingBot other")

    assert refused(live(), beside(rival("2026-01-01T00:00:00Z"))) == taken
    assert refused(live(), beside(rival("2026-01-03T00:00:00Z"))) is None


def test_a_market_that_is_traded_stays_with_its_bot_whoever_is_older() -> None:
    """An older bot that reaches for it later must not take it from under a running one."""
    younger = rival("2026-01-03T00:00:00Z", holds=True)

    assert refused(live(), beside(younger)) == ("MarketTaken", "venue/BTCUSDT belongs to TradingBot other")


def test_two_bots_of_one_second_are_told_apart_by_their_uid() -> None:
    same = rival("2026-01-02T00:00:00Z")

    assert refused(live(uid="t"), beside(same)) is None
    assert refused(live(uid="v"), beside(same)) is not None


def test_paper_orders_reach_no_account_so_a_paper_bot_is_refused_no_market() -> None:
    assert refused(bot(), beside(rival("2026-01-01T00:00:00Z", holds=True))) is None
