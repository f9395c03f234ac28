"""Specs in which every field is written, as documents; and each of their fields, changed to another good value."""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from harness.live_risk import LIVE_RISK
from tradingbot_operator.crdgen_schema import documented_schema
from tradingbot_runtime.config import Spec, as_written

Document = dict[str, Any]
AROUND: Document = {
    "hysteresis": {"ticks": 2, "quantityShare": "0.3"}, "referencePrice": "WeightedMid",
    "microPrice": {"shiftTicks": [["0", "0.5"], ["0", "1"]]}, "feeBps": "1", "edgeBps": "2",
    "basis": {"timeConstant": "2m", "clipBps": "40", "depegBps": "100"},
}  # fmt: skip
DEPTH: Document = AROUND | {
    "size": "1", "riskAversion": "0.1", "maxInventory": 5, "maxDepthBps": "400", "layers": 2, "stepBps": "3",
    "calibration": {"window": "5m", "interval": "200ms", "refitEvery": "10s", "depthBps": "6"},
}  # fmt: skip
SKEW: Document = {"targetShare": "0.4", "spreadFactorBps": "9", "sizeFactor": "0.7", "maxImbalance": "0.4",
                  "minSizeFactor": "0.4", "maxSizeFactor": "3"}  # fmt: skip
STRATEGIES: dict[str, Document] = {
    "marketMaking": AROUND | {"spreadBps": "20", "minSpreadBps": "2", "maxSpreadBps": "300", "layers": 2,
                              "stepBps": "3", "sizes": ["1", "2"], "inventorySkew": SKEW},
    "avellanedaStoikov": DEPTH | {"decayPerBps": "0.5", "horizon": "2m", "volatilityBps": "3"},
    "glft": DEPTH | {"skewFactor": "2", "flow": {"arrivalsPerSecond": "2", "decayPerBps": "0.5", "volatilityBps": "3"}},
    "grid": AROUND | {"lowerPrice": "100", "upperPrice": "200", "neutralPrice": "150", "levels": 10, "size": "1",
                      "spacing": "Arithmetic", "ordersPerSide": 3},
    "crossExchange": {"hysteresis": {"ticks": 2, "quantityShare": "0.3"}, "size": "1", "edgeBps": "5",
                      "makerFeeBps": "9", "takerFeeBps": "9", "bookShare": "0.4", "hedgeSlippageBps": "30",
                      "hedgeTimeout": "10s", "lateEdgeBps": "30"},
}  # fmt: skip
RISK: Document = LIVE_RISK | {
    "maxOrderNotional": "1000", "maxSkew": "1", "maxBaseExposure": "10", "maxGross": "10000", "feeReserveBps": "20",
    "minInterval": "10ms", "maxMessagesPerDay": 100000, "maxCancelsPerFill": 500,
    "maxLossRate": {"loss": "10", "within": "1m"}, "staleAfter": "5s", "maxDivergenceBps": "50", "haltAfter": "20s",
    "ownUnknown": "Adopt", "foreignOrders": "Ignore", "onBreach": "ReduceOnly", "maxSlippageBps": "40",
}  # fmt: skip
PAPER: Document = {"latency": "10ms", "jitter": "5ms", "queue": "Proportional", "makerFeeBps": "9", "takerFeeBps": "9",
                   "capital": "5000", "lostAnswers": "0.1", "seed": 2}  # fmt: skip
WINDOW: Document = {"schedule": "0 6 * * MON-FRI", "duration": "2h", "timeZone": "Europe/Berlin"}
ROLLOUT: Document = {"progressDeadline": "5m", "windows": [WINDOW], "blackouts": [WINDOW], "flatOnly": True,
                     "onFailure": "Wait", "canary": {"duration": "30m", "analysis": {
                         "minFills": 5, "refusedShare": "0.1", "markoutBps": "3", "profitBps": "4"}}}  # fmt: skip
POD: Document = {
    "image": "registry.example/runtime:1", "nodeSelector": {"example.com/pool": "a"}, "priorityClassName": "high",
    "openTelemetry": {"OTEL_SERVICE_NAME": "a"},
    "resources": {"requests": {"cpu": "60m", "memory": "100Mi"}, "limits": {"cpu": "1", "memory": "200Mi"}},
    "tolerations": [{"key": "example.com/a", "operator": "Equal", "value": "b", "effect": "NoExecute",
                     "tolerationSeconds": 60}],
}  # fmt: skip
MARKET: Document = {"name": "btc", "reference": {"venue": "there", "symbol": "BTCUSDT"},
                    "execution": {"venue": "venue", "symbol": "BTCUSDT"},
                    "crossCheck": {"venue": "third", "symbol": "BTCUSDT"}}  # fmt: skip
VENUE: Document = {
    "environment": "Testnet", "type": "Binance", "credentialsSecretRef": {"name": "keys"}, "orderEntry": "Rest",
    "credentialsExpire": "2027-01-31",
    "endpoints": {"rest": "http://host:9000", "stream": "ws://host:9000/stream", "websocketApi": "ws://host:9000/ws"},
    "rateLimit": {"ordersPerSecond": "4", "burst": 4, "cancelReserve": "0.2"},
}  # fmt: skip


def bot_document(strategy: str) -> Document:
    """The spec of a bot in mode Live, two slots, one market."""
    return copy.deepcopy({
        "desiredState": "Running", "mode": "Live", "paper": PAPER, "replicas": 2, "onStop": "Leave", "restartNonce": 1,
        "strategy": {strategy: STRATEGIES[strategy]}, "markets": [MARKET], "risk": RISK,
        "rollout": ROLLOUT, "pod": POD,
        "storage": {"size": "2Gi", "inputs": "100Mi", "history": "200Mi", "storageClassName": "fast"},
    })  # fmt: skip


