"""Manifests that must be refused, with the words that the refusal must contain."""

from typing import Any

from harness.bad_manifests import REMOVED, Bad
from harness.bad_strategies import BAD_STRATEGIES
from harness.bad_windows import BAD_WINDOWS
from harness.live_risk import LIVE_RISK

MM = "spec.strategy.marketMaking"
SPREAD = f"{MM}.spreadBps"
DECIMAL = 'must be a decimal number in a string, from "0.0001" to "5000" (basis points)'
BASE = 'must be a decimal number in a string, from "0.000000000001" to "1000000000000" (units of the base asset)'
STALE = "must be a duration from 100ms to 5m, written like 250ms, 3s, 10m or 1h"
VOLUME = "must be a Kubernetes quantity from 64Mi to 1Ti (bytes)"
BETWEEN = "must lie between minSpreadBps and maxSpreadBps"
ENCRYPTED = {"rest": "https://h", "stream": "wss://h", "websocketApi": "wss://h"}
PLAIN = {"rest": "http://h", "stream": "ws://h", "websocketApi": "ws://h"}
# By environment: plain ones serve a simulator, and a test account behind a proxy of one's own.
GOOD_ENDPOINTS = (("Production", ENCRYPTED), ("Testnet", ENCRYPTED), ("Testnet", PLAIN), ("Simulated", PLAIN))
KEYS_TRAVEL = "when environment is Production: keys and orders travel there"
HTTP_URL = "must be an address like http://host:9000, without user, password or query"
RESERVE = 'from "0" to "0.9" (a share; what is left of the whole is for orders)'
LIVE = {"spec.mode": "Live", "spec.risk": LIVE_RISK}


def _unknown(name: str, path: str, allowed: str, value: object = 1, kind: str = "TradingBot") -> Bad:
    return Bad(name, {path: value}, (f'unknown field "{path}"',), (f"{path}: unknown field; allowed: {allowed}",), kind,
               why="strict decoding knows the path only; the models also list what is allowed there")  # fmt: skip


def _text(name: str, path: str, value: object, allowed: str, kind: str = "TradingBot") -> Bad:
    return Bad(name, {path: value}, (path, allowed), kind=kind)


def _number_instead_of_text(name: str, path: str, value: object, allowed: str, written: str = "") -> Bad:
    """`written`: the corrected line, where only the quotes are missing."""
    mended = (f"; write decimals in quotes: {written}",) if written else ()
    return Bad(name, {path: value}, (path, 'must be of type string: "'), (path, allowed, *mended),
               why="the type is checked before any rule that could say more")  # fmt: skip


def _live_without(limit: str) -> Bad:
    said = f"mode Live demands every limit: write {limit}, a forgotten one must not mean none"
    return Bad(f"Live without {limit}", {**LIVE, f"spec.risk.{limit}": REMOVED}, (f"spec.risk.{limit}", said))


def _market(name: str, symbol: str = "ETHUSDT") -> dict[str, Any]:
    return {"name": name, "reference": {"venue": "binance", "symbol": symbol},
            "execution": {"venue": "binance", "symbol": symbol}}  # fmt: skip


UNKNOWN_FIELDS = (
    _unknown("unknown field in spec", "spec.stratgey", "desiredState, mode, paper, replicas, strategy", {}),
    _unknown("unknown field in the strategy", f"{MM}.spread", "hysteresis, referencePrice, microPrice, basis", "8"),
    _unknown("unknown field in risk: a limit in the wrong case", "spec.risk.maxposition", "maxPosition, maxOrder", "1"),
    _unknown("unknown field in a market", "spec.markets[0].weight", "name, reference, execution"),
    _unknown("unknown field two levels below a market", "spec.markets[0].execution.account", "venue, symbol", "main"),
    Bad("unknown field in a toleration", {"spec.pod.tolerations": [{"key": "a", "efect": "NoExecute"}]},
        ('unknown field "spec.pod.tolerations[0].efect"',),
        ("spec.pod.tolerations[0].efect: unknown field; allowed: key, operator, value, effect",)),
    _unknown("an unknown strategy", "spec.strategy.momentum", "marketMaking, avellanedaStoikov, glft", {"levels": 5}),
    _unknown("plain-text API key", "spec.apiKey", "environment, type, credentialsSecretRef", "x", "Venue"),
    _unknown("plain-text secret", "spec.secretKey", "environment, type, credentialsSecretRef", "x", "Venue"),
    _unknown("plain-text secret beside the reference", "spec.credentialsSecretRef.secretKey", "name", "x", "Venue"),
    _unknown("misspelt spec", "specs", "apiVersion, kind", {}),
)  # fmt: skip

