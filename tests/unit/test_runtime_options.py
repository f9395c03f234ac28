"""The command line: what each kind of value allows, and every mistake in one line."""

import errno
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from tradingbot_runtime.__main__ import main
from tradingbot_runtime.arguments import parser
from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.options import parsed
from tradingbot_runtime.os_errors import in_words, listening

PORTS = "a whole number, 0 to 65535"
# option, value, what is allowed
REFUSED = [
    ("--port", "-1", PORTS),
    ("--port", "65536", PORTS),
    ("--port", "9_000", PORTS),
    ("--port", "٣", PORTS),
    ("--port", "", PORTS),
    ("--speed", "0", "a number, 0.001 to 1000, or max"),
    ("--speed", "nan", "a number, 0.001 to 1000, or max"),
    ("--speed", "fast", "a number, 0.001 to 1000, or max"),
    ("--seed", "1.5", "a whole number, 0 to 4294967295"),
    ("--volatility", "nan", "a number, 0 to 100"),
    ("--volatility", "inf", "a number, 0 to 100"),
    ("--volatility", "-1", "a number, 0 to 100"),
    ("--volatility", "100.1", "a number, 0 to 100"),
    ("--steps-per-second", "0", "a whole number, 1 to 1000"),
    ("--steps-per-second", "-3", "a whole number, 1 to 1000"),
    ("--latency-ms", "-5", "a whole number, 0 to 60000"),
    ("--weight-per-minute", "0", "a whole number, 1 to 1000000"),
    ("--orders-per-10s", "0", "a whole number, 1 to 1000000"),
    ("--maker-fee-bps", "-0.01", "a number, 0 to 100, in steps of 0.01"),
    ("--taker-fee-bps", "0.001", "a number, 0 to 100, in steps of 0.01"),
    ("--symbol", "NOPE", "one of BTCUSDT, ETHUSDT, ADAUSDT"),
    ("--balance", "BTC", "ASSET=AMOUNT, such as BTC=1.5, with at most 8 decimal places"),
    ("--balance", "BTC=-1", "ASSET=AMOUNT, such as BTC=1.5, with at most 8 decimal places"),
    ("--balance", "BTC=nan", "ASSET=AMOUNT, such as BTC=1.5, with at most 8 decimal places"),
]


@pytest.mark.parametrize(("option", "value", "allowed"), REFUSED, ids=lambda case: str(case)[:20])
def test_a_value_that_is_not_allowed_is_refused_in_one_line_with_what_is(
    option: str, value: str, allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", option, value]) == 2
    assert capsys.readouterr().err == f"{option} {value}: must be {allowed}\n"


def test_all_mistakes_of_a_command_line_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--port", "-1", "--volatility", "nan", "--balance", "BTC=1", "--balance", "x"]) == 2
    assert [line.split(": ")[0] for line in capsys.readouterr().err.splitlines()] == [
        "--port -1", "--volatility nan", "--balance x",
    ]  # fmt: skip


@pytest.mark.parametrize("option", ["--http-port", "--control-port", "--slot"])
def test_the_numbers_of_run_are_checked_as_well(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "bot.yaml", option, "-1"]) == 2
    assert capsys.readouterr().err.startswith(f"{option} -1: must be a whole number, 0 to ")


