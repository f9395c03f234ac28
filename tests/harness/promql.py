"""What a PromQL expression asks for, and what there is to be asked for."""

import re
from collections.abc import Iterator

from tradingbot_operator import metrics as operator
from tradingbot_runtime.metric_families import Kind
from tradingbot_runtime.telemetry import metrics as runtime

TARGET = {"job", "namespace", "bot", "pod"}  # labels of the scrape
_TEXT, _CLAUSE = re.compile(r'"[^"]*"'), re.compile(r"(?:by|on|ignoring|group_left|group_right) \([^)]*\)")
_SELECTOR = re.compile(r"([a-z][a-z_:0-9]*[a-z0-9])(?!\w|\()(?:\{([^}]*)\})?")
_LABEL = re.compile(r"(\w+)\s*[=!]")


def exported() -> dict[str, set[str]]:
    """Name of each metric -> its labels, those of the scrape included; without what a client library adds."""
    found: dict[str, set[str]] = {"up": TARGET}
    for family in (*runtime.FAMILIES, *operator.FAMILIES):
        labels = {*TARGET, *family.labels}
        if family.kind is Kind.HISTOGRAM:
            found |= {f"{family.name}_bucket": {*labels, "le"}, f"{family.name}_count": labels}
        else:
            found[family.name] = labels
    return found


def asked(expr: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric that it selects, and the labels that it selects by."""
    for name, matchers in _SELECTOR.findall(_CLAUSE.sub("", _TEXT.sub('""', expr))):
        if "_" in name or name == "up":
            yield name, set(_LABEL.findall(matchers))
