"""Models -> crds/*.yaml and most of docs/reference. `make generate` writes them, `--check` says which are stale."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tradingbot_operator.api.v1alpha1 import GROUP, VERSION, Resource, TradingBot, TradingHalt, Venue
from tradingbot_operator.conditions_docs import conditions_reference
from tradingbot_operator.crdgen_docs import reference
from tradingbot_operator.crdgen_schema import Schema, documented_schema, published, without_defaults

KINDS: tuple[type[Resource], ...] = (TradingBot, Venue, TradingHalt)
REFERENCE = Path("docs/reference/api.md")
CRD_HEADER = "# Generated from operator/src/tradingbot_operator/api by `make generate`. Do not edit.\n"


def resource_schema(kind: type[Resource]) -> Schema:
    """The whole object's schema, still with the keys that only the documentation reads."""
    fields = {name: field.annotation for name, field in kind.model_fields.items()}
    name = {"description": f"Name of the {kind.kind}.", **documented_schema(kind.name_type)}
    rules = {"x-kubernetes-validations": [each.validation() for each in kind.transitions]} if kind.transitions else {}
    return {
        "description": (kind.__doc__ or "").strip(),
        "type": "object",
        **rules,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            # Of the metadata a CRD may restrict the name only. No default: the API server fills it in.
            "metadata": {"type": "object", "properties": {"name": name}},
            "spec": documented_schema(fields["spec"]),
            "status": without_defaults(documented_schema(fields["status"])),
        },
    }


def custom_resource_definition(kind: type[Resource]) -> dict[str, Any]:
    subresources: dict[str, Any] = {"status": {}} | ({"scale": kind.scale} if kind.scale else {})
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": subresources,
        "additionalPrinterColumns": [
            {"name": c.name, "type": c.type, "jsonPath": c.path, "description": c.description, "priority": c.priority}
            for c in kind.columns
        ],
        "schema": {"openAPIV3Schema": published(resource_schema(kind))},
    }
    names = {"kind": kind.kind, "listKind": f"{kind.kind}List", "plural": kind.plural, "singular": kind.kind.lower(),
             "shortNames": list(kind.short_names), "categories": ["trading"]}  # fmt: skip
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def generated() -> Iterator[tuple[Path, str]]:
    """Path below the repository's root and content of every generated file."""
    for kind in KINDS:
        document = yaml.safe_dump(custom_resource_definition(kind), sort_keys=False, width=120, allow_unicode=True)
        yield Path("crds", f"{GROUP}_{kind.plural}.yaml"), CRD_HEADER + document
    yield REFERENCE, reference([(kind, resource_schema(kind)) for kind in KINDS])
    yield Path("docs/reference/conditions.md"), conditions_reference()


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0, or 1 when `--check` finds a stale file."""
    parser = argparse.ArgumentParser(prog="python -m tradingbot_operator.crdgen", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    parser.add_argument("--root", type=Path, default=Path(), help="the repository's root (default: here)")
    options = parser.parse_args(arguments)
    stale = [(options.root / path, text) for path, text in generated() if _content(options.root / path) != text]
    for path, text in stale:
        if options.check:
            sys.stderr.write(f"{path} is stale: the models say something else. `make generate` mends it.\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path}\n")
    return 1 if stale and options.check else 0


def _content(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
