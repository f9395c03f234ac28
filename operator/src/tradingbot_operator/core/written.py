"""JSON that stands in an annotation, a document or a log line: anybody may have written it. Pure."""

import json
from typing import Any


def parsed(text: object) -> Any:  # noqa: ANN401 - any JSON
    """Raises ValueError for whatever is no JSON, and for what is nested deeper than anybody reads."""
    if not isinstance(text, str):
        raise ValueError(f"{type(text).__name__} is no text")  # noqa: TRY004 - one error for all that is unreadable
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
