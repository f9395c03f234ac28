"""Who holds a market through changes of the mode: only Live claims, and what was Live is held until it is let go of."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from harness.bot_model import KEYED, Cluster, bot, hedged_spec, spec
from harness.live_risk import LIVE_RISK
from tradingbot_operator.core.claims import accounts, claims, wants
from tradingbot_operator.core.observed import Rival, Stream
from tradingbot_operator.core.slots import _let_go
from tradingbot_operator.observation import Observer
from tradingbot_operator.rivals import rivals
from tradingbot_operator.store import Store
from tradingbot_runtime.config import Mode
from tradingbot_runtime.config.venue import SecretReference
from tradingbot_runtime.model.control import MarketReport

SYMBOLS = ("AAAUSDT", "BBBUSDT")
OURS = frozenset(f"venue/{symbol}" for symbol in SYMBOLS)


def cluster_of(mode: Mode, symbols: tuple[str, ...] = SYMBOLS, replicas: int = 1) -> Cluster:
    cluster = Cluster(bot(wanted(mode, symbols, replicas)), venues={"venue": KEYED})
    cluster.settle()
    return cluster


def wanted(mode: Mode, symbols: tuple[str, ...] = SYMBOLS, replicas: int = 1) -> Any:  # noqa: ANN401 - a spec
    return spec(symbols, mode=mode, risk=LIVE_RISK, replicas=replicas)


def stored(cluster: Cluster) -> frozenset[str]:
    """What an operator that has just started reads."""
    return claims(cluster.children["ConfigMap", "maker-slots"])


def report(cluster: Cluster, ordinal: int = 0, **changes: Any) -> None:  # noqa: ANN401 - fields of a market's report
    pod = cluster.pods[ordinal]
    assert pod.stream.report
    markets = tuple(msgspec.structs.replace(market, **changes) for market in pod.stream.report.markets)
    told = msgspec.structs.replace(pod.stream.report, markets=markets)
    cluster.pods[ordinal] = replace(pod, stream=replace(pod.stream, report=told))


def test_a_paper_bot_holds_nothing_and_a_live_one_its_markets() -> None:
    for mode, held in ((Mode.PAPER, frozenset()), (Mode.LIVE, OURS)):
        cluster = cluster_of(mode)
        assert (cluster.decide().holds, stored(cluster)) == (held, held)


def test_from_live_to_paper_the_markets_are_held_until_every_slot_runs_in_paper() -> None:
    cluster = cluster_of(Mode.LIVE, replicas=2)
    cluster.respecify(wanted(Mode.PAPER, replicas=2))

    assert cluster.step().holds == OURS
    assert stored(cluster) == OURS, "also for an operator that starts now"
    while any(pod.restart_hash == "old" for pod in cluster.pods.values()) or len(cluster.pods) < 2:
        assert cluster.step().holds == OURS
    cluster.settle()
    assert (cluster.decide().holds, stored(cluster)) == (frozenset(), frozenset())


def test_they_are_held_while_a_slot_is_silent_or_knows_of_orders_of_its_live_life() -> None:
    cluster = cluster_of(Mode.LIVE)
    cluster.respecify(wanted(Mode.PAPER))
    cluster.step()
    while cluster.config(0).mode is not Mode.PAPER or cluster.pods.get(0) is None:
        cluster.step()
    kept = cluster.pods.pop(0)
    assert cluster.decide().holds == OURS, "its pod is on its way"
    cluster.pods[0] = replace(kept, stream=Stream())
    assert cluster.decide().holds == OURS, "it says nothing"
    cluster.pods[0] = kept
    cluster._controller()  # noqa: SLF001 - the pod on today's template
    for _ in range(10):
        report(cluster, live_orders_left=1)
        assert cluster.step().holds == OURS
    report(cluster, live_orders_left=0)
    assert cluster.step().holds == frozenset()


def test_from_live_to_paper_with_other_markets_what_was_traded_is_held() -> None:
    cluster = cluster_of(Mode.LIVE)
    cluster.respecify(wanted(Mode.PAPER, ("CCCUSDT",)))

    assert cluster.step().holds == OURS
    cluster.settle()
    assert cluster.decide().holds == frozenset()


def test_a_live_bot_that_goes_to_paper_without_slots_lets_go_when_its_pods_are_gone() -> None:
    cluster = cluster_of(Mode.LIVE)
    cluster.respecify(wanted(Mode.PAPER, replicas=0))
    assert cluster.step().holds == OURS
    cluster.settle()

    assert cluster.pods == {}
    assert cluster.decide().holds == frozenset()


def test_a_paper_bot_that_wants_a_live_bots_market_for_live_is_refused_and_goes_on_in_paper() -> None:
    cluster = cluster_of(Mode.PAPER)
    rival = Rival("other", "2026-01-01T00:00:00Z", "u", frozenset({"venue/AAAUSDT"}), frozenset())
    cluster.observed = replace(cluster.observed, rivals=(rival,))
    cluster.settle()
    assert [c.reason for c in cluster.bot.status.conditions if c.type == "SpecAccepted"] == ["Valid"]

    cluster.respecify(wanted(Mode.LIVE))
    outcome = cluster.step()
    assert [c.reason for c in cluster.bot.status.conditions if c.type == "SpecAccepted"] == ["MarketTaken"]
    assert (outcome.holds, cluster.config(0).mode) == (frozenset(), Mode.PAPER)
    cluster.observed = replace(cluster.observed, rivals=())
    cluster.settle()
    assert (cluster.decide().holds, cluster.config(0).mode) == (OURS, Mode.LIVE)


def test_only_a_spec_that_asks_for_live_wants_its_markets() -> None:
    markets = [{"name": "a", "execution": {"venue": "venue", "symbol": "AAAUSDT"}}]
    said = [
        wants({"metadata": {}, "spec": {"markets": markets} | mode})
        for mode in ({}, {"mode": "Paper"}, {"mode": "Live"})
    ]

    assert said == [frozenset(), frozenset(), frozenset({"venue/AAAUSDT"})]


def test_a_bot_that_hedges_holds_both_markets_and_wants_both() -> None:
    both = frozenset({"venue/BTCUSDT", "there/BTCUSDT"})
    wanted = hedged_spec(mode="Live", risk=LIVE_RISK)
    cluster = Cluster(bot(wanted), venues={"venue": KEYED, "there": KEYED})
    cluster.settle()
    manifest = {"metadata": {"name": "other"}, "spec": wanted.model_dump(mode="json", by_alias=True, exclude_none=True)}

    assert (cluster.decide().holds, stored(cluster), wants(manifest)) == (both, both, both)


def test_to_hedge_or_not_to_hedge_takes_effect_at_a_start_of_the_process() -> None:
    """The process has orders in other markets then, and asks the venue about them at its start barrier."""
    wanted = hedged_spec(mode="Live", risk=LIVE_RISK)
    cluster = Cluster(bot(wanted), venues={"venue": KEYED, "there": KEYED})
    cluster.settle()
    before = cluster.pods[0].restart_hash
    cluster.respecify(wanted.model_copy(update={"strategy": spec().strategy}))
    cluster.settle()

    assert cluster.pods[0].restart_hash != before
    assert stored(cluster) == {"venue/BTCUSDT"}


def test_a_slot_that_still_has_a_hedge_in_the_market_it_keeps_has_let_go_of_the_others() -> None:
    """What it hedges with is its own as long as the market is; the orders in it hold up no hand-over."""
    cluster = Cluster(bot(hedged_spec(mode="Live", risk=LIVE_RISK)), venues={"venue": KEYED, "there": KEYED})
    cluster.settle()
    pod = cluster.pods[0]
    assert pod.stream.report
    hedge = MarketReport(market="btc.hedge", position="0", open_orders=1, unknown_orders=0)
    told = msgspec.structs.replace(pod.stream.report, markets=(*pod.stream.report.markets, hedge))
    config = cluster.config(0)

    assert _let_go(replace(pod, stream=replace(pod.stream, report=told)), config)
    alone = msgspec.structs.replace(told, markets=(msgspec.structs.replace(hedge, market="gone.hedge"),))
    assert not _let_go(replace(pod, stream=replace(pod.stream, report=alone)), config)


def test_the_secret_of_the_venue_where_a_bot_hedges_is_looked_for() -> None:
    store = Store()
    for name in ("venue", "there"):
        account = KEYED.model_copy(update={"credentials_secret_ref": SecretReference(name=f"{name}-keys")})
        document = account.model_dump(mode="json", by_alias=True, exclude_none=True)
        store.put("Venue", {"metadata": {"name": name, "namespace": "n", "uid": name}, "spec": document})
    observer = Observer(store, lambda _: Stream(), lambda: datetime(2026, 1, 2, tzinfo=UTC), lambda: 100.0)
    needed = observer.needed_secrets(bot(hedged_spec(mode="Live", risk=LIVE_RISK)), {})

    assert needed == {"venue-keys", "there-keys"}


def venue_of(name: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of the spec
    written = {"type": "Binance", "environment": "Testnet", "credentialsSecretRef": {"name": "keys"}, **changes}
    return {"kind": "Venue", "metadata": {"namespace": "n", "name": name, "uid": name, "resourceVersion": "1"},
            "spec": written}  # fmt: skip


@pytest.mark.parametrize(("other", "is_taken"), [
    ({}, True),
    ({"rateLimit": {"ordersPerSecond": "1"}}, True),
    ({"environment": "Production"}, False),
    ({"credentialsSecretRef": {"name": "other-keys"}}, False),
    ({"endpoints": {"rest": "https://elsewhere.example"}}, False),
])  # fmt: skip
def test_two_venues_that_are_one_account_are_one_market(other: dict[str, Any], is_taken: bool) -> None:  # noqa: FBT001 - a parameter
    store = Store()
    for manifest in (venue_of("venue"), venue_of("another", **other)):
        store.put("Venue", manifest)
    rival = {"kind": "TradingBot", "metadata": {"namespace": "n", "name": "first", "uid": "first-uid",
             "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {}}  # fmt: skip
    store.put("TradingBot", rival)
    store.claims["n", "first"] = frozenset({"another/AAAUSDT"})
    cluster, of = Cluster(bot(wanted(Mode.LIVE)), venues={"venue": KEYED}), accounts(store.all("Venue", "n"))
    cluster.observed = replace(cluster.observed, accounts=of, rivals=rivals(store, cluster.bot, of))
    cluster.step()

    said = next(c for c in cluster.bot.status.conditions if c.type == "SpecAccepted")
    assert (said.reason == "MarketTaken") is is_taken
    if is_taken:
        assert said.message == "venue/AAAUSDT, the same as another/AAAUSDT, belongs to TradingBot first"


def test_venues_without_credentials_are_nobodys_account() -> None:
    keyless = venue_of("a")
    del keyless["spec"]["credentialsSecretRef"]
    assert accounts([keyless, venue_of("b")]) == {"b": "b"}


@pytest.mark.parametrize(("created", "holds", "wants", "is_taken"), [
    ("2026-01-01T00:00:00Z", OURS, OURS, True),  # older, and both trade it
    ("2026-01-01T00:00:00Z", frozenset(), OURS, False),  # older, and comes late
    ("2026-01-03T00:00:00Z", OURS, OURS, False),
])  # fmt: skip
def test_what_a_bot_trades_already_only_an_older_one_that_trades_it_too_takes(
    created: str,
    holds: frozenset[str],
    wants: frozenset[str],
    is_taken: bool,  # noqa: FBT001 - a parameter
) -> None:
    cluster = cluster_of(Mode.LIVE)
    cluster.observed = replace(cluster.observed, rivals=(Rival("other", created, "other-uid", holds, wants),))
    cluster.step()

    said = next(c for c in cluster.bot.status.conditions if c.type == "SpecAccepted")
    assert (said.reason == "MarketTaken") is is_taken
