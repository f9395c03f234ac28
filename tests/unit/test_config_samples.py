"""Every sample with a bot runs with `tradingbot-runtime run`, and no sample trades in Production."""

from pathlib import Path

import pytest
import yaml

from tradingbot_runtime.config import Environment, Mode, load

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = sorted((REPOSITORY / "manifests/samples").glob("*.yaml"))
MANIFESTS = sorted((REPOSITORY / "manifests").rglob("*.yaml"))


def test_there_are_samples_to_test() -> None:
    assert {"bot-paper.yaml", "bot-live-testnet.yaml", "venue-simulated.yaml"} <= {path.name for path in SAMPLES}


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.name.startswith("bot-")], ids=lambda path: path.stem)
def test_a_sample_with_a_bot_brings_its_venues(sample: Path) -> None:
    manifest = load(sample.read_bytes())
    assert manifest.bot.venue_names() == manifest.venues.keys()
    if manifest.bot.mode is Mode.LIVE:
        traded_at = {leg.execution.venue for leg in manifest.bot.legs}
        assert all(manifest.venues[name].credentials_secret_ref for name in traded_at)


OFFERED = [path for path in SAMPLES if "`local` for `binance-testnet`" in path.read_text()]


@pytest.mark.parametrize("sample", OFFERED, ids=lambda path: path.stem)
def test_a_sample_for_the_testnet_runs_on_the_local_simulator_as_its_comment_says(sample: Path) -> None:
    local = (REPOSITORY / "manifests/samples/bot-local.yaml").read_text().partition("---\n")[0]
    bot = sample.read_text().partition("---\n")[2].replace("binance-testnet", "local")

    manifest = load(f"{local}---\n{bot}")
    assert {venue.environment for venue in manifest.venues.values()} == {Environment.SIMULATED}
    assert manifest.bot.mode is Mode.PAPER, "needs no keys"


def test_the_samples_of_the_strategies_offer_the_local_simulator() -> None:
    assert {f"bot-{name}" for name in ("avellaneda-stoikov", "glft", "grid", "inventory-skew")} == {
        path.stem for path in OFFERED
    }


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_no_manifest_in_the_repository_trades_in_production(path: Path) -> None:
    documents = [d for d in yaml.safe_load_all(path.read_text()) if d]
    environments = [d["spec"]["environment"] for d in documents if d.get("kind") == "Venue"]
    assert Environment.PRODUCTION not in environments
