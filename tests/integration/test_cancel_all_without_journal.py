"""`cancel-all` by a slot's configuration alone: its volume went with its node."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.mounted_config import configuration
from harness.runtime_process import STILL, RuntimeProcess, cancel_all, making, ours_at_venue, runtime
from harness.simulator import SimulatorProcess


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(*STILL) as started:
        yield started


def test_the_slots_orders_are_withdrawn_and_another_bots_stay(
    dead: RuntimeProcess, tmp_path: Path, simulator: SimulatorProcess
) -> None:
    spec = {"strategy": {"marketMaking": making(spreadBps="30")}}
    with runtime(tmp_path / "other", simulator, spec=spec) as other:
        other.start().until_quoting()

        ended = cancel_all(dead, slot_config=configuration(dead))

        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert ended.stdout.count("cancelled") == 4
        assert "no order of ours at venue simulator; 4 of others left alone" in ended.stdout
        assert ours_at_venue(dead) == set()
        assert len(ours_at_venue(other)) == 4


def test_a_bot_that_was_made_anew_on_the_volume_of_a_former_one_names_its_number(dead: RuntimeProcess) -> None:
    """The journal goes on marking orders as the first bot's, whose uid the configuration does not have any more."""
    number = dead.prefix[4:12]
    anew = configuration(dead, bot={"namespace": "default", "name": "anew", "uid": "another"})

    assert cancel_all(dead, slot_config=anew).stdout.count("cancelled") == 0
    assert len(ours_at_venue(dead)) == 4
    ended = cancel_all(dead, "--former-bot", number, slot_config=anew)

    assert (ended.returncode, ended.stdout.count("cancelled")) == (0, 4)
    assert ours_at_venue(dead) == set()


def test_another_slots_orders_stay(dead: RuntimeProcess) -> None:
    folder = configuration(dead, slot=1)

    ended = cancel_all(dead, slot_config=folder)

    assert (ended.returncode, ended.stdout.count("cancelled")) == (0, 0)
    assert len(ours_at_venue(dead)) == 4


def test_in_mode_paper_only_who_says_that_it_was_live_has_orders_withdrawn(dead: RuntimeProcess) -> None:
    folder = configuration(dead, mode="Paper")
    ended = cancel_all(dead, slot_config=folder)
    assert (ended.returncode, len(ours_at_venue(dead))) == (0, 4)
    assert "nothing in its markets is at a venue" in ended.stdout

    ended = cancel_all(dead, "--left-by-live", slot_config=folder)

    assert (ended.returncode, ended.stdout.count("cancelled")) == (0, 4), ended.stdout + ended.stderr
    assert ours_at_venue(dead) == set()


def test_a_configuration_that_cannot_be_used_is_one_line(dead: RuntimeProcess, tmp_path: Path) -> None:
    (tmp_path / "slot-0.json").write_text("{")
    for folder, told in ((tmp_path, "slot-0.json"), (tmp_path / "none", "no such file")):
        ended = cancel_all(dead, slot_config=folder)

        assert ended.returncode == 2
        assert told in ended.stderr.lower()
        assert len(ended.stderr.splitlines()) == 1, ended.stderr
