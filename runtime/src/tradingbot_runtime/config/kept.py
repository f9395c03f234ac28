"""A configuration that was in effect once, read by a later version: to withdraw its orders, never to trade with it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from pydantic import ValidationError

from tradingbot_runtime.config.slot import SlotConfig
from tradingbot_runtime.config.spec import KEPT


def as_kept(document: str) -> SlotConfig:
    """What is left of it when rules that came later are not asked, and values that are no longer taken are left out.

    Raises ValueError where that leaves a hole: a market or a venue is never left out.
    """
    content = msgspec.json.decode(document, type=dict[str, Any])
    while True:
        try:
            return SlotConfig.model_validate(content, by_name=False, context=KEPT)
        except ValidationError as error:
            paths = [mistake["loc"] for mistake in error.errors(include_url=False) if mistake["type"] != "missing"]
            if sum(_left_out(content, path) for path in paths) == 0:
                raise


def _left_out(content: Any, path: Sequence[str | int]) -> bool:  # noqa: ANN401 - any JSON
    """Whether there was a field at `path`; it is gone then."""
    *way, field = path
    if way == ["venues"]:
        return False
    for step in way:
        content = content[step]
    return isinstance(content, dict) and content.pop(field, None) is not None
