"""Logs as they leave a real process: through a pipe, to a reader that sleeps or goes away, and into a terminal."""

import ast
import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tradingbot_runtime.logs import LineWriter, configure_logs
from tradingbot_runtime.logs.schema import OF_EVERY_LINE, OF_SOME

ROOT = Path(__file__).parents[2]
METHODS = frozenset({"debug", "info", "warning", "error", "exception"})

PIPE_BYTES = 65_536
DEADLINE_S = 20.0

SPEAKS = """
import logging, structlog
from decimal import Decimal
from tradingbot_runtime.logs import configure_logs
configure_logs("info")
log = structlog.get_logger("feed")
log.debug("NotShown")
log.info("FeedStale", market="btc", age_ns=3_000_000_001, price=Decimal("1.10"), text="grüße\\nzwei")
try:
    raise ValueError("broken")
except ValueError:
    log.exception("Crashed")
logging.getLogger("aiohttp.server").error("from %s", "a library")
"""


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s, "the condition did not come true"
        time.sleep(0.002)


def test_a_line_is_one_json_object_with_time_level_event_and_logger_first() -> None:
    done = subprocess.run([sys.executable, "-c", SPEAKS], capture_output=True, check=True, timeout=DEADLINE_S)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["FeedStale", "Crashed", "from a library"]
    assert list(lines[0])[:4] == ["ts", "level", "event", "logger"]
    stale = lines[0]
    assert (stale["level"], stale["logger"], stale["market"], stale["age_ns"], stale["price"], stale["text"]) == (
        "info", "feed", "btc", 3_000_000_001, "1.10", "grüße\nzwei",
    )  # fmt: skip
    assert (lines[1]["exception.type"], lines[1]["exception.message"]) == ("ValueError", "broken")
    assert lines[1]["exception.stacktrace"].endswith("ValueError: broken")
    assert lines[2]["logger"] == "aiohttp.server"
    assert done.stderr == b""
    times = [line["ts"] for line in lines]
    assert times == sorted(times)
    assert all(len(ts) == len("2024-08-08T00:00:00.000000Z") and ts.endswith("Z") for ts in times), "UTC, microseconds"


UVLOOP = """
import logging
from tradingbot_runtime.logs import configure_logs
configure_logs("info")
log = logging.getLogger("asyncio")
CLOSED = "unable to perform operation on <TCPTransport closed=True>; the handler is closed"
for message, why in (("Fatal error on SSL protocol", CLOSED), ("Fatal error on SSL protocol", "something else"),
                     ("Task exception", CLOSED)):
    try:
        raise RuntimeError(why)
    except RuntimeError as error:
        log.error("%s\\nprotocol: <uvloop.loop.SSLProtocol object>", message, exc_info=error)
"""


def test_the_end_of_a_tls_connection_that_we_closed_is_no_error_and_nothing_else_is_hidden() -> None:
    done = subprocess.run([sys.executable, "-c", UVLOOP], capture_output=True, check=True, timeout=DEADLINE_S)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"].split("\n")[0] for line in told] == ["Fatal error on SSL protocol", "Task exception"]
    assert told[0]["exception.message"] == "something else"


WHOSE = """
import logging, structlog
from tradingbot_runtime.logs import configure_logs, in_detail, of_bot
from tradingbot_runtime.logs.schema import SLOT
logs = configure_logs("warning")
logs.name(**of_bot("trading", "maker"), **{SLOT: 1})
log, library = structlog.get_logger("feed"), logging.getLogger("library")
log.info("NotShown")
logs.say_more()
logs.say_more()
logs.say_more()
assert in_detail()
log.debug("Shown")
library.debug("shown")
for _ in range(4):
    logs.say_less()
assert not in_detail()
log.warning("NotShownEither")
log.error("ShownAlways")
logs.say_more()
log.warning("ShownAgain")
log.info("NotShownAgain")
library.info("not shown")
"""


def test_every_line_says_whose_it_is_and_the_level_changes_while_it_runs() -> None:
    done = subprocess.run([sys.executable, "-c", WHOSE], capture_output=True, check=True, timeout=DEADLINE_S)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    told = [line["event"] for line in lines if line["event"] != "LogLevelChanged"]
    assert told == ["Shown", "shown", "ShownAlways", "ShownAgain"]
    changes = [line["log_level"] for line in lines if line["event"] == "LogLevelChanged"]
    assert changes == ["info", "debug", "debug", "info", "warning", "error", "warning"], (
        "each is told where it is heard"
    )
    assert all((line["k8s.namespace.name"], line["bot"], line["slot"]) == ("trading", "maker", 1) for line in lines)