def venue_document() -> Document:
    return copy.deepcopy(VENUE)


# Where no rule of the kind below helps: rules over several fields, and names of other objects.
OTHER_VALUES: dict[str, list[Any]] = {
    "credentialsSecretRef": [{"name": "others"}],  # without one, a bot in mode Live is refused
    "credentialsExpire": ["2027-02-28"],
    "markets[].reference.venue": ["third"], "markets[].execution.venue": ["third"],
    "markets[].crossCheck.venue": ["venue"],
    "strategy": [{"marketMaking": {"spreadBps": "20", "sizes": ["1"]}},
                 {"grid": STRATEGIES["grid"]}],
    "strategy.crossExchange": [None],
    "risk.maxClockDrift": ["30s"],
    "pod.tolerations[].operator": ["Exists"],
    "pod.tolerations[].effect": ["NoSchedule"],
    "strategy.*.microPrice.shiftTicks": [[["0.1"]]],
}  # fmt: skip


def changed(model: type[Spec], document: Document) -> Iterator[tuple[str, Document]]:
    """Path and document of each field of `document` that is not a part, and of each part that may be left out, changed.

    Raises AssertionError for a field that no value was found for: OTHER_VALUES is the place for it.
    """
    yield from _changed(model, documented_schema(model), document)


def _changed(model: type[Spec], schema: Document, whole: Document) -> Iterator[tuple[str, Document]]:
    for path, where, node in _fields(schema, whole):
        candidates = _other_values(path, node, _at(whole, where))
        found = next((doc for value in candidates if (doc := _with(model, whole, where, value))), None)
        assert found, f"no other good value for {path}: add one to OTHER_VALUES"
        yield path, found


def _fields(schema: Document, value: Any, path: str = "", where: tuple[Any, ...] = ()) -> Iterator[Any]:  # noqa: ANN401 - a JSON tree
    """Path in the reference's notation, keys that lead there, schema; lists of scalars and maps count as one field."""
    required = schema.get("required", ())
    for name, node in schema["properties"].items():
        if name not in value:
            continue
        here, keys = f"{path}{name}", (*where, name)
        if "properties" in node:
            if name not in required and "default" not in node:
                yield here, keys, node
            yield from _fields(node, value[name], f"{here}.", keys)
        elif node.get("type") == "array" and "properties" in node["items"]:
            yield from _fields(node["items"], value[name][0], f"{here}[].", (*keys, 0))
        else:
            yield here, keys, node


def _other_values(path: str, node: Document, value: Any) -> Iterator[Any]:  # noqa: ANN401 - a JSON tree
    general = re.sub(r"^strategy\.\w+\.", "strategy.*.", path)
    yield from OTHER_VALUES.get(path, OTHER_VALUES.get(general, []))
    if "properties" in node:
        yield None
    yield from (other for other in node.get("enum", ()) if other != value)
    yield from BY_TYPE[type(value)](value)


def _number_changed(text: str) -> Iterator[str]:
    """`3s` -> `4s`, `0.4` -> `1.4` and `0.5`, `BTCUSDT` -> `BTCUSDT1` and so on; what is no good value is not taken."""
    yield re.sub(r"\d+", lambda digits: str(int(digits[0]) + 1), text, count=1)
    yield re.sub(r"\d+(?=\D*$)", lambda digits: str(int(digits[0]) + 1), text)
    yield re.sub(r"\d+", lambda digits: str(int(digits[0]) - 1), text, count=1)
    yield f"{text}1"
    yield f"a{text}"


BY_TYPE: dict[type, Callable[[Any], Iterator[Any]]] = {
    bool: lambda switch: iter((not switch,)),
    int: lambda number: iter((number + 1, number - 1)),
    str: _number_changed,
    list: lambda items: iter(([*items, *items], [other for item in items for other in _number_changed(item)][:1])),
    dict: lambda entries: iter(({}, {name: f"{text}1" for name, text in entries.items()})),
}


def _at(value: Any, where: tuple[Any, ...]) -> Any:  # noqa: ANN401 - a JSON tree
    for key in where:
        value = value[key]
    return value


def _with(model: type[Spec], document: Document, where: tuple[Any, ...], value: Any) -> Document | None:  # noqa: ANN401 - a JSON tree
    """`document` with another value there (None: without it); None where that is not valid or says the same."""
    other = copy.deepcopy(document)
    parent = _at(other, where[:-1])
    if value is None:
        del parent[where[-1]]
    else:
        parent[where[-1]] = value
    for repaired in (other, _with_what_goes_along(other)):
        try:
            if as_written(model, repaired) != as_written(model, document):
                return repaired
        except ValidationError:
            continue
    return None


def _with_what_goes_along(document: Document) -> Document:
    """A bot without its strategy needs another one in the same markets; some fields are there with others only."""
    if document.get("strategy") == {}:
        return document | {"strategy": {"marketMaking": {"spreadBps": "20", "sizes": ["1"]}}}
    if document.get("type") == "DeltaDeFi":
        return {name: value for name, value in document.items() if name not in {"orderEntry", "endpoints"}}
    for toleration in document.get("pod", {}).get("tolerations", ()):
        if toleration.get("operator") == "Exists":
            toleration.pop("value", None)
        if toleration.get("effect") != "NoExecute":
            toleration.pop("tolerationSeconds", None)
    return document
