"""When a rollout may go on: by windows, blackouts and time zones, and by positions. No clock is read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.bot_model import Cluster, bot, spec
from harness.examples import examples
from tradingbot_operator.api.v1alpha1 import Condition, Phase
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.gates import Closed
from tradingbot_operator.core.observed import Trouble
from tradingbot_operator.windows import closed, schedule_problems
from tradingbot_runtime.config import Rollout

MORNINGS = {"schedule": "0 6 * * MON-FRI", "duration": "2h", "timeZone": "Europe/Berlin"}
FUNDING = {"schedule": "30 */8 * * *", "duration": "1h"}
FOUR = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")


def rollout(*windows: dict[str, Any], blackouts: tuple[dict[str, Any], ...] = (), **more: Any) -> Rollout:  # noqa: ANN401 - fields
    return Rollout.model_validate({"windows": list(windows), "blackouts": list(blackouts)} | more)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("now", "until"), [
    ("2026-11-27T04:59:59", "2026-11-27T05:00:00Z"),  # a Friday; Berlin is an hour ahead in winter
    ("2026-11-27T05:00:00", None),  # the first moment is within
    ("2026-11-27T06:59:59", None),
    ("2026-11-27T07:00:00", "2026-11-30T05:00:00Z"),  # the last is not; then Monday
    ("2026-07-10T04:00:00", None),  # two hours in summer
    ("2026-07-10T03:59:00", "2026-07-10T04:00:00Z"),
    ("2026-03-27T09:00:00", "2026-03-30T04:00:00Z"),  # the clock goes forward on the Sunday in between
])  # fmt: skip
def test_a_window_opens_by_the_clock_of_its_time_zone(now: str, until: str | None) -> None:
    found = closed(rollout(MORNINGS), utc(now))

    assert (found.until if found else None) == until
    if found:
        assert found.reason is Reason.OUTSIDE_MAINTENANCE_WINDOW
        assert found.message == "restarts wait for window 0 6 * * MON-FRI Europe/Berlin for 2h"
        assert found.for_s == (datetime.fromisoformat(found.until) - utc(now)).total_seconds()


def test_without_windows_it_is_always_open_and_no_clock_matters() -> None:
    assert closed(Rollout(), utc("2026-11-27T05:00:00")) is None


def test_a_window_over_midnight_is_open_on_both_sides() -> None:
    night = rollout({"schedule": "0 23 * * SAT", "duration": "3h"})

    assert closed(night, utc("2026-11-28T23:30:00")) is None
    assert closed(night, utc("2026-11-29T01:59:00")) is None
    assert closed(night, utc("2026-11-29T02:00:00")) is not None


def test_of_several_windows_the_one_that_opens_next_is_told() -> None:
    found = closed(rollout(MORNINGS, {"schedule": "0 12 * * *", "duration": "30m"}), utc("2026-11-27T09:00:00"))

    assert found
    assert (found.until, found.message) == ("2026-11-27T12:00:00Z", "restarts wait for window 0 12 * * * UTC for 30m")


def test_a_blackout_closes_also_where_there_is_no_window_and_says_when_it_ends() -> None:
    found = closed(rollout(blackouts=(FUNDING,)), utc("2026-11-27T08:45:00"))

    assert found == Closed(Reason.BLACKOUT, "no restart within blackout 30 */8 * * * UTC for 1h",
                           "2026-11-27T09:30:00Z", 45 * 60)  # fmt: skip


def test_what_follows_a_blackout_is_the_next_window_if_it_is_closed_by_then() -> None:
    both = rollout({"schedule": "0 8 * * *", "duration": "1h"}, blackouts=(FUNDING,))

    assert closed(both, utc("2026-11-27T08:29:00")) is None
    within = closed(both, utc("2026-11-27T08:31:00"))
    assert within
    assert (within.reason, within.until) == (Reason.BLACKOUT, "2026-11-28T08:00:00Z")


def test_windows_that_blackouts_cover_for_ever_say_so() -> None:
    always = {"schedule": "* * * * *", "duration": "1h"}
    found = closed(rollout(MORNINGS, blackouts=(always,)), utc("2026-11-27T08:31:00"))

    assert found
    assert (found.reason, found.until, found.for_s) == (Reason.BLACKOUT, "", None)


@pytest.mark.parametrize(("window", "said"), [
    (MORNINGS | {"timeZone": "Europe/Berlinn"}, "windows[0].timeZone: 'Europe/Berlinn': there is no such time zone"),
    (MORNINGS | {"timeZone": "Europe"}, "windows[0].timeZone: 'Europe': there is no such time zone"),
    (MORNINGS | {"schedule": "0 6 * * FRI-MON"}, "windows[0].schedule: '0 6 * * FRI-MON': Bad day-of-week"),
    (MORNINGS | {"schedule": "0 0 31 2 *"}, "windows[0].schedule: '0 0 31 2 *': "),
])  # fmt: skip
def test_a_schedule_that_never_comes_is_told_with_its_place(window: dict[str, Any], said: str) -> None:
    (problem,) = schedule_problems(rollout(window))

    assert problem.startswith(f"spec.rollout.{said}")


MINUTES, HOURS, DAYS = ("0", "30", "*/20"), ("0", "6", "*/6", "1-3"), ("*", "SUN", "1-5")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")


@st.composite
def some_windows(draw: st.DrawFn) -> dict[str, Any]:
    minute, hour, day = (draw(st.sampled_from(known)) for known in (MINUTES, HOURS, DAYS))
    hours, zone = draw(st.integers(1, 12)), draw(st.sampled_from(ZONES))
    return {"schedule": f"{minute} {hour} * * {day}", "duration": f"{hours}h", "timeZone": zone}


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(some_windows(), max_size=3), st.lists(some_windows(), max_size=2), st.integers(0, 365 * 24 * 60))
def test_it_opens_when_it_says_so_and_not_before(
    windows: list[dict[str, Any]], blackouts: list[dict[str, Any]], minute: int
) -> None:
    wanted, now = rollout(*windows, blackouts=tuple(blackouts)), utc("2026-01-01T00:00:00") + timedelta(minutes=minute)
    found = closed(wanted, now)

    if found and found.until:
        opens = datetime.fromisoformat(found.until)
        assert closed(wanted, opens) is None
        for part in range(1, 20):
            before = closed(wanted, now + (opens - now) * part / 20)
            assert before
            assert before.until == found.until


NIGHT = Closed(Reason.OUTSIDE_MAINTENANCE_WINDOW, "restarts wait for window W", "2026-01-03T00:00:00Z", 3600.0)
NEW_IMAGE = {"pod": {"image": "runtime:2"}}


def waiting(**changes: Any) -> Cluster:  # noqa: ANN401 - fields of the spec
    """A rollout that the calendar holds up."""
    cluster = Cluster(bot(spec(FOUR, replicas=3)))
    cluster.settle()
    cluster.observed = replace(cluster.observed, closed=NIGHT)
    cluster.respecify(spec(FOUR, replicas=3, **(changes or NEW_IMAGE)))
    return cluster


def said(cluster: Cluster, kind: str) -> Condition:
    return next(c for c in cluster.bot.status.conditions if c.type == kind)


def uids(cluster: Cluster) -> dict[int, str]:
    return {n: pod.uid for n, pod in cluster.pods.items()}


def test_a_restart_waits_for_its_window_says_so_and_is_no_stall() -> None:
    cluster = waiting()
    before = uids(cluster)
    cluster.settle()

    assert uids(cluster) == before
    waits = cluster.bot.status.pending_change
    assert waits
    assert (waits.change, waits.slots, waits.reason) == ("Restart", (0, 1, 2), "OutsideMaintenanceWindow")
    assert (waits.message, waits.not_before) == (NIGHT.message, NIGHT.until)
    told = {kind: (said(cluster, kind).status, said(cluster, kind).reason) for kind in (
        "Ready", "Reconciling", "Stalled", "Progressing", "Available", "TradingEnabled")}  # fmt: skip
    assert told == {
        "Ready": ("False", "OutsideMaintenanceWindow"), "Reconciling": ("False", "OutsideMaintenanceWindow"),
        "Stalled": ("False", "Progressing"), "Progressing": ("False", "OutsideMaintenanceWindow"),
        "Available": ("True", "MinimumSlotsReady"), "TradingEnabled": ("True", "Enabled"),
    }  # fmt: skip
    assert cluster.bot.status.phase is Phase.RUNNING
    assert cluster.decide().requeue_after_s == 3601
    assert not any(event.warning for event in cluster.decide().events)


def test_it_goes_on_when_the_window_opens() -> None:
    cluster = waiting()
    before = uids(cluster)
    cluster.settle()
    cluster.observed = replace(cluster.observed, closed=None)
    cluster.settle()

    assert set(uids(cluster).values()).isdisjoint(before.values())
    assert (cluster.bot.status.pending_change, said(cluster, "Ready").status) == (None, "True")


def test_a_window_that_closes_in_the_middle_leaves_the_others_as_they_are() -> None:
    cluster = waiting()
    cluster.observed = replace(cluster.observed, closed=None)
    before = uids(cluster)
    while cluster.pods.get(2) is None or cluster.pods[2].uid == before[2]:
        cluster.step()
    cluster.observed = replace(cluster.observed, closed=NIGHT)
    cluster.settle()

    assert [n for n, uid in uids(cluster).items() if uid == before[n]] == [0, 1]
    waits = cluster.bot.status.pending_change
    assert waits
    assert (waits.slots, waits.reason) == ((0, 1), "OutsideMaintenanceWindow")


def test_a_pod_that_is_evicted_meanwhile_comes_back_on_the_template_that_it_had() -> None:
    cluster = waiting()
    cluster.settle()
    revision = cluster.pods[1].revision
    del cluster.pods[1]
    cluster.settle()

    assert cluster.pods[1].revision == revision


def test_a_hot_change_waits_for_no_window() -> None:
    cluster = waiting(strategy={"marketMaking": {"spreadBps": "12", "sizes": ["1"]}})
    cluster.settle()

    assert (cluster.bot.status.pending_change, said(cluster, "Ready").status) == (None, "True")


@pytest.mark.parametrize(("before", "after"), [(3, 1), (1, 3)])
def test_markets_that_move_wait_for_no_window(before: int, after: int) -> None:
    """Nobody would trade them until it opens."""
    cluster = Cluster(bot(spec(FOUR, replicas=before)))
    cluster.settle()
    cluster.observed = replace(cluster.observed, closed=NIGHT)
    cluster.respecify(spec(FOUR, replicas=after))
    seen = set()
    for _ in range(15):
        cluster.step()
        seen |= {waits.change for waits in (cluster.bot.status.pending_change,) if waits}

    assert sorted(market for markets in cluster.traded().values() for market in markets) == [s.lower() for s in FOUR]
    assert (seen, said(cluster, "Ready").status) == ({"Scale"}, "True")


def test_a_slot_that_does_not_run_is_mended_at_once() -> None:
    cluster = waiting()
    before = uids(cluster)
    broken = Trouble(Reason.IMAGE_PULL_FAILED, "no such image", hopeless=True)
    cluster.pods[2] = replace(cluster.pods[2], started=False, trouble=broken)
    for _ in range(5):
        cluster.step()

    assert [n for n, uid in uids(cluster).items() if uid == before[n]] == [0, 1]


def with_position(cluster: Cluster, slot: int, position: str) -> None:
    pod = cluster.pods[slot]
    assert pod.stream.report
    markets = tuple(msgspec.structs.replace(market, position=position) for market in pod.stream.report.markets)
    told = msgspec.structs.replace(pod.stream.report, markets=markets)
    cluster.pods[slot] = replace(pod, stream=replace(pod.stream, report=told))


def test_flat_only_waits_for_the_slot_that_is_next_and_for_no_other() -> None:
    cluster = waiting(rollout={"flatOnly": True}, **NEW_IMAGE)
    cluster.observed = replace(cluster.observed, closed=None)
    before = uids(cluster)
    with_position(cluster, 2, "0.5")
    with_position(cluster, 0, "-1")
    cluster.settle()
    assert uids(cluster) == before
    waits = cluster.bot.status.pending_change
    assert waits
    assert waits.reason == "NotFlat"
    assert waits.message.startswith("slot 2 holds a position in ")
    assert waits.not_before is None
    assert cluster.decide().requeue_after_s == 6

    with_position(cluster, 2, "0.000")
    cluster.settle()

    assert [n for n, uid in uids(cluster).items() if uid == before[n]] == [0]
    waits = cluster.bot.status.pending_change
    assert waits
    assert (waits.slots, waits.reason) == ((0,), "NotFlat")


def test_a_slot_that_does_not_answer_is_not_called_flat() -> None:
    cluster = waiting(rollout={"flatOnly": True}, **NEW_IMAGE)
    cluster.observed = replace(cluster.observed, closed=None)
    cluster.pods[2] = replace(cluster.pods[2], stream=replace(cluster.pods[2].stream, connected=False))
    before = uids(cluster)
    for _ in range(5):
        cluster.step()

    assert uids(cluster) == before
    waits = cluster.bot.status.pending_change
    assert waits
    assert waits.reason == "NotFlat"


def test_a_schedule_that_never_comes_is_refused_and_the_last_valid_spec_goes_on() -> None:
    cluster = waiting()
    wrong = ("spec.rollout.windows[0].schedule: 'x': no such day ever comes",)
    cluster.observed = replace(cluster.observed, closed=None, schedule_problems=wrong)
    before = uids(cluster)
    cluster.settle()

    assert uids(cluster) == before
    assert (said(cluster, "SpecAccepted").status, said(cluster, "SpecAccepted").reason) == ("False", "SpecInvalid")
    assert "no such day ever comes" in said(cluster, "SpecAccepted").message
