"""A log is read while its process writes it: a line that is being written is not told yet."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.log_lines import entries, logged

TOLD = '{"event":"Started"}\nno object\n{"event":"Ended","why":"}"}\n'


@given(st.integers(0, len(TOLD)))
def test_whatever_has_been_written_is_read(written: int) -> None:
    assert len(entries(TOLD[:written])) == TOLD[:written].count("}\n")


def test_the_entries_of_an_event(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(TOLD)
    assert logged(tmp_path / "log", "Ended") == [{"event": "Ended", "why": "}"}]
