"""Without OpenTelemetry's variables nothing of it is there; with them and without the extra, one line says so."""

from pathlib import Path

from harness.imports_seen import lacking, telling, told
from harness.operator_process import OperatorProcess, eventually, free_port
from harness.runtime_process import RuntimeProcess, runtime
from harness.simulator import SimulatorProcess

ASKED = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
KUBECONFIG = """
{{apiVersion: v1, kind: Config, current-context: c,
  clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}], users: [{{name: c, user: {{}}}}],
  contexts: [{{name: c, context: {{cluster: c, user: c}}}}]}}
"""
ONLY_TO_TRACE = ("opentelemetry", "google.protobuf", "tradingbot_runtime.tracing", "tradingbot_operator.traces")
OURS = {"tradingbot_runtime.tracing", "tradingbot_runtime.tracing.switch"}


def traced_with(modules: set[str]) -> set[str]:
    """What is only there to trace."""
    return {name for name in modules if name.startswith(ONLY_TO_TRACE)}


def quoted_and_ended(bot: RuntimeProcess) -> None:
    bot.start().until_quoting()
    assert bot.terminate()[0] == 0


def test_a_bot_that_nobody_asked_to_trace_imports_nothing_of_it(simulator: SimulatorProcess, tmp_path: Path) -> None:
    with runtime(tmp_path / "bot", simulator, environment=telling(tmp_path / "seen")) as bot:
        quoted_and_ended(bot)

    assert traced_with(told(tmp_path / "seen")) == OURS


def test_the_sdk_that_is_switched_off_is_not_imported_either(simulator: SimulatorProcess, tmp_path: Path) -> None:
    environment = {**telling(tmp_path / "seen"), **ASKED, "OTEL_SDK_DISABLED": "true"}
    with runtime(tmp_path / "bot", simulator, environment=environment) as bot:
        quoted_and_ended(bot)

    assert traced_with(told(tmp_path / "seen")) == OURS


def test_a_bot_without_the_extra_says_so_once_and_trades(simulator: SimulatorProcess, tmp_path: Path) -> None:
    environment = {**lacking(tmp_path / "lacking", "opentelemetry"), **ASKED}
    with runtime(tmp_path / "bot", simulator, environment=environment) as bot:
        quoted_and_ended(bot)
        said = bot.until_logged("TracingUnavailable")

    assert [line["level"] for line in said] == ["warning"]
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is set" in said[0]["message"]
    assert "the extra `tracing` is not installed" in said[0]["message"]


def test_a_bot_with_a_variable_that_cannot_be_used_says_so_and_trades(
    simulator: SimulatorProcess, tmp_path: Path
) -> None:
    with runtime(tmp_path, simulator, environment={**ASKED, "OTEL_SPAN_EVENT_COUNT_LIMIT": "-1"}) as bot:
        quoted_and_ended(bot)
        said = bot.until_logged("TracingUnavailable")

    assert "not all that goes with it can be used" in said[0]["message"]


def operator(folder: Path, environment: dict[str, str]) -> OperatorProcess:
    """Before an API server that is not there: it has its objects, and waits for the Lease."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG.format(port=free_port("127.0.0.1")), encoding="utf-8")
    made = OperatorProcess(kubeconfig, folder / "log", environment)
    made.start()
    eventually(lambda: made.get("/healthz")[0], 30, "it listens")
    return made


def test_an_operator_that_nobody_asked_to_trace_imports_nothing_of_it(tmp_path: Path) -> None:
    process = operator(tmp_path, telling(tmp_path / "seen"))

    process.stop()

    assert traced_with(told(tmp_path / "seen")) == OURS


def test_an_operator_without_the_extra_says_so_once_and_goes_on(tmp_path: Path) -> None:
    process = operator(tmp_path, {**lacking(tmp_path / "lacking", "opentelemetry"), **ASKED})

    assert process.stop() == 0

    said = [line for line in process.log.read_text().splitlines() if "TracingUnavailable" in line]
    assert len(said) == 1
    assert "the extra `tracing` is not installed" in said[0]