DECIMALS = (
    _text("a unit behind the number", SPREAD, "8 bps", DECIMAL),
    _text("negative spread", SPREAD, "-8", DECIMAL),
    _text("spread of zero", SPREAD, "0", DECIMAL),
    _text("spread too large", SPREAD, "5000.1", DECIMAL),
    _text("spread not a number", SPREAD, "NaN", DECIMAL),
    _text("spread without bound", SPREAD, "Infinity", DECIMAL),
    _text("spread with an exponent", SPREAD, "1e2", DECIMAL),
    _text("spread in hexadecimal", SPREAD, "0x10", DECIMAL),
    _text("spread with a comma", SPREAD, "8,5", DECIMAL),
    _text("spread with a line end", SPREAD, "8\n", DECIMAL),
    _text("empty spread", SPREAD, "", DECIMAL),
    _text("more decimals than twelve", SPREAD, "8.0000000000001", DECIMAL),
    _text("digits that are not ASCII", SPREAD, "\u0668", DECIMAL),
    _number_instead_of_text("spread as a number", SPREAD, 8, DECIMAL, 'spreadBps: "8"'),
    _number_instead_of_text("spread as a fraction", SPREAD, 8.5, DECIMAL, 'spreadBps: "8.5"'),
    _number_instead_of_text("spread as a number that is too large", SPREAD, 10**18, DECIMAL),
    _number_instead_of_text("a limit as a number", "spec.risk.maxPosition", 5000, BASE, 'maxPosition: "5000"'),
    _number_instead_of_text("a size as a number", f"{MM}.sizes[0]", 0.0000001, BASE, '- "0.0000001"'),
    _number_instead_of_text("spread as a list", SPREAD, ["8"], DECIMAL),
    _text("size of zero", f"{MM}.sizes[0]", "0", BASE),
    _text("size too large", f"{MM}.sizes[0]", "1000000000001", BASE),
    Bad("size longer than any number", {f"{MM}.sizes[0]": "9" * 200},
        (f"{MM}.sizes[0]", "Too long: may not be more than 32 bytes"), (f"{MM}.sizes[0]", BASE),
        why="the length is checked before any rule that could say more"),
    Bad("share over one", {f"{MM}.inventorySkew": {"targetShare": "1.01"}},
        (f"{MM}.inventorySkew.targetShare", 'from "0" to "1"')),
    *(Bad(name, {"spec.rateLimit.cancelReserve": share}, ("spec.rateLimit.cancelReserve", RESERVE), kind="Venue")
      for name, share in (("a reserve for cancels that leaves no rate for orders", "1"),
                          ("a reserve for cancels just too large", "0.901"), ("cancelReserve over one", "1.5"))),
    Bad("no order may ever be sent", {"spec.rateLimit.ordersPerSecond": "0"},
        ("spec.rateLimit.ordersPerSecond", 'from "0.01" to "1000" (per second)'), kind="Venue"),
)  # fmt: skip

