"""YAML documents, read as strictly as the API server reads them."""

from collections.abc import Hashable
from typing import Any

import yaml

from tradingbot_runtime.config.problems import InvalidConfig


class _StrictLoader(yaml.SafeLoader):
    """PyYAML takes the last of two equal keys in silence: of two spreads, one would just be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[object] = set()
        for key, _value in node.value:
            name = self.construct_object(key, deep=True)
            if isinstance(name, str) and name in seen and name != "<<":
                mark = key.start_mark
                raise yaml.constructor.ConstructorError(None, None, f"the field {name!r} is written twice", mark)
            seen.add(name if isinstance(name, str) else id(key))
        return super().construct_mapping(node, deep)


def documents(text: str | bytes) -> list[dict[str, Any]]:
    """The mappings among the documents of `text`. Raises InvalidConfig where it cannot be read."""
    try:
        # A subclass of SafeLoader: it builds plain values only.
        found = list(yaml.load_all(text, _StrictLoader))
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        for name in ('in "<unicode string>", ', 'in "<byte string>", '):  # whoever has read the file names it
            told = told.replace(name, "")
        raise InvalidConfig([f"not readable as YAML: {told}"]) from error
    except RecursionError as error:
        raise InvalidConfig(["not readable as YAML: nested too deeply"]) from error
    except ValueError as error:  # a date that is none, a number of 5000 digits
        raise InvalidConfig([f"not readable as YAML: {error}"]) from error
    return [document for document in found if isinstance(document, dict)]
