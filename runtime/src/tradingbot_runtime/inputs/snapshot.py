"""The state of a market or a budget as JSON, field by field, and back.

By the fields of the classes themselves: a field that is added to them is in the next snapshot without a word here.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from types import GenericAlias
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from tradingbot_runtime.core.budget import Budget
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.terms import Terms

T = TypeVar("T")
Unkept = (NotImplementedError, TypeError, ValueError, OverflowError)
DERIVED = frozenset({"terms"})  # follows from the configuration


def _write(value: object) -> object:
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, deque):
        return {"most": value.maxlen, "items": list(value)}
    raise NotImplementedError(f"a snapshot cannot hold {type(value)}")


def _read(wanted: Any, value: Any) -> object:  # noqa: ANN401 - a field's annotation, and JSON
    if wanted is Fraction:
        return Fraction(value)
    if (get_origin(wanted) or wanted) is deque:
        kind = GenericAlias(list, get_args(wanted))
        return deque(msgspec.convert(value["items"], kind, dec_hook=_read), value["most"])
    raise NotImplementedError(f"a snapshot cannot hold {wanted}")


_encode = msgspec.json.Encoder(enc_hook=_write).encode


def state_of(market: Market) -> dict[str, msgspec.Raw]:
    """Raises one of `Unkept` for a value that has no JSON."""
    return {f.name: msgspec.Raw(_encode(getattr(market, f.name))) for f in fields(market) if f.name not in DERIVED}


def market_of(state: Mapping[str, msgspec.Raw], terms: Terms) -> Market:
    """Raises msgspec.ValidationError for a state that is not of this version's making."""
    hints = get_type_hints(Market)
    return Market(terms=terms, **{name: _decoded(raw, hints[name]) for name, raw in state.items() if name in hints})


def budget_raw(budget: Budget) -> msgspec.Raw:
    return msgspec.Raw(_encode(budget))


def budget_from(raw: msgspec.Raw) -> Budget:
    found: Budget = _decoded(raw, Budget)
    return found


def _decoded(raw: msgspec.Raw, kind: Any) -> Any:  # noqa: ANN401 - a field's annotation
    return msgspec.json.decode(raw, type=kind, dec_hook=_read)


def differences(before: Market, after: Market) -> dict[str, tuple[str, str]]:
    """By field, what it was and what it is, where they differ."""
    found = {}
    for field in fields(before):
        one, other = getattr(before, field.name), getattr(after, field.name)
        if field.name not in DERIVED and one != other:
            found[field.name] = (_encode(one).decode(), _encode(other).decode())
    return found
