"""`--set path=value` changes one field, and says what is wrong in words."""

from decimal import Decimal

import pytest
import yaml

from harness.bad_manifests import good_bot, good_venue
from tradingbot_runtime.config import InvalidConfig, Manifest, load

TEXT = yaml.safe_dump_all([good_venue(), good_bot()])


def changed(*overrides: str) -> Manifest:
    return load(TEXT, overrides)


@pytest.mark.parametrize("spread", ["12", "12.50", '"12"', "0.5"])
def test_a_decimal_needs_no_quotes(spread: str) -> None:
    strategy = changed(f"spec.strategy.marketMaking.spreadBps={spread}", "spec.strategy.marketMaking.minSpreadBps=0")
    assert strategy.bot.strategy.market_making
    assert strategy.bot.strategy.market_making.spread_bps == Decimal(spread.strip('"'))


def test_a_field_that_is_not_written_can_be_set() -> None:
    bot = changed("spec.risk.maxPosition=5", "spec.risk.staleAfter=2s", "spec.replicas=3").bot
    assert (bot.risk.max_position, bot.risk.stale_after_ns, bot.replicas) == (Decimal(5), 2_000_000_000, 3)


def test_a_list_of_decimals_and_one_of_its_items() -> None:
    sizes = "spec.strategy.marketMaking.sizes"
    strategy = changed(f"{sizes}=[0.10, 1]", f"{sizes}[1]=2").bot.strategy
    assert strategy.market_making
    assert strategy.market_making.sizes == [Decimal("0.10"), Decimal(2)]


def test_a_market_and_a_label_that_looks_like_a_number() -> None:
    bot = changed("spec.markets[0].name=eth", "spec.pod.nodeSelector.zone=1").bot
    assert (bot.markets[0].name, bot.pod.node_selector) == ("eth", {"zone": "1"})


def test_a_whole_mapping() -> None:
    strategy = changed('spec.strategy.marketMaking={spreadBps: "9", sizes: ["1"], layers: 2}').bot.strategy
    assert strategy.market_making
    assert strategy.market_making.layers == 2


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("spec.replicas", "--set spec.replicas: must be path=value, e.g. spec.replicas=2"),
        ("=2", "--set =2: must be path=value, e.g. spec.replicas=2"),
        ("spec.markets[7].name=x", "--set spec.markets[7].name: there is no '7' in spec.markets"),
        ("spec.markets.first.name=x", "--set spec.markets.first.name: there is no 'first' in spec.markets"),
        ("spec.markets[0].name.x.y=1", "--set spec.markets[0].name.x.y: there is no 'x' in spec.markets.0.name"),
        ("spec.replicas={", "--set spec.replicas: '{' is not readable as YAML"),
        ("spec.mode=", "TradingBot: spec.mode: nothing: must be 'Paper' or 'Live'"),
        (
            "kind=Foo",
            "--set kind: cannot be set; allowed: a field of spec, metadata.name, metadata.namespace, metadata.uid",
        ),
        ("metadata.foo=1", "--set metadata.foo: cannot be set; allowed: a field of spec, metadata.name"),
        ("apiVersion=tradingbot.dev/v2", "--set apiVersion: cannot be set"),
        ("spec.replicas=many", "TradingBot: spec.replicas: 'many': must be a whole number"),
        (
            "spec.strategy.marketMaking.spread=8",
            "spec.strategy.marketMaking.spread: unknown field; allowed: hysteresis",
        ),
        ("spec.risk={maxPosition: 5000}", '; write decimals in quotes: maxPosition: "5000"'),
        ("spec.strategy.marketMaking.spreadBps=-8", "'-8': must be a decimal number in a string, from \"0.0001\""),
    ],
)
def test_a_wrong_override_is_refused_in_words(override: str, says: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        changed(override)
    assert says in str(refused.value)