DURATIONS = (
    _text("wrong unit", "spec.risk.staleAfter", "3 sec", STALE),
    _text("staleAfter of zero", "spec.risk.staleAfter", "0s", STALE),
    _text("staleAfter too short", "spec.risk.staleAfter", "10ms", STALE),
    _text("staleAfter too long", "spec.risk.staleAfter", "1h", STALE),
    _text("staleAfter in days", "spec.risk.staleAfter", "1d", STALE),
    _text("staleAfter as a sum", "spec.risk.staleAfter", "1m30s", STALE),
    _text("staleAfter longer than an int64 of nanoseconds", "spec.risk.staleAfter", "99999999h", STALE),
    _number_instead_of_text("staleAfter as a number", "spec.risk.staleAfter", 3, STALE),
    _text("deadline too short", "spec.rollout.progressDeadline", "1s", "must be a duration from 5s to 24h"),
)

COUNTS = (
    Bad("negative replicas", {"spec.replicas": -1}, ("spec.replicas", "should be greater than or equal to 0"),
        ("spec.replicas", "must be at least 0")),
    Bad("51 replicas", {"spec.replicas": 51}, ("spec.replicas", "should be less than or equal to 50"),
        ("spec.replicas", "must be at most 50")),
    Bad("replicas as text", {"spec.replicas": "2"}, ("spec.replicas", 'must be of type integer: "string"'),
        ("spec.replicas", "must be a whole number; write it without quotes: replicas: 2")),
    Bad("half a replica", {"spec.replicas": 1.5}, ("spec.replicas", 'must be of type integer: "number"'),
        ("spec.replicas", "must be a whole number")),
    Bad("replicas as a truth value", {"spec.replicas": True}, ("spec.replicas", 'must be of type integer: "boolean"'),
        ("spec.replicas", "must be a whole number")),
    Bad("no layer", {f"{MM}.layers": 0}, (f"{MM}.layers", "should be greater than or equal to 1"),
        (f"{MM}.layers", "must be at least 1")),
    Bad("51 layers", {f"{MM}.layers": 51}, (f"{MM}.layers", "should be less than or equal to 50"),
        (f"{MM}.layers", "must be at most 50")),
    Bad("no sizes", {f"{MM}.sizes": []}, (f"{MM}.sizes", "should have at least 1 items"),
        (f"{MM}.sizes", "must have at least 1, has 0")),
    Bad("51 sizes", {f"{MM}.sizes": ["1"] * 51}, (f"{MM}.sizes", "must have at most 50 items"),
        (f"{MM}.sizes", "must have at most 50, has 51")),
    Bad("a million open orders", {"spec.risk.maxOpenOrders": 10**6},
        ("spec.risk.maxOpenOrders", "should be less than or equal to 500"),
        ("spec.risk.maxOpenOrders", "must be at most 500")),
    Bad("a burst of zero", {"spec.rateLimit.burst": 0}, ("spec.rateLimit.burst", "greater than or equal to 1"),
        ("spec.rateLimit.burst", "must be at least 1"), kind="Venue"),
)  # fmt: skip

STRATEGY = (
    Bad("no strategy", {"spec.strategy": REMOVED}, ("spec.strategy: Required value",), ("spec.strategy: is required",)),
    Bad("an empty strategy", {"spec.strategy": {}},
        ("spec.strategy", "exactly one strategy is required; allowed: marketMaking")),
    *BAD_STRATEGIES,
    *BAD_WINDOWS,
    Bad("no spread", {SPREAD: REMOVED}, (f"{SPREAD}: Required value",), (f"{SPREAD}: is required",)),
    Bad("minSpread over spread", {f"{MM}.minSpreadBps": "9"}, (SPREAD, BETWEEN)),
    Bad("spread over maxSpread", {f"{MM}.maxSpreadBps": "7"}, (SPREAD, BETWEEN)),
    Bad("a ladder that reaches zero", {f"{MM}.stepBps": "500", f"{MM}.layers": 20},
        (f"{MM}.maxSpreadBps", "maxSpreadBps + layers * stepBps must stay below 10000")),
    Bad("an edge that reaches zero", {f"{MM}.feeBps": "5000", f"{MM}.edgeBps": "5000"},
        (f"{MM}.feeBps", "feeBps + edgeBps + layers * stepBps must stay below 10000")),
    Bad("minSizeFactor over maxSizeFactor", {f"{MM}.inventorySkew": {"minSizeFactor": "3", "maxSizeFactor": "2"}},
        (f"{MM}.inventorySkew.minSizeFactor", "minSizeFactor must not exceed maxSizeFactor")),
)  # fmt: skip