@pytest.mark.parametrize(("environment", "colours"), [
    ({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": ""}, True),
    ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False),
])  # fmt: skip
def test_in_a_terminal_lines_are_for_people(environment: dict[str, str], colours: bool) -> None:  # noqa: FBT001 - a parameter
    parent, child = pty.openpty()
    usual = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen([sys.executable, "-c", SPEAKS], stdout=child, env=usual | environment)
    os.close(child)
    assert process.wait(DEADLINE_S) == 0
    shown = os.read(parent, PIPE_BYTES).decode()
    os.close(parent)
    assert "FeedStale" in shown
    assert ("\x1b[" in shown) is colours
    assert "{" not in shown.split("FeedStale")[0]


def test_a_reader_that_sleeps_never_blocks_the_caller_and_hears_afterwards_how_much_it_missed() -> None:
    reader, target = os.pipe()
    writer = LineWriter(target, limit_bytes=100_000)
    slowest_s = 0.0
    for number in range(5000):
        started_s = time.monotonic()
        writer.write(b"%099d\n" % number)
        slowest_s = max(slowest_s, time.monotonic() - started_s)
    assert slowest_s < 1.0  # nobody reads yet: a blocking write would still be waiting
    assert 3000 < writer.dropped < 5000

    received = bytearray()
    reading = threading.Thread(target=lambda: _drain(reader, received))
    reading.start()
    assert writer.flush(DEADLINE_S)
    writer.write(b"after\n")
    writer.close()
    os.close(target)
    reading.join(DEADLINE_S)
    lines = bytes(received).splitlines()
    numbers = [int(line) for line in lines if line.isdigit()]
    # The oldest are kept, whole and in order; what was written meanwhile made room for some that came later.
    assert numbers[:300] == list(range(300))
    assert numbers == sorted(set(numbers))
    said = [json.loads(line) for line in lines if line.startswith(b"{")]
    assert sum(line["count"] for line in said) == writer.dropped == 5000 - len(numbers)
    assert lines[-1] == b"after"


def _drain(reader: int, received: bytearray) -> None:
    while data := os.read(reader, PIPE_BYTES):
        received.extend(data)
    os.close(reader)


def test_a_reader_that_is_gone_costs_the_lines_and_nothing_else() -> None:
    reader, target = os.pipe()
    os.close(reader)
    writer = LineWriter(target)
    for _ in range(3):
        writer.write(b"nobody reads this\n")
        assert writer.flush(DEADLINE_S)
    assert writer.dropped == 3
    writer.close()
    os.close(target)


def test_a_non_blocking_stdout_loses_nothing() -> None:
    reader, target = os.pipe()
    os.set_blocking(target, False)
    writer = LineWriter(target)
    for number in range(3000):
        writer.write(b"%099d\n" % number)
    received = bytearray()
    reading = threading.Thread(target=lambda: _drain(reader, received))
    reading.start()
    assert writer.flush(DEADLINE_S)
    writer.close()
    os.close(target)
    reading.join(DEADLINE_S)
    assert len(received) == 300_000
    assert writer.dropped == 0


def test_after_close_lines_are_counted_as_dropped() -> None:
    reader, target = os.pipe()
    writer = LineWriter(target)
    writer.close()
    writer.write(b"too late\n")
    assert writer.dropped == 1
    os.close(target)
    os.close(reader)


@pytest.mark.parametrize("level", ["loud", ""])
def test_an_unknown_level_is_refused(level: str) -> None:
    with pytest.raises(KeyError):
        configure_logs(level)


def test_events_are_one_word_each_and_the_fields_that_correlate_have_one_name() -> None:
    """An order is `order_id`, a halt `halt_id` everywhere: what one line names is found in all others."""
    texts = {path: path.read_text() for top in ("runtime/src", "operator/src") for path in (ROOT / top).rglob("*.py")}
    calls = [(path, call) for path, text in texts.items() for call in log_calls(text)]
    assert len(calls) > 100
    for path, call in calls:
        event, names = call.args[0], {keyword.arg for keyword in call.keywords}
        if isinstance(event, ast.Constant):  # else it is a name for one
            assert re.fullmatch(r"[A-Z][A-Za-z]+", str(event.value)), f"{path}: {event.value!r}"
        assert not names & {"id", "order", "halt", "bot", "slot", "ts", "level", "logger", "namespace", "key"}, (
            ast.unparse(call)
        )


def log_calls(text: str) -> list[ast.Call]:
    return [
        node for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS
        and isinstance(node.func.value, ast.Name) and node.func.value.id == "log" and node.args
    ]  # fmt: skip


def test_the_reference_has_every_field_that_is_declared() -> None:
    text = (ROOT / "docs/reference/logs.md").read_text()
    assert all(f"| `{field.name}` |" in text for field in (*OF_EVERY_LINE, *OF_SOME))
