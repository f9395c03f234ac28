"""What the API server refuses, reconcile and `tradingbot-runtime run` refuse too, in the same words where they can."""

import json

import pytest
import yaml

from harness.bad_manifest_table import BAD_MANIFESTS, GOOD_ENDPOINTS
from harness.bad_manifests import Bad, good_bot, good_venue, put
from tradingbot_runtime.config import InvalidConfig, load


def written(*manifests: dict[str, object]) -> str:
    return yaml.safe_dump_all(manifests, allow_unicode=True)


def refusal(text: str | bytes) -> str:
    with pytest.raises(InvalidConfig) as refused:
        load(text)
    return str(refused.value)


def test_the_manifests_that_the_table_changes_are_good() -> None:
    assert load(written(good_venue(), good_bot())).identity.name == "maker"


@pytest.mark.parametrize(("environment", "endpoints"), GOOD_ENDPOINTS)
def test_plain_addresses_are_for_what_is_not_production(environment: str, endpoints: dict[str, str]) -> None:
    venue = {**good_venue(), "spec": {"environment": environment, "type": "Binance", "endpoints": endpoints}}
    assert load(written(venue, good_bot())).venues["binance"].environment == environment


@pytest.mark.parametrize("bad", BAD_MANIFESTS, ids=lambda bad: bad.name)
def test_a_bad_manifest_is_refused_with_its_field_and_what_is_allowed(bad: Bad) -> None:
    other = good_venue() if bad.kind == "TradingBot" else good_bot()
    line_or_lines = refusal(written(other, bad.manifest()))
    assert all(words in line_or_lines for words in bad.said_by_models()), line_or_lines


def test_a_field_has_one_spelling() -> None:
    """The API server prunes or refuses `max_position`: nobody may believe in a limit that holds here only."""
    bot = good_bot()
    bot["spec"]["risk"] = {"max_position": "5"}
    assert "spec.risk.max_position" in refusal(written(good_venue(), bot))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("spec.pod.nodeSelector", {"zone": 1}, '; write it in quotes: zone: "1"'),
        ("spec.pod.resources.limits.cpu", 1, '; write it in quotes: cpu: "1"'),
        ("spec.risk.staleAfter", 3, ""),
        ("spec.risk.staleAfter", 2_000_000_000, ""),  # would be two seconds, in nanoseconds, and says so nowhere
        ("spec.risk.maxPosition", True, ""),
        ("spec.risk.maxPosition", float("nan"), ""),
        ("spec.risk.maxPosition", -5000, ""),
        ("spec.risk.maxPosition", 10**400, ""),
    ],
)
def test_quotes_are_offered_only_where_they_are_all_that_is_missing(path: str, value: object, said: str) -> None:
    bot = good_bot()
    put(bot, path, value)
    told = refusal(written(good_venue(), bot))
    assert path in told
    assert said in told
    assert ("in quotes" in told) == bool(said)


def test_every_mistake_has_a_line_of_its_own() -> None:
    bot = good_bot()
    bot["spec"]["replicas"] = "2"
    bot["spec"]["markets"][0]["name"] = "B"
    assert len(refusal(written(good_venue(), bot)).splitlines()) == 2


def test_a_market_at_a_venue_that_is_not_there_names_the_venues_that_are() -> None:
    bot = good_bot()
    bot["spec"]["markets"][0]["execution"]["venue"] = "binanse"
    assert refusal(written(good_venue(), bot)) == (
        "TradingBot: spec.markets[0].execution.venue: 'binanse': no such Venue in the manifest; there: binance"
    )


ONE_BOT = "manifest: exactly one TradingBot (tradingbot.dev/v1alpha1) is required"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (written(good_bot()).encode() + b"\xff\xfe", "manifest: not readable as YAML: unacceptable character"),
        ("{", "manifest: not readable as YAML"),
        ("[" * 1000, "manifest: not readable as YAML: nested too deeply"),
        (written(good_bot()).replace("spreadBps: '8'", "spreadBps: '8'\n      spreadBps: '80'"),
         "'spreadBps' is written twice"),
        ("when: 2026-13-45", "manifest: not readable as YAML: month must be in 1..12"),
        ("!!python/object/apply:os.system ['true']",
         "manifest: not readable as YAML: could not determine a constructor"),
        ("", f"{ONE_BOT}; found 0"),
        (written(good_bot(), good_bot()), f"{ONE_BOT}; found 2"),
        (written(good_venue(), good_venue(), good_bot()), "Venue binance: metadata.name: is written twice"),
        (written({**good_bot(), "metadata": ["maker"]}), "TradingBot: metadata: must be a mapping"),
        (written({**good_bot(), "spec": "none"}), "TradingBot: spec: 'none': must be a mapping"),
    ],
    ids=["not UTF-8", "not YAML", "nested too deeply", "a field twice", "an impossible date", "a Python object",
         "nothing", "two bots", "a venue twice", "metadata as a list", "spec as text"],
)  # fmt: skip
def test_text_that_cannot_be_a_manifest_is_refused_in_words(text: str | bytes, says: str) -> None:
    told = refusal(text)

    assert says in told
    assert "string>" not in told, "PyYAML's name of what is no file"


def test_a_bomb_of_aliases_is_refused_quickly() -> None:
    bomb = "a0: &a0 ['x']\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    text = bomb.replace("a0: &a0", "apiVersion: tradingbot.dev/v1alpha1\nkind: TradingBot\nspec: 1\na0: &a0")
    assert "unknown field" in refusal(text)


def test_json_is_read_as_well_as_yaml() -> None:
    assert load(f"{json.dumps(good_venue())}\n---\n{json.dumps(good_bot())}").bot.replicas == 1


def test_a_rule_over_several_fields_shows_what_is_written_in_the_one_it_blames() -> None:
    bot = good_bot()
    bot["spec"]["strategy"]["marketMaking"]["minSpreadBps"] = "9"

    said = refusal(written(good_venue(), bot))

    assert "spec.strategy.marketMaking.spreadBps: '8': must lie between minSpreadBps and maxSpreadBps" in said
