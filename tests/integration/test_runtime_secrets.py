"""A runtime's keys are in no log, at whatever level, in no answer of its HTTP server, and not in its journal."""

import secrets
from pathlib import Path

from harness.runtime_process import RuntimeProcess, runtime
from harness.simulator import SimulatorProcess
from harness.spelled import leaks

REFUSED_KEY = secrets.token_hex(16)


def told(bot: RuntimeProcess) -> dict[str, str]:
    """What it answers to anybody who asks."""
    return {path: bot.get(path)[1] for path in ("/state", "/metrics", "/readyz", "/healthz")}


def test_no_key_is_written_while_it_trades_fails_and_is_refused(tmp_path: Path) -> None:
    keys = tmp_path / "keys" / "simulator"
    keys.mkdir(parents=True)
    (tmp_path / "bot").mkdir()
    options = ("--credentials", str(keys.parent), "--log-level", "debug")
    with (
        SimulatorProcess("--steps-per-second", "40") as simulator,
        runtime(tmp_path / "bot", simulator, options=options) as bot,
    ):
        (keys / "apiKey").write_text(simulator.api_key)
        (keys / "secretKey").write_text(simulator.secret)
        bot.start().until_quoting()
        seen = told(bot)
        simulator.admin.inject("drop", "userDataStream.subscribe.signature", seconds=30)
        simulator.admin.inject("disconnect", "ws-api")
        bot.until(lambda state: state["venues"]["simulator"]["message"] != "", "the venue is away", 20)
        seen |= {f"{path}, away": text for path, text in told(bot).items()}
        simulator.admin.clear_faults()
        bot.until(lambda state: state["venues"]["simulator"]["authenticated"] is True, "its key is taken", 20)
        (keys / "apiKey").write_text(REFUSED_KEY)
        bot.until(
            lambda state: state["venues"]["simulator"]["authenticated"] is False, "what is mounted is refused", 20
        )
        seen |= {f"{path}, refused": text for path, text in told(bot).items()}
        (keys / "apiKey").write_text(simulator.api_key)
        bot.until(lambda state: state["venues"]["simulator"]["authenticated"] is True, "the right one is mounted", 20)
        bot.terminate()

        files = (path for path in (tmp_path / "bot").rglob("*") if path.is_file())
        seen |= {"log": bot.output()} | {path.name: path.read_bytes().decode(errors="replace") for path in files}
        assert {"/state", "log", "journal.sqlite3"} <= seen.keys()
        assert leaks(seen, [simulator.api_key.encode(), simulator.secret.encode(), REFUSED_KEY.encode()]) == set()
