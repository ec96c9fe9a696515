"""What a well-formed request may still be refused with: by operation and code, nothing else.

A schema says what is well-formed. It cannot say what exists, whose it is, and which state it is in.
Those refusals are derived here from what the contract says of each operation (`x-problems`, access,
parameters that name a state), and listed by hand where it says it in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# (operation, code) → why.
BY_HAND: dict[tuple[str, str], str] = {
    ("createTask", "forbidden"): "sendEmail is for support and admins, reindexSearch for admins",
    ("createTask", "not-found"): "the budget in the input, as for any operation on one",
    ("sendNotification", "not-found"): "the user in the body",
}
# The refusal that belongs to a parameter: its value is well-formed, and names a state that is not.
_BY_PARAMETER = {
    "Idempotency-Key": "idempotency-key-reused",
    "If-Match": "precondition-failed",
    "pageToken": "invalid-page-token",
}


def operations(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Method, path and definition of each operation."""
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def parameters(spec: Mapping[str, Any], operation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The operation's parameters, found where they are defined."""
    shared = spec["components"]["parameters"]
    return [
        shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        for each in operation.get("parameters", ())
    ]


def _properties(spec: Mapping[str, Any], operation: Mapping[str, Any]) -> set[str]:
    """The names in the operation's body."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    named = spec["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], schema)
    return set(named.get("properties", ()))


def refusals(spec: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The table: operation → the codes that it may answer to what its schemas allow."""
    table = {}
    for _, path, operation in operations(spec):
        name = operation["operationId"]
        codes = set(operation.get("x-problems", ()))
        if "{" in path or "x-access" in operation:
            codes.add("not-found")
        named = {parameter["name"] for parameter in parameters(spec, operation)}
        named |= _properties(spec, operation)
        codes |= {code for parameter, code in _BY_PARAMETER.items() if parameter in named}
        codes |= {code for (listed, code) in BY_HAND if listed == name}
        table[name] = frozenset(codes)
    return table
