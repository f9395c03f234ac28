"""What `Halted` says at three in the morning: the cause once, and how to resume always last and whole."""

from dataclasses import replace

import pytest

from harness.bot_model import Cluster, bot, spec
from tradingbot_operator.api.v1alpha1 import HaltStatus
from tradingbot_operator.core.conditions import MAX_MESSAGE
from tradingbot_operator.core.halted import Resumes, in_words
from tradingbot_operator.core.observed import StopOrder

UID = "0123456789"


def laid(slot: int, reason: str = "audit", name: str = "stop", *, confirmed: bool = True) -> HaltStatus:
    return HaltStatus(id=f"{name}-01234567-{slot}", slot=slot, reason="GlobalHalt", at="2026-01-02T00:00:00Z",
                      by=f"TradingHalt/{name}", message=reason, trading_halt=name, tradingHaltUID=f"{UID}{name}",
                      confirmed=confirmed)  # fmt: skip


def breach(slot: int, message: str = "") -> HaltStatus:
    return HaltStatus(id=f"maker-{slot}-1", slot=slot, reason="RiskBreachMaxLoss", at="2026-01-02T00:00:00Z",
                      by="risk", value="" if message else "120 USDT", limit="100 USDT", message=message)  # fmt: skip


def test_a_long_reason_for_twelve_slots_is_told_once_and_the_line_to_copy_is_whole() -> None:
    halts = [laid(slot, "x" * 256) for slot in range(12)]

    message = in_words(halts, {f"{UID}stop"})

    assert message == (
        f"12 slots (0, 1, 2, 3, 4 and 7 more): GlobalHalt: {'x' * 256}, by TradingHalt/stop; 3 ids are here and 9 more "
        "in status.halts. To resume: delete tradinghalt/stop first, then annotate the bot with "
        "tradingbot.dev/resume=stop-01234567-0,stop-01234567-1,stop-01234567-2"
    )
    assert len(message) <= MAX_MESSAGE


@pytest.mark.parametrize("count", [1, 2, 3, 4, 12, 40])
def test_whatever_there_is_to_be_told_the_line_to_copy_is_last_and_whole(count: int) -> None:
    long = "n" * 40
    halts = [replace_reason(breach(slot, f"{slot} " + "y" * 500)) for slot in range(count)]
    halts += [laid(slot, "z" * 256, long, confirmed=False) for slot in range(count)]

    message = in_words(halts, {f"{UID}{long}"})

    ids = ",".join(halt.id for halt in halts[:3])
    first = f"delete tradinghalt/{long} first, then "
    assert message.endswith(f". To resume: {first}annotate the bot with tradingbot.dev/resume={ids}")
    assert len(message) <= MAX_MESSAGE


def replace_reason(halt: HaltStatus) -> HaltStatus:
    return halt.model_copy(update={"id": f"{halt.id:i<64}"})


def test_slots_that_have_not_confirmed_are_named_beside_the_cause_that_they_share() -> None:
    message = in_words([laid(0), laid(1, confirmed=False), laid(2, confirmed=False)], ())

    assert message.startswith(
        "3 slots (0, 1, 2): GlobalHalt: audit, by TradingHalt/stop, not confirmed yet by slot 1, 2. To resume: annotate"
    )


def test_a_slot_with_many_halts_is_told_and_counted_once() -> None:
    many = [breach(slot) for slot in (1, 0, 1)] + [laid(0) for _ in range(45)]

    message = in_words(many, ())

    assert message.startswith("2 slots (0, 1): RiskBreachMaxLoss 120 USDT, limit 100 USDT, by risk; slot 0: GlobalHalt")


def test_a_resume_that_is_known_is_told_with_what_it_waits_for_and_is_not_asked_for_again() -> None:
    halts, known = [breach(0), breach(1)], Resumes(awaited={(0, "maker-0-1")})
    waits = ". The resume of maker-0-1 is known, and waits for the runtime of slot 0 to confirm it"

    assert in_words(halts[:1], (), known).endswith(waits)
    both = in_words(halts, (), known)
    assert both.endswith(f"{waits}. To resume: annotate the bot with tradingbot.dev/resume=maker-1-1")


def test_different_causes_are_told_in_their_order() -> None:
    message = in_words([breach(1), laid(0), laid(1)], {f"{UID}stop"})

    assert message.startswith(
        "slot 1: RiskBreachMaxLoss 120 USDT, limit 100 USDT, by risk; 2 slots (0, 1): GlobalHalt: audit, by "
    )


def test_every_trading_halt_that_stands_is_to_be_deleted_first() -> None:
    message = in_words([laid(0), laid(0, name="other")], {f"{UID}stop", f"{UID}other"})

    assert "To resume: delete tradinghalt/stop, tradinghalt/other first, then annotate" in message


def test_a_trading_halt_is_to_be_deleted_only_while_it_is_there_and_selects_the_bot() -> None:
    order = StopOrder("stop", f"{UID}stop", "audit", flatten=False, until_deleted=False, selected=True)
    cluster = Cluster(bot(spec()))
    cluster.observed = replace(cluster.observed, stop_orders=(order,))
    cluster.settle()
    assert "delete tradinghalt/stop first" in halted(cluster)

    for gone in ((), (replace(order, selected=False),)):
        cluster.observed = replace(cluster.observed, stop_orders=gone)
        cluster.settle()
        assert "delete" not in halted(cluster)
        assert "annotate the bot with tradingbot.dev/resume=stop-01234567-0" in halted(cluster)


def halted(cluster: Cluster) -> str:
    return next(c.message for c in cluster.bot.status.conditions if c.type == "Halted")
