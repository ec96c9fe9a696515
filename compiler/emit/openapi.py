"""`openapi.json`: the contract as it is served, without what is ours alone."""

from __future__ import annotations

import json
from typing import Any

from compiler.ir import Contract

# How and where things are kept, and which events they cause, is no client's business.
_OURS = ("x-entity", "x-search", "x-emits", "x-deadline", "x-protocols")


def emit(contract: Contract) -> dict[str, str]:
    """`openapi.json`: maps sorted, so that their order in the spec changes nothing."""
    document = _served(contract.openapi)
    hidden = {
        schema.name for schema in contract.schemas if schema.entity and schema.entity.internal
    }
    schemas = document.get("components", {}).get("schemas", {})
    for name in hidden:
        schemas.pop(name, None)
    return {
        "openapi.json": json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    }


def _served(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _served(value) for key, value in node.items() if key not in _OURS}
    if isinstance(node, (list, tuple)):
        return [_served(item) for item in node]
    return node