RISK = (
    *(_live_without(limit) for limit in LIVE_RISK),
    Bad("Live without risk", {"spec.mode": "Live"}, ("spec.risk.maxPosition", "spec.risk.maxDistanceBps",
                                                    "mode Live demands every limit")),
    _text("no drawdown at all", "spec.risk.maxDrawdown", "0", 'from "0.0001" to "1" (a share; 1 is the whole)'),
    _text("a drawdown in percent", "spec.risk.maxDrawdown", "5", 'from "0.0001" to "1" (a share; 1 is the whole)'),
    _text("a clock that may be an hour off", "spec.risk.maxClockDrift", "1h", "must be a duration from 10ms to 1m"),
    _text("patience without end", "spec.risk.haltAfter", "24h", "must be a duration from 1s to 10m"),
    Bad("no order may ever be placed", {"spec.risk.maxOrdersPerMinute": 0},
        ("spec.risk.maxOrdersPerMinute", "should be greater than or equal to 1"),
        ("spec.risk.maxOrdersPerMinute", "must be at least 1")),
    Bad("a loss rate without its window", {"spec.risk.maxLossRate": {"loss": "10"}},
        ("spec.risk.maxLossRate.within", "Required value"), ("spec.risk.maxLossRate.within", "required")),
    Bad("a policy that does not exist", {"spec.risk.onBreach": "SellAll"},
        ("spec.risk.onBreach", 'supported values: "CancelAll", "Flatten", "ReduceOnly"'),
        ("spec.risk.onBreach", "must be 'CancelAll', 'Flatten' or 'ReduceOnly'")),
    Bad("an unknown mode", {"spec.mode": "live"}, ("spec.mode", 'supported values: "Paper", "Live"'),
        ("spec.mode", "must be 'Paper' or 'Live'")),
    Bad("an unknown state", {"spec.desiredState": "Off"},
        ("spec.desiredState", 'supported values: "Running", "Paused", "Stopped"'),
        ("spec.desiredState", "must be 'Running', 'Paused' or 'Stopped'")),
    Bad("an unknown answer to a breach", {"spec.risk.onBreach": "Ignore"},
        ("spec.risk.onBreach", 'supported values: "CancelAll"'), ("spec.risk.onBreach", "must be 'CancelAll'")),
)  # fmt: skip

MARKETS = (
    Bad("no market", {"spec.markets": []}, ("spec.markets", "should have at least 1 items"),
        ("spec.markets", "must have at least 1, has 0")),
    Bad("51 markets", {"spec.markets": [_market(f"m{i}", f"M{i}USDT") for i in range(51)]},
        ("spec.markets", "must have at most 50 items"), ("spec.markets", "must have at most 50, has 51")),
    Bad("two markets of one name", {"spec.markets": [_market("btc", "BTCUSDT"), _market("btc", "ETHUSDT")]},
        ("spec.markets[1]", 'Duplicate value: {"name":"btc"}'),
        ("spec.markets", "each name may be used by one market only (more than once: btc)"),
        why="the API server keeps the keys of a list of type map unique by itself"),
    Bad("two markets on one symbol", {"spec.markets": [_market("one"), _market("two")]},
        ("spec.markets", "a symbol of a venue may be in the execution of one market only")),
    _text("lower-case symbol", "spec.markets[0].execution.symbol", "btcusdt", "two or more upper-case letters"),
    _text("symbol with a slash", "spec.markets[0].reference.symbol", "BTC/USDT", "two or more upper-case letters"),
    _text("market with a space in its name", "spec.markets[0].name", "b tc", "must be lower-case letters, digits"),
    Bad("market's name too long", {"spec.markets[0].name": "a" * 21},
        ("spec.markets[0].name", "may not be more than 20 bytes"), ("spec.markets[0].name", "at most 20 characters")),
    _text("venue in upper case", "spec.markets[0].reference.venue", "Binance", "must be lower-case letters, digits"),
    Bad("market without execution", {"spec.markets[0].execution": REMOVED},
        ("spec.markets[0].execution: Required value",), ("spec.markets[0].execution: is required",)),
    Bad("markets as a mapping", {"spec.markets": {}}, ("spec.markets", 'must be of type array: "object"'),
        ("spec.markets", "must be a list")),
)  # fmt: skip