@pytest.mark.timeout(30)  # one that is not refused would serve for ever
@pytest.mark.parametrize("key", ["made-up", "schlüssel", "a b"])
def test_a_key_that_no_client_could_use_is_refused_before_the_simulator_starts(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIMULATOR_API_KEY", key)

    assert main(["simulate", "--port", "0"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "SIMULATOR_API_KEY: must be letters and digits of ASCII, as Binance's keys are"
    ]


def test_what_is_allowed_is_read_as_it_is_written() -> None:
    given = ["--volatility", "0", "--speed", "max", "--maker-fee-bps", "0.25", "--symbol", "adausdt", "--balance",
             "btc=0.5", "--balance", "USDT=7"]  # fmt: skip
    options = parsed(parser(), ["simulate", *given])

    assert (options.volatility, options.speed, options.maker_fee_bps) == (Decimal(0), None, Decimal("0.25"))
    assert [listing.symbol for listing in options.symbol] == ["ADAUSDT"]
    assert options.balance == [("BTC", 50_000_000), ("USDT", 700_000_000)], "what is given replaces the default"
    assert (options.port, options.latency_ms) == (9000, 0)


def test_every_number_of_simulate_tells_its_range_and_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    told = " ".join(capsys.readouterr().out.split())

    for option, _, allowed in REFUSED:
        assert re.search(rf"{option} [A-Z=]+ [^(]+\({re.escape(allowed)}; default: [^)]+\)", told), option


@pytest.mark.parametrize("command", ["run", "simulate", "completion"])
def test_every_option_of_a_command_is_explained(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    options = capsys.readouterr().out.partition("options:")[2]

    for entry in re.split(r"\n  (?=-)", options)[1:]:
        assert re.search(r"(\s{2,}|\n\s+)\S+ \S+", entry), f"says nothing: {entry}"


def test_an_unknown_option_is_one_line_without_the_usage_above_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "--volatility", "1", "--bogus"])

    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told == "tradingbot-runtime simulate: unknown: --bogus; see tradingbot-runtime simulate --help\n"


# -- what the system refuses -----------------------------------------------------------------------------------------


UNREADABLE = [
    ("--recording", "missing", "there is no such file or folder"),
    ("--ed25519-public-key", "missing", "there is no such file or folder"),
    ("--ed25519-public-key", ".", "is a folder; name a file"),
]


@pytest.mark.parametrize(("option", "path", "words"), UNREADABLE)
def test_a_file_that_cannot_be_read_is_one_line_without_the_number_of_an_error(
    option: str, path: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", option, str(tmp_path / path)]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"{option} {tmp_path / path}: {words}"


def test_a_manifest_that_cannot_be_read_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'none.yaml'}: there is no such file or folder\n"

    (tmp_path / "binary.yaml").write_bytes(b"kind: \xff")
    assert main(["run", str(tmp_path / "binary.yaml")]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'binary.yaml'}: is no YAML: byte 7 is not UTF-8\n"


def test_a_wrong_control_port_of_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = Path(__file__).resolve().parents[2] / "manifests/samples/bot-paper.yaml"
    monkeypatch.setenv("CONTROL_PORT", "9443x")
    assert main(["run", str(sample)]) == 2
    assert capsys.readouterr().err == f"CONTROL_PORT=9443x: must be {PORTS}\n"


@pytest.mark.parametrize("number", [errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL, errno.EMFILE])
def test_an_address_that_cannot_be_used_is_said_with_the_address_and_without_a_number(number: int) -> None:
    with pytest.raises(ConfigError, match=r"^cannot listen on host:80: ") as told, listening("host", 80):
        raise OSError(number, f"[Errno {number}] ('127.0.0.1', 80)")
    assert "Errno" not in str(told.value)


def test_an_error_that_has_no_words_of_its_own_gets_the_systems() -> None:
    assert in_words(OSError(errno.EMFILE, "x")) == "Too many open files"
    assert in_words(OSError(-2, "Name or service not known")) == "Name or service not known"


# -- completion ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_commands_options_and_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    made = capsys.readouterr().out
    asked = (
        'complete_with() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); '
        '$(complete -p tradingbot-runtime | sed "s/.*-F //; s/ .*//"); echo "${COMPREPLY[@]}"; }\n'
        "complete_with tradingbot-runtime sim\n"
        "complete_with tradingbot-runtime resu\n"
        "complete_with tradingbot-runtime simulate --vol\n"
        "complete_with tradingbot-runtime run --log-level war\n"
    )
    said = subprocess.run(["bash", "-c", made + asked], capture_output=True, text=True, check=True, timeout=30).stdout

    assert said.splitlines() == ["simulate", "resume", "--volatility", "warning"]
