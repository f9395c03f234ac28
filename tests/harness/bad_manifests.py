"""How a manifest that must be refused is written down: a good one, changed.

One table (`bad_manifest_table.py`) serves both places that refuse: the API server (structural schema and CEL) and the
models (reconcile, and `tradingbot-runtime run`). Where their words differ, the entry says why.
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

API_VERSION = "tradingbot.dev/v1alpha1"
REMOVED = object()


def good_venue() -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": "Venue", "metadata": {"name": "binance"},
            "spec": {"environment": "Testnet", "type": "Binance"}}  # fmt: skip


def good_bot() -> dict[str, Any]:
    market = {"name": "btc", "reference": {"venue": "binance", "symbol": "BTCUSDT"},
              "execution": {"venue": "binance", "symbol": "BTCUSDT"}}  # fmt: skip
    return {"apiVersion": API_VERSION, "kind": "TradingBot", "metadata": {"name": "maker"},
            "spec": {"strategy": {"marketMaking": {"spreadBps": "8", "sizes": ["0.01"]}},
                     "markets": [market]}}  # fmt: skip


@dataclass(frozen=True)
class Bad:
    """A good manifest with `changes` (path -> value, or REMOVED).

    `server` and `models` are what the refusal says: the field's path, and what is allowed. `models` empty: the same.
    """

    name: str
    changes: Mapping[str, Any]
    server: tuple[str, ...]
    models: tuple[str, ...] = ()
    kind: str = "TradingBot"
    why: str = field(default="", compare=False)

    def manifest(self) -> dict[str, Any]:
        document = good_bot() if self.kind == "TradingBot" else good_venue()
        for path, value in self.changes.items():
            put(document, path, value)
        return document

    def said_by_models(self) -> tuple[str, ...]:
        return self.models or self.server


def put(document: dict[str, Any], path: str, value: object) -> None:
    """Sets `path` (`spec.markets[0].name`), or removes it."""
    *parents, last = [int(p) if p.isdigit() else p for p in re.findall(r"[^.\[\]]+", path)]
    target: Any = document
    for part in parents:
        target = target[part] if isinstance(part, int) else target.setdefault(part, {})
    if value is REMOVED:
        del target[last]
    else:
        target[last] = copy.deepcopy(value)
