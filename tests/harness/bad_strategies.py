"""Strategies that must be refused, beside those of the bps ladder."""

from typing import Any

from harness.bad_manifests import REMOVED, Bad

MM = "spec.strategy.marketMaking"
AS = {"size": "1", "riskAversion": "0.01", "decayPerBps": "0.2"}
GLFT = {"size": "1", "riskAversion": "0.01"}
CROSS = {"size": "1", "edgeBps": "5"}
GRID = {"lowerPrice": "90", "upperPrice": "110", "neutralPrice": "100", "levels": 11, "size": "1"}


def _instead(strategy: str, good: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    fields = {key: value for key, value in (good | changes).items() if value is not REMOVED}
    return {"spec.strategy": {strategy: fields}}


def _bad(strategy: str, good: dict[str, Any], name: str, changes: dict[str, Any], *said: str) -> Bad:
    """`said`: the field's path below the strategy, and the words."""
    path = f"spec.strategy.{strategy}.{said[0]}"
    return Bad(f"{strategy}: {name}", _instead(strategy, good, **changes), (path, *said[1:]))


def _required(strategy: str, good: dict[str, Any], field: str) -> Bad:
    path = f"spec.strategy.{strategy}.{field}"
    return Bad(f"{strategy}: no {field}", _instead(strategy, good, **{field: REMOVED}), (f"{path}: Required value",),
               (f"{path}: is required",))  # fmt: skip


BAD_STRATEGIES = (
    Bad("two strategies", {"spec.strategy.grid": GRID},
        ("spec.strategy", "exactly one strategy is required")),
    Bad("a reference price that does not exist", {f"{MM}.referencePrice": "Last"},
        (f"{MM}.referencePrice", 'supported values: "Mid", "WeightedMid", "MicroPrice"'),
        (f"{MM}.referencePrice", "must be 'Mid', 'WeightedMid' or 'MicroPrice'")),
    Bad("a micro-price without its table", {f"{MM}.referencePrice": "MicroPrice"},
        (f"{MM}.microPrice", "required when referencePrice is MicroPrice")),
    Bad("a micro-price that moves backwards", {f"{MM}.microPrice": {"shiftTicks": [["-0.1"]]}},
        (f"{MM}.microPrice.shiftTicks[0][0]", 'must be a decimal number in a string, from "0" to "100" (ticks)')),
    Bad("a basis that never forgets", {f"{MM}.basis": {"timeConstant": "48h"}},
        (f"{MM}.basis.timeConstant", "must be a duration from 100ms to 24h")),
    *(_required("avellanedaStoikov", AS, field) for field in AS),
    *(_required("glft", GLFT, field) for field in GLFT),
    *(_required("crossExchange", CROSS, field) for field in CROSS),
    *(_required("grid", GRID, field) for field in GRID),
    _bad("avellanedaStoikov", AS, "fees beyond the depth", {"feeBps": "30", "maxDepthBps": "20"}, "maxDepthBps",
         "must be at least feeBps + edgeBps"),
    _bad("avellanedaStoikov", AS, "a horizon of nothing", {"horizon": "0s"}, "horizon", "must be a duration from 1s"),
    _bad("glft", GLFT, "layers that reach zero", {"maxDepthBps": "5000", "stepBps": "200", "layers": 50},
         "maxDepthBps", "maxDepthBps + layers * stepBps must stay below 10000"),
    Bad("crossExchange: hedges where it quotes", _instead("crossExchange", CROSS),
        ("spec.markets", "crossExchange hedges at the reference")),
    _bad("crossExchange", CROSS, "fees that reach zero",
         {"edgeBps": "5000", "makerFeeBps": "2500", "takerFeeBps": "2500"}, "edgeBps",
         "edgeBps + makerFeeBps + takerFeeBps + lateEdgeBps must stay below 10000"),
    _bad("crossExchange", CROSS, "no patience at all", {"hedgeTimeout": "100ms"}, "hedgeTimeout",
         "must be a duration from 1s to 10m"),
    _bad("crossExchange", CROSS, "nothing of the book", {"bookShare": "0"}, "bookShare", 'from "0.0001" to "1"'),
    _bad("glft", GLFT, "no fear of risk", {"riskAversion": "0"}, "riskAversion", 'from "0.000001" to "100"'),
    _bad("glft", GLFT, "a fit rarer than its window", {"calibration": {"window": "1m", "refitEvery": "1m"}},
         "calibration.window", "interval and refitEvery must be shorter than window"),
    _bad("grid", GRID, "upside down", {"upperPrice": "90"}, "upperPrice", "must be above lowerPrice"),
    _bad("grid", GRID, "a neutral price outside", {"neutralPrice": "111"}, "neutralPrice",
         "must lie between lowerPrice and upperPrice"),
    Bad("grid: a single level", _instead("grid", GRID, levels=1),
        ("spec.strategy.grid.levels", "should be greater than or equal to 2"),
        ("spec.strategy.grid.levels", "must be at least 2")),
)  # fmt: skip
