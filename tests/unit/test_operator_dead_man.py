"""The dead man's switch: who is lost has its orders withdrawn by a Job, once; who only is not heard keeps them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from harness.bot_model import KEYED, Cluster, bot, hedged_spec, spec
from harness.live_risk import LIVE_RISK
from tradingbot_operator.api.v1alpha1 import Withdrawal, WithdrawalState
from tradingbot_operator.core import names
from tradingbot_operator.core.claims import reaches_an_account
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.dead_man import MARGIN_S, RECHECK_S
from tradingbot_operator.core.observed import Manifest, Silence, Stream
from tradingbot_operator.core.outcome import Outcome
from tradingbot_operator.core.pod_template import CREDENTIALS
from tradingbot_operator.observation import UNHEARD_AFTER_S, Asked, Observer
from tradingbot_operator.store import Store
from tradingbot_runtime.config import Mode
from tradingbot_runtime.model.events import TradingState

RUN_OUT = Silence(holder="pod-1", renewal="0123456789abcdef", duration_s=120, unrenewed_for_s=120 + MARGIN_S + 0.1)
JOB = "maker-0-cancel-01234567"
LIVE: dict[str, Any] = {"mode": "Live", "risk": LIVE_RISK}


@pytest.fixture
def cluster() -> Cluster:
    """A Live bot that trades."""
    made = Cluster(bot(spec(**LIVE)), venues={"venue": KEYED})
    made.settle()
    return made


def lose(cluster: Cluster, silence: Silence | None = RUN_OUT, job: Manifest | None = None) -> None:
    """Nobody hears the slot any more."""
    pod = cluster.pods[0]
    cluster.pods[0] = replace(pod, stream=replace(pod.stream, connected=False, lost_for_s=120))
    silences = {0: silence} if silence else {}
    cluster.observed = replace(cluster.observed, silences=silences, jobs={0: job} if job else {})


def made_job(*conditions: str) -> Manifest:
    told = [{"type": condition, "status": "True"} for condition in conditions]
    return {"metadata": {"name": JOB, "uid": "job-uid"}, "status": {"conditions": told} if told else {}}


def withdrawal(cluster: Cluster) -> Withdrawal | None:
    return cluster.bot.status.slots[0].withdrawal


def told(outcome: Outcome) -> list[tuple[str, bool]]:
    reasons = {Reason.DEAD_MANS_SWITCH, Reason.ORDERS_WITHDRAWN, Reason.WITHDRAWAL_FAILED}
    return [(event.reason, event.warning) for event in outcome.events if event.reason in reasons]


def test_a_slot_that_is_lost_has_its_orders_withdrawn_once(cluster: Cluster) -> None:
    lose(cluster)
    outcome = cluster.step()

    assert [job["metadata"]["name"] for job in outcome.withdraw] == [JOB]
    assert withdrawal(cluster) == Withdrawal(job=JOB, at=cluster.observed.now, state=WithdrawalState.RUNNING)
    assert told(outcome) == [("DeadMansSwitch", True)]
    (ready,) = [condition for condition in cluster.bot.status.conditions if condition.type == "Ready"]
    assert (ready.reason, f"withdrawn by Job {JOB}" in ready.message) == ("RuntimeUnreachable", True)
    assert outcome.requeue_after_s == RECHECK_S
    lose(cluster, job=made_job())
    again = cluster.step()
    assert (again.withdraw, told(again)) == ((), [])


def _heard(cluster: Cluster) -> None:
    lose(cluster)
    cluster.pods[0] = replace(cluster.pods[0], stream=replace(cluster.pods[0].stream, connected=True))


def _renewed(cluster: Cluster) -> None:
    lose(cluster, replace(RUN_OUT, unrenewed_for_s=120 + MARGIN_S))


def _given_back(cluster: Cluster) -> None:
    lose(cluster, replace(RUN_OUT, holder=""))


def _lease_deleted(cluster: Cluster) -> None:
    lose(cluster, None)


def _without_orders(cluster: Cluster) -> None:
    lose(cluster)
    pod = cluster.pods[0]
    assert pod.stream.report
    flat = tuple(msgspec.structs.replace(market, open_orders=0) for market in pod.stream.report.markets)
    report = msgspec.structs.replace(pod.stream.report, state=TradingState.HALTED, markets=flat)
    cluster.pods[0] = replace(pod, stream=replace(pod.stream, report=report))


@pytest.mark.parametrize("so", [_heard, _renewed, _given_back, _lease_deleted, _without_orders])
def test_nobodys_orders_are_withdrawn_that_may_live_or_has_none(
    cluster: Cluster, so: Callable[[Cluster], None]
) -> None:
    so(cluster)

    assert cluster.decide().withdraw == ()


def test_an_operator_that_hears_nobody_while_all_renew_withdraws_for_nobody() -> None:
    cluster = Cluster(bot(spec(("AAAUSDT", "BBBUSDT", "CCCUSDT"), replicas=3, **LIVE)), venues={"venue": KEYED})
    cluster.settle()
    for n, pod in cluster.pods.items():
        cluster.pods[n] = replace(pod, stream=replace(pod.stream, connected=False, lost_for_s=900))
    renewing = {n: replace(RUN_OUT, unrenewed_for_s=29.0) for n in cluster.pods}
    cluster.observed = replace(cluster.observed, silences=renewing)

    assert cluster.decide().withdraw == ()


@pytest.mark.parametrize("lost_for_s", [0.1, 1.9])
def test_a_slot_whose_stream_broke_a_moment_ago_is_looked_at_again_by_each_look(
    cluster: Cluster, lost_for_s: float
) -> None:
    """A look that came in between, for any other reason, must not be the last one until its node is called lost."""
    pod = cluster.pods[0]
    cluster.pods[0] = replace(pod, stream=replace(pod.stream, lost_for_s=lost_for_s))

    outcome = cluster.decide()

    assert outcome.status == cluster.bot.status
    assert outcome.requeue_after_s == pytest.approx(cluster.installation.lost_grace_s - lost_for_s)


def test_who_was_not_asked_about_because_the_leader_had_just_begun_is_asked_about_soon() -> None:
    """Not with the time at which the answers came, for then nobody would look again."""
    made = bot(spec(**LIVE), namespace="default")
    at = datetime(2026, 1, 2, tzinfo=UTC)
    observer = Observer(Store(), lambda _: Stream(), lambda: at, lambda: UNHEARD_AFTER_S + 0.1)

    assert observer.lost_slots(made, UNHEARD_AFTER_S - 0.1) == []
    assert observer.observe(made, Asked(since_start_s=UNHEARD_AFTER_S - 0.1)).since_start_s < UNHEARD_AFTER_S


def test_paper_has_nothing_at_a_venue() -> None:
    cluster = Cluster(bot(spec(mode="Paper")))
    cluster.settle()
    lose(cluster)

    assert cluster.decide().withdraw == ()


def arguments(cluster: Cluster) -> list[str]:
    (job,) = cluster.decide().withdraw
    found: list[str] = job["spec"]["template"]["spec"]["containers"][0]["args"]
    return found


def test_a_slot_that_is_lost_on_its_way_from_live_to_paper_has_its_orders_withdrawn(cluster: Cluster) -> None:
    """Its configuration says Paper before any process of it has let go of what the Live one had."""
    cluster.respecify(spec(mode="Paper", risk=LIVE_RISK))
    cluster.step()
    slots = cluster.children["ConfigMap", names.slots_config_map("maker")]
    assert (cluster.config(0).mode, reaches_an_account(cluster.bot, slots)) == (Mode.PAPER, True)
    lose(cluster)
    assert arguments(cluster)[-1] == "--left-by-live"


def test_who_has_let_go_of_what_it_had_in_mode_live_is_not_asked_about(cluster: Cluster) -> None:
    cluster.respecify(spec(mode="Paper", risk=LIVE_RISK))
    cluster.settle()
    assert not reaches_an_account(cluster.bot, cluster.children["ConfigMap", names.slots_config_map("maker")])
    lose(cluster)
    assert cluster.decide().withdraw == ()


@pytest.mark.parametrize(("ended", "state", "event"), [
    ("Complete", WithdrawalState.SUCCEEDED, ("OrdersWithdrawn", False)),
    ("Failed", WithdrawalState.FAILED, ("WithdrawalFailed", True)),
])  # fmt: skip
def test_what_became_of_the_job_is_told_once(
    cluster: Cluster, ended: str, state: WithdrawalState, event: tuple[str, bool]
) -> None:
    lose(cluster)
    cluster.step()
    lose(cluster, job=made_job(ended))
    outcome = cluster.step()

    assert (withdrawal(cluster) or outcome).state == state  # type: ignore[union-attr]  # it is one
    assert told(outcome) == [event]
    assert told(cluster.step()) == []


def test_a_job_that_a_person_has_deleted_is_made_again_unless_it_had_succeeded(cluster: Cluster) -> None:
    lose(cluster)
    cluster.step()
    lose(cluster, job=made_job("Failed"))
    cluster.step()
    lose(cluster)
    assert [job["metadata"]["name"] for job in cluster.step().withdraw] == [JOB]

    lose(cluster, job=made_job("Complete"))
    cluster.step()
    lose(cluster)
    assert cluster.step().withdraw == ()


def test_a_slot_that_is_heard_again_needs_no_job(cluster: Cluster) -> None:
    lose(cluster)
    cluster.step()
    cluster.observed = replace(cluster.observed, jobs={0: made_job("Complete")}, silences={})
    cluster.pods[0] = replace(cluster.pods[0], stream=replace(cluster.pods[0].stream, connected=True))
    outcome = cluster.step()

    assert [(gone.kind, gone.name, gone.uid) for gone in outcome.withdrawn] == [("Job", JOB, "job-uid")]
    assert withdrawal(cluster) is None


def test_a_process_that_lived_since_without_being_heard_and_is_lost_again_gets_a_job_of_its_own(
    cluster: Cluster,
) -> None:
    lose(cluster)
    cluster.step()
    lose(cluster, replace(RUN_OUT, renewal="fedcba9876543210", unrenewed_for_s=3), made_job("Complete"))
    outcome = cluster.step()
    assert ([gone.name for gone in outcome.withdrawn], outcome.withdraw, withdrawal(cluster)) == ([JOB], (), None)

    lose(cluster, replace(RUN_OUT, renewal="fedcba9876543210"))
    assert [job["metadata"]["name"] for job in cluster.step().withdraw] == ["maker-0-cancel-fedcba98"]


def test_hands_off_are_not_off_orders(cluster: Cluster) -> None:
    metadata = cluster.bot.metadata.model_copy(update={"annotations": {names.RECONCILE: names.DISABLED}})
    cluster.bot = replace(cluster.bot, metadata=metadata)
    lose(cluster)

    assert [job["metadata"]["name"] for job in cluster.decide().withdraw] == [JOB]


def test_the_job_can_do_nothing_but_cancel_this_slots_orders() -> None:
    """No token, no control stream, and of two venues the credentials of both, for both have orders of it."""
    there = KEYED.model_copy(update={"credentials_secret_ref": KEYED.credentials_secret_ref.model_copy(  # type: ignore[union-attr]  # KEYED has one
        update={"name": "keys-there"})})  # fmt: skip
    unused = KEYED.model_copy()
    venues = {"venue": KEYED, "there": there, "unused": unused}
    cluster = Cluster(bot(hedged_spec(**LIVE)), venues=venues)
    cluster.settle()
    status = cluster.bot.status
    numbered = tuple(slot.model_copy(update={"bot_number": "0badcafe"}) for slot in status.slots)
    cluster.bot = replace(cluster.bot, status=status.model_copy(update={"slots": numbered}))
    lose(cluster)
    (job,) = cluster.decide().withdraw
    pod, labels = job["spec"]["template"]["spec"], job["spec"]["template"]["metadata"]["labels"]
    (container,) = pod["containers"]

    assert container["args"] == ["cancel-all", "--slot-config", "/etc/tradingbot/slots", "--slot", "0", "--credentials",
                                 CREDENTIALS, "--within", "60", "--former-bot", "0badcafe"]  # fmt: skip
    assert pod["automountServiceAccountToken"] is False
    secrets = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
    assert sorted(secrets) == ["keys", "keys-there"]
    assert not names.labels("maker").items() <= labels.items(), "no selector of the bot's objects may mean its pod"
    assert container["securityContext"]["readOnlyRootFilesystem"]


def test_credentials_of_a_venue_that_only_gives_prices_are_not_the_jobs() -> None:
    market = {"name": "btc", "reference": {"venue": "prices", "symbol": "BTCUSDT"},
              "execution": {"venue": "venue", "symbol": "BTCUSDT"}}  # fmt: skip
    prices = KEYED.model_copy(update={"credentials_secret_ref": KEYED.credentials_secret_ref.model_copy(  # type: ignore[union-attr]  # KEYED has one
        update={"name": "keys-of-prices"})})  # fmt: skip
    cluster = Cluster(bot(spec(markets=[market], **LIVE)), venues={"venue": KEYED, "prices": prices})
    cluster.settle()
    lose(cluster)
    (job,) = cluster.decide().withdraw

    volumes = job["spec"]["template"]["spec"]["volumes"]
    assert [volume["secret"]["secretName"] for volume in volumes if "secret" in volume] == ["keys"]