PODS = (
    _text("storage without a unit that exists", "spec.storage.size", "1GB", VOLUME),
    _text("negative storage", "spec.storage.size", "-1Gi", VOLUME),
    _text("storage of zero", "spec.storage.size", "0", VOLUME),
    _text("absurd storage", "spec.storage.size", "9000Ti", VOLUME),
    _text("absurd CPU", "spec.pod.resources.limits.cpu", "1000", "must be a Kubernetes quantity from 1m to 64 (CPUs)"),
    _text("memory that no interpreter fits in", "spec.pod.resources.limits.memory", "1Mi", "from 16Mi to 64Gi (bytes)"),
    Bad("a request over its limit",
        {"spec.pod.resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}},
        ("spec.pod.resources.requests.memory", "must not exceed limits.memory")),
    Bad("a toleration with an operator of its own", {"spec.pod.tolerations": [{"key": "a", "operator": "In"}]},
        ("spec.pod.tolerations[0].operator", 'supported values: "Exists", "Equal"'),
        ("spec.pod.tolerations[0].operator", "must be 'Exists' or 'Equal'")),
    Bad("a toleration that needs no value",
        {"spec.pod.tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
        ("spec.pod.tolerations[0].value", "must not be there when operator is Exists")),
    Bad("a toleration of nothing", {"spec.pod.tolerations": [{"value": "b"}]},
        ("spec.pod.tolerations[0].operator", "must be Exists where there is no key")),
    Bad("a node selector with a space in its key", {"spec.pod.nodeSelector": {"a b": "c"}},
        ("spec.pod.nodeSelector", "each key must be a label key such as example.com/pool")),
    Bad("a variable that is not OpenTelemetry's", {"spec.pod.openTelemetry": {"PYTHONPATH": "elsewhere"}},
        ("spec.pod.openTelemetry", "each key must be a variable of OpenTelemetry such as OTEL_EXPORTER_OTLP_ENDPOINT")),
    Bad("a secret of OpenTelemetry's", {"spec.pod.openTelemetry": {"OTEL_EXPORTER_OTLP_HEADERS": "key=1"}},
        ("spec.pod.openTelemetry", "must not have headers, which may be secret")),
    _text("an image with a space", "spec.pod.image", "a b", "must be an image reference such as"),
)  # fmt: skip

VENUES = (
    Bad("no environment", {"spec.environment": REMOVED}, ("spec.environment: Required value",),
        ("spec.environment: is required",), "Venue"),
    Bad("wrong environment", {"spec.environment": "Demo"},
        ("spec.environment", 'supported values: "Simulated", "Testnet", "Production"'),
        ("spec.environment", "must be 'Simulated', 'Testnet' or 'Production'"), "Venue"),
    Bad("no type", {"spec.type": REMOVED}, ("spec.type: Required value",), ("spec.type: is required",), "Venue"),
    Bad("wrong type", {"spec.type": "binance"}, ("spec.type", 'supported values: "Binance", "DeltaDeFi"'),
        ("spec.type", "must be 'Binance' or 'DeltaDeFi'"), "Venue"),
    Bad("Simulated without endpoints", {"spec.environment": "Simulated"},
        ("spec.endpoints", "required when environment is Simulated"), kind="Venue"),
    *(Bad(name, {"spec.endpoints": {"rest": rest, "stream": "ws://h", "websocketApi": "ws://h"}},
          ("spec.endpoints.rest", HTTP_URL), kind="Venue")
      for name, rest in (("an address with a password", "https://user:password@example.com"),
                         ("an address with a query", "https://example.com/?token=x"),
                         ("an address with a port that there is not", "http://127.0.0.1:99999"),
                         ("an address with port 0", "http://127.0.0.1:0"),
                         ("an address with a colon too many", "http://h:1:2"),
                         ("an address of another protocol", "ftp://example.com"))),
    *(Bad(f"Production over an address that is not encrypted: {endpoint}",
          {"spec.environment": "Production", "spec.endpoints": ENCRYPTED | {endpoint: f"{scheme}://h"}},
          (f"spec.endpoints.{endpoint}", f"must begin with {scheme}s:// {KEYS_TRAVEL}"), kind="Venue")
      for endpoint, scheme in (("rest", "http"), ("stream", "ws"), ("websocketApi", "ws"))),
    Bad("DeltaDeFi in Production over a stream that is not encrypted",
        {"spec.environment": "Production", "spec.type": "DeltaDeFi",
         "spec.endpoints": {"rest": "https://h", "stream": "ws://127.0.0.1:9000"}},
        ("spec.endpoints.stream", "must begin with wss:// when environment is Production"), kind="Venue"),
    Bad("only one of the endpoints", {"spec.endpoints": {"rest": "http://h"}},
        ("spec.endpoints.stream: Required value",), ("spec.endpoints.stream: is required",), "Venue"),
    Bad("Binance without the address that orders go to", {"spec.endpoints": {"rest": "http://h", "stream": "ws://h"}},
        ("spec.endpoints.websocketApi", "required when type is Binance: orders go there"), kind="Venue"),
    Bad("DeltaDeFi with an address that it does not have",
        {"spec.type": "DeltaDeFi",
         "spec.endpoints": {"rest": "http://h", "stream": "ws://h", "websocketApi": "ws://h"}},
        ("spec.endpoints.websocketApi", "must not be there when type is DeltaDeFi"), kind="Venue"),
    Bad("DeltaDeFi with a way for orders that it does not have", {"spec.type": "DeltaDeFi", "spec.orderEntry": "Rest"},
        ("spec.orderEntry", "must not be there unless type is Binance"), kind="Venue"),
    Bad("orders by a way that there is not", {"spec.orderEntry": "Fix"},
        ("spec.orderEntry", 'supported values: "WebSocket", "Rest"'),
        ("spec.orderEntry", "must be 'WebSocket' or 'Rest'"), "Venue"),
    Bad("DeltaDeFi simulated without endpoints", {"spec.type": "DeltaDeFi", "spec.environment": "Simulated"},
        ("spec.endpoints", "required when environment is Simulated"), kind="Venue"),
    Bad("a Secret's name in upper case", {"spec.credentialsSecretRef": {"name": "Keys"}},
        ("spec.credentialsSecretRef.name", "must be lower-case letters, digits, '-' and '.'"), kind="Venue"),
)  # fmt: skip

NAMES = (
    Bad("a name of 41 characters", {"metadata.name": "a" * 41},
        ("metadata.name", "Too long: may not be more than 40 bytes"), ("metadata.name", "at most 40 characters"),
        why="the length is checked before any rule that could say more"),
    Bad("a bot's name that begins with a digit", {"metadata.name": "1inch"},
        ("metadata.name", "beginning with a letter")),
    Bad("a bot's name with a dot", {"metadata.name": "a.b"}, ("metadata.name", "must be lower-case letters, digits")),
    Bad("a venue's name with a dot", {"metadata.name": "a.b"}, ("metadata.name", "must be lower-case letters, digits"),
        kind="Venue"),
    Bad("a name in upper case", {"metadata.name": "Maker"}, ("metadata.name", "lower")),
)  # fmt: skip

BAD_MANIFESTS: tuple[Bad, ...] = (
    *UNKNOWN_FIELDS, *DECIMALS, *DURATIONS, *COUNTS, *STRATEGY, *RISK, *MARKETS, *PODS, *VENUES, *NAMES,
)  # fmt: skip
