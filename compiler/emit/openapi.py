"""`openapi.json`: the contract as it is served, without what is ours alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from compiler.ir import Contract

# How and where things are kept, and which events they cause, is no client's business; nor what only
# the compiler reads.
_OURS = ("x-entity", "x-search", "x-emits", "x-deadline", "x-protocols", "x-type")

_SCHEMAS = "#/components/schemas/"


def emit(contract: Contract) -> dict[str, str]:
    """`openapi.json`: maps sorted, so that their order in the spec changes nothing."""
    document = _served(contract.openapi)
    schemas = document.get("components", {}).get("schemas", {})
    # What services ask each other is in the specs too, and no operation shows it.
    for name in schemas.keys() - _shown(document, schemas):
        del schemas[name]
    return {
        "openapi.json": json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    }


def _served(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _served(value) for key, value in node.items() if key not in _OURS}
    if isinstance(node, (list, tuple)):
        return [_served(item) for item in node]
    return node


def _shown(document: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """The schemas that operations refer to, and those that these refer to."""
    shown: set[str] = set()
    waiting = [document.get("paths", {}), {**document.get("components", {}), "schemas": {}}]
    while waiting:
        for name in set(_referred(waiting.pop())) - shown:
            shown.add(name)
            waiting.append(schemas.get(name, {}))
    return shown


def _referred(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(_SCHEMAS):
            yield reference.removeprefix(_SCHEMAS)
        # A discriminator names schemas in its mapping, as references or as names.
        mapping = node.get("mapping") if "propertyName" in node else None
        if isinstance(mapping, dict):
            yield from (str(target).removeprefix(_SCHEMAS) for target in mapping.values())
        for value in node.values():
            yield from _referred(value)
    elif isinstance(node, list):
        for item in node:
            yield from _referred(item)
