"""A damaged journal is refused in one line, trading stays off, and not a byte of it is changed."""

import hashlib
import random
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.engines import BTC
from tradingbot_runtime.core.orders import Order, OrderState
from tradingbot_runtime.errors import JournalError
from tradingbot_runtime.journal import ConfigApplied, Journal, mark, opening
from tradingbot_runtime.journal.opening import LIVES_AFTER_A_COPY
from tradingbot_runtime.model import Lots, Nanos, OrderFilled, OrderId, Side, Ticks

NAME = "journal.sqlite3"
REFERENCE = (Path(__file__).parents[2] / "docs/reference/journal.md").read_text(encoding="utf-8")
PAGE = 4096
FRAME = PAGE + 24


@dataclass(frozen=True)
class Written:
    """A journal as its killed process left it: the file, a write-ahead log that is ahead of it, and the mark."""

    folder: Path

    def copy(self, to: Path) -> Path:
        shutil.copytree(self.folder, to)
        return to / NAME

    @property
    def bytes(self) -> int:
        return (self.folder / NAME).stat().st_size

    @property
    def log_bytes(self) -> int:
        return (self.folder / f"{NAME}-wal").stat().st_size


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("written")
    live = folder / "live"
    with Journal(live / NAME) as journal:
        fill_with(journal, 1, range(60))
    killed = folder / "killed"
    with Journal(live / NAME) as journal:
        fill_with(journal, 2, range(60, 90))
        killed.mkdir()
        for file in live.iterdir():
            if not file.name.endswith("-shm"):
                shutil.copy(file, killed / file.name)
    return Written(killed)


def fill_with(journal: Journal, epoch: int, numbers: range) -> None:
    assert journal.next_epoch(0) == epoch
    for number in numbers:
        document = "long enough to need pages of its own" * 200 if number % 10 == 0 else "short"
        record = ConfigApplied(time_ns=Nanos(number), config_hash="h", document=document)
        order_id = OrderId(f"o{number}")
        journal.write("m", [record], [Order(order_id, Side.BUY, Ticks(100), Lots(10), Lots(0), OrderState.OPEN, "v1")])
        fill = OrderFilled(time_ns=Nanos(5), order_id=order_id, trade_id=f"t{number}", side=Side.BUY, price=Ticks(100),
                           quantity=Lots(1), fee=1, fee_asset="BTC")  # fmt: skip
        assert journal.keep_fill("m", "account", BTC, fill)


def hashes(journal: Path) -> dict[str, str]:
    """Of all files but SQLite's index of its log, which is no data and is made anew by every reader."""
    files = (f for f in sorted(journal.parent.iterdir()) if not f.name.endswith("-shm"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def contents(journal: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in journal.parent.iterdir()}


def unchanged(journal: Path, before: dict[str, str]) -> bool:
    """A reader may leave an empty log beside it; what there was is as it was."""
    after = hashes(journal)
    return {name: after.get(name) for name in before} == before


def refused_untouched(journal: Path, match: str = "^/") -> str:
    before = hashes(journal)
    with pytest.raises(JournalError, match=match) as refused:
        Journal(journal)
    assert unchanged(journal, before)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(f"{journal}: ")
    return str(refused.value)


def refused_or_whole(journal: Path) -> bool:
    """Refused untouched; or what was cut off is in the log as well, and nothing is lost. Which of them."""
    before = hashes(journal)
    try:
        with Journal(journal) as opened:
            assert len(opened.orders_not_closed("m")) == sum(1 for _ in opened.fills("m")) == 90
            return False
    except JournalError:
        assert unchanged(journal, before)
        return True


def cuts(whole: int, step: int, offset: int) -> Iterator[int]:
    yield from range(offset, whole, step)
    yield from random.Random(20).sample(range(1, whole), 40)  # noqa: S311 - which bytes, and the same every time
    yield from (0, whole - 1)


def test_the_journal_of_a_killed_process_opens_with_all_that_was_committed(written: Written, tmp_path: Path) -> None:
    with Journal(written.copy(tmp_path / "j")) as journal:
        assert len(journal.orders_not_closed("m")) == 90
        assert sum(1 for _ in journal.fills("m")) == 90
        assert journal.next_epoch(0) == 3


def test_a_journal_cut_at_any_page_or_byte_is_refused_or_mended_by_its_log(written: Written, tmp_path: Path) -> None:
    refused = 0
    for number, cut in enumerate(cuts(written.bytes, PAGE, PAGE)):
        journal = written.copy(tmp_path / str(number))
        with journal.open("r+b") as file:
            file.truncate(cut)
        refused += refused_or_whole(journal)

    assert refused >= 20


def test_a_journal_without_a_log_cut_at_any_page_or_byte_is_refused(written: Written, tmp_path: Path) -> None:
    whole = written.copy(tmp_path / "whole")
    Journal(whole).close()
    for number, cut in enumerate(cuts(whole.stat().st_size, PAGE, PAGE)):
        journal = shutil.copytree(whole.parent, tmp_path / str(number)) / NAME
        with journal.open("r+b") as file:
            file.truncate(cut)
        refused_untouched(journal)


def test_a_few_bytes_of_noise_anywhere_are_refused_or_read_over(written: Written, tmp_path: Path) -> None:
    """Nothing checks every byte; what is not seen here must not end in an error of another kind either."""
    Journal(whole := written.copy(tmp_path / "whole")).close()
    noise, said = random.Random(7).randbytes(16), list[str]()  # noqa: S311 - damage, and the same every time
    for number, at in enumerate(range(0, whole.stat().st_size, 1_231)):
        journal = shutil.copytree(whole.parent, tmp_path / str(number)) / NAME
        with journal.open("r+b") as file:
            file.seek(at)
            file.write(noise)
        try:
            with Journal(journal) as opened:
                assert sum(1 for _ in opened.fills("m")) <= 90
        except JournalError as error:
            said.append(str(error))
        shutil.rmtree(journal.parent)
    assert len(said) >= 5
    assert not [text for text in said if "\n" in text]


def test_a_log_cut_at_any_frame_or_byte_is_refused(written: Written, tmp_path: Path) -> None:
    for number, cut in enumerate(cuts(written.log_bytes, FRAME, 32)):
        journal = written.copy(tmp_path / str(number))
        with Path(f"{journal}-wal").open("r+b") as file:
            file.truncate(cut)
        refused_untouched(journal, "cut short|cut off|damaged|malformed")


def test_a_lost_log_is_refused(written: Written, tmp_path: Path) -> None:
    journal = written.copy(tmp_path / "j")
    Path(f"{journal}-wal").unlink()

    assert "was cut short or replaced by an older copy (epoch 1 of 2, events 60 of 90, fills 60 of 90)" in (
        refused_untouched(journal)
    )


def test_the_reference_names_the_files_that_a_refusal_leaves_otherwise_than_they_were(
    written: Written, tmp_path: Path
) -> None:
    """A killed process leaves the index of its log as well."""
    journal = written.copy(tmp_path / "j")
    Path(f"{journal}-wal").unlink()
    Path(f"{journal}-shm").write_bytes(b"left by a process that was killed" * 1_000)
    before = contents(journal)
    with pytest.raises(JournalError):
        Journal(journal)
    after = contents(journal)
    (said,) = re.findall(r"What it refuses is one line.*?\n\n", REFERENCE, re.DOTALL)

    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {f"{NAME}{end}" for end in re.findall(r"`(-\w+)`", said)}


def test_a_log_without_its_journal_is_refused(written: Written, tmp_path: Path) -> None:
    journal = written.copy(tmp_path / "j")
    journal.unlink()

    refused_untouched(journal, "is missing or empty, but its journal.sqlite3-wal is there")


@pytest.mark.parametrize("garbage", [b"x", b"no database at all" * 1000, b"\0" * PAGE], ids=["byte", "text", "zeros"])
def test_what_is_no_database_is_refused(written: Written, tmp_path: Path, garbage: bytes) -> None:
    journal = written.copy(tmp_path / "j")
    journal.write_bytes(garbage)

    refused_untouched(journal, "is no journal: not a SQLite database")


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / NAME)) as database:
        database.execute("CREATE TABLE recipes (name)")

    refused_untouched(tmp_path / NAME, "is no journal: a SQLite database of something else")


