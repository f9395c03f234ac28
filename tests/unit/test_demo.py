"""The demo, as far as it needs no cluster: what it mounts, what its numbers allow, what it prints."""

import base64
import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import steps
import yaml
from recording_parts import MOST_PARTS, PART_BYTES, SYMBOL, NoRecording, config_maps, require_recording
from steps import TRY, closing_lines

from harness.simulator import book_ticker
from tradingbot_operator.core import names

ETHER = book_ticker(7, ("2000.00", "1"), ("2000.01", "1"), "ETHUSDT")
ROOT = Path(__file__).resolve().parents[2]
ONE_MIB = 1 << 20


def documents(name: str) -> dict[str, Any]:
    found = yaml.safe_load_all((ROOT / f"manifests/demo/{name}.yaml").read_text(encoding="utf-8"))
    return {document["kind"]: document for document in found}


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, MOST_PARTS * PART_BYTES])
def test_the_parts_of_a_recording_are_the_recording_and_each_fits_into_one_object(tmp_path: Path, size: int) -> None:
    recording = tmp_path / "recording"
    recording.write_bytes(bytes(number % 251 for number in range(size)))
    made = config_maps(recording, "ns")

    files = {name: base64.b64decode(text) for part in made for name, text in part["binaryData"].items()}
    assert b"".join(files[name] for name in sorted(files)) == recording.read_bytes()
    assert all(len(json.dumps(part)) < ONE_MIB for part in made)
    assert {part["metadata"]["namespace"] for part in made} == {"ns"}


def test_a_part_that_a_shorter_recording_does_not_need_is_emptied_and_no_recording_needs_none(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"x")
    assert [bool(part["binaryData"]) for part in config_maps(tmp_path / "short", "ns")] == [True] + 7 * [False]
    assert not any(part["binaryData"] for part in config_maps(None, "ns"))


def test_a_recording_that_does_not_fit_is_refused_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(bytes(MOST_PARTS * PART_BYTES + 1))
    with pytest.raises(NoRecording, match=rf"long: at most {MOST_PARTS * PART_BYTES} bytes; this one has 5600001"):
        require_recording(tmp_path / "long")


def test_the_simulator_mounts_every_part() -> None:
    (volume,) = documents("simulator")["Deployment"]["spec"]["template"]["spec"]["volumes"]
    mounted = {source["configMap"]["name"] for source in volume["projected"]["sources"]}
    assert mounted == {part["metadata"]["name"] for part in config_maps(None, "ns")}


def test_the_demos_rates_allow_a_full_re_quote_at_once_and_the_exchange_allows_the_rates() -> None:
    bot = documents("bot")
    limit = bot["Venue"]["spec"]["rateLimit"]
    orders = 2 * bot["TradingBot"]["spec"]["strategy"]["marketMaking"]["layers"]
    assert limit["burst"] >= 2 * orders, "cancels and places"
    assert float(limit["ordersPerSecond"]) >= 2 * orders
    assert bot["TradingBot"]["spec"]["risk"]["maxOpenOrders"] >= orders

    (container,) = documents("simulator")["Deployment"]["spec"]["template"]["spec"]["containers"]
    allowed = int(container["args"][container["args"].index("--orders-per-10s") + 1])
    assert allowed >= 10 * float(limit["ordersPerSecond"])


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the demo prints with these arguments, where it starts nothing."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["demo", *arguments])
        assert steps.main() == 1
        return capsys.readouterr().out

    return run


def test_a_line_is_not_wrapped_where_the_output_is_no_terminal(tmp_path: Path, printed: Callable[..., str]) -> None:
    path = tmp_path / ("a word " * 30).strip()
    assert printed("up", "--data", str(path)) == f"{path}: there is no such file or folder\n"


NEEDED = f"; needed: lines of `<local ns> <json frame>` from the streams bookTicker, depth or trade of {SYMBOL}\n"
NOT_RECORDINGS = [
    ("empty", b"", f"has no lines{NEEDED}"),
    ("empty.gz", gzip.compress(b""), f"has no lines{NEEDED}"),
    ("a text", b"To whom it may concern\n" * 9, f"none of its 9 lines can be used (9 NoTimeStamp){NEEDED}"),
    ("a.gz", gzip.compress(b"1 {\n2 {}\n"), f"none of its 2 lines can be used (1 NotJson, 1 OtherStream){NEEDED}"),
    ("ether.gz", gzip.compress(json.dumps(ETHER).encode().join((b"1 ", b"\n"))),
     f"none of its 1 lines can be used (1 OtherSymbol){NEEDED}"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "said"), NOT_RECORDINGS, ids=[row[0] for row in NOT_RECORDINGS])
def test_what_is_no_recording_ends_the_demo_before_anything_is_started(
    tmp_path: Path, printed: Callable[..., str], name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert printed("up", "--data", str(path)) == f"{path}: {said}"


def test_a_folder_is_no_recording(tmp_path: Path, printed: Callable[..., str]) -> None:
    assert printed("up", "--data", str(tmp_path)) == f"{tmp_path}: is a folder; name a file\n"


@pytest.mark.parametrize("packed", [False, True])
def test_a_recording_of_the_demos_symbol_is_one(tmp_path: Path, *, packed: bool) -> None:
    line = b"1 " + json.dumps(book_ticker(7, ("60000.00", "1"), ("60000.01", "1"), SYMBOL)).encode() + b"\n"
    (tmp_path / "recording").write_bytes(gzip.compress(line) if packed else line)
    require_recording(tmp_path / "recording")


def test_the_simulator_trades_the_symbol_that_a_recording_must_have() -> None:
    (container,) = documents("simulator")["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["args"][container["args"].index("--symbol") + 1] == SYMBOL


def test_the_closing_lines_say_that_the_volume_stays_and_how_to_delete_it() -> None:
    assert "the journal's volume stays" in TRY
    assert f"delete pvc -l {names.BOT}=demo" in TRY


def test_the_closing_lines_name_the_cluster_that_the_demo_runs_on_and_no_other() -> None:
    assert closing_lines("tradingbot") == TRY
    lines = closing_lines("second")
    assert "kubectl --name second -n tradingbot-demo" in lines
    assert lines.rstrip().endswith("make demo-down CLUSTER=second")