def test_overwritten_pages_are_refused_or_hold_nothing(written: Written, tmp_path: Path) -> None:
    whole = written.copy(tmp_path / "whole")
    Journal(whole).close()
    for page in range(1, whole.stat().st_size // PAGE):
        journal = shutil.copytree(whole.parent, tmp_path / str(page)) / NAME
        with journal.open("r+b") as file:
            file.seek(page * PAGE)
            file.write(b"\xaa" * 64)
        refused_or_whole(journal)


def test_a_database_that_another_process_has_locked_is_refused(written: Written, tmp_path: Path) -> None:
    journal = written.copy(tmp_path / "j")
    Journal(journal).close()
    with closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")

        refused_untouched(journal, "database is locked")


def test_after_a_lost_node_missing_commits_are_no_damage_and_numbers_go_on(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = written.copy(tmp_path / "j")
    with Path(f"{journal}-wal").open("r+b") as file:
        file.truncate(written.log_bytes - 3 * FRAME)
    monkeypatch.setattr(opening, "boot_id", lambda: "another boot")  # what a test cannot bring about: a new boot

    with Journal(journal) as opened:
        assert opened.behind == "", "the last commits before a power cut: the start barrier asks the venue"
        assert opened.next_epoch(0) == 3
    Journal(journal).close()  # the mark is the journal's again


def test_an_older_copy_on_a_new_node_is_told_until_it_is_settled(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = written.copy(tmp_path / "j")
    Path(f"{journal}-wal").unlink()
    monkeypatch.setattr(opening, "boot_id", lambda: "another boot")

    for _ in range(2):
        with Journal(journal) as opened:
            assert opened.behind == "the journal is an older copy (epoch 1 of 2, events 60 of 90, fills 60 of 90)"
    with Journal(journal) as opened:
        assert opened.next_epoch(0) == 3, "above those of the lost journal: their orders must be told apart"
        opened.settle_behind()
    with Journal(journal) as opened:
        assert opened.behind == ""


def test_a_journal_that_was_moved_aside_is_told(written: Written, tmp_path: Path) -> None:
    journal = written.copy(tmp_path / "j")
    journal.unlink()
    Path(f"{journal}-wal").unlink()

    with Journal(journal) as opened:
        assert opened.behind == "the journal is missing; its mark knows 90 events"
        assert opened.next_epoch(0) == 3


def test_an_unreadable_mark_binds_nobody(written: Written, tmp_path: Path) -> None:
    journal = written.copy(tmp_path / "j")
    Path(f"{journal}.lock").write_bytes(b"\0garbage")

    with Journal(journal) as opened:
        assert opened.next_epoch(0) > 2 + LIVES_AFTER_A_COPY
        assert "may be an older copy" in opened.behind
    assert mark.Mark().is_blank


def test_a_bot_that_lost_its_journal_still_knows_which_orders_are_its_own(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with Journal(path) as journal:
        fill_with(journal, 1, range(3))
        assert journal.keep("uid", "ada-1") == "ada-1"
    path.unlink()

    with Journal(path) as journal:
        assert journal.keep("uid", "another") == "ada-1"
