"""Types of OpenAPI as the linker compares them with those of the other protocols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler import naming
from compiler.ir import Field, Schema, Type
from compiler.source import Report, Span

INT32 = (-(2**31), 2**31 - 1)


class Known:
    """The schemas by name, and what a name stands for."""

    def __init__(self, schemas: tuple[Schema, ...]) -> None:
        self.schemas = {schema.name: schema for schema in schemas}

    def real(self, type: Type) -> Type:
        """`type` with names followed to what they stand for."""
        seen: set[str] = set()
        while type.kind == "ref" and type.ref in self.schemas and type.ref not in seen:
            seen.add(type.ref)
            type = self.schemas[type.ref].type
        return type

    def name(self, type: Type) -> str | None:
        """The name of the object or enum that `type` leads to, through mere aliases."""
        found = None
        seen: set[str] = set()
        while type.kind == "ref" and type.ref in self.schemas and type.ref not in seen:
            seen.add(type.ref)
            found = type.ref
            type = self.schemas[type.ref].type
        return found

    def fields(self, type: Type) -> dict[str, Field]:
        """An object's fields by name."""
        return {field.name: field for field in self.real(type).fields}

    def nullable(self, type: Type) -> bool:
        """Whether null is of the type."""
        if type.nullable:
            return True
        return type.kind == "ref" and self.real(type).nullable

    def reach(self, type: Type, path: str) -> Type | None:
        """The type at `lines[].unitPrice` below `type`."""
        here: Type | None = type
        for step in path.split("."):
            name, brackets, _ = step.partition("[]")
            if here is None or not name:
                return None
            field = self.fields(here).get(name)
            here = field.type if field else None
            if brackets and here is not None:
                here = self.real(here).item if self.real(here).kind == "array" else None
        return here


def bounds_of(known: Known, type: Type) -> dict[str, Any]:
    """What narrows a value, in JSON Schema's words; a list's own and its elements' together, as
    `@bounds` and `rule` have them."""
    real = known.real(type)
    found: dict[str, Any] = {}
    while real.kind == "array" and real.item:
        own = real.bounds
        found |= {"minItems": own.min_items, "maxItems": own.max_items}
        found["uniqueItems"] = own.unique_items or None
        real = known.real(real.item)
    if real.kind == "string" and not real.enum:
        own = real.bounds
        found |= {"minLength": own.min_length, "maxLength": own.max_length}
        found |= {"pattern": own.pattern, "format": real.format}
    elif real.kind in ("integer", "number"):
        own = real.bounds
        low = "exclusiveMinimum" if own.exclusive_minimum else "minimum"
        high = "exclusiveMaximum" if own.exclusive_maximum else "maximum"
        found |= {low: own.minimum, high: own.maximum, "multipleOf": own.multiple_of}
    return {key: value for key, value in found.items() if value is not None}


def compare_bounds(
    report: Report,
    label: str,
    here: Mapping[str, Any],
    span: Span,
    there: Mapping[str, Any],
    other: Span,
) -> None:
    """Reports each bound that is not the same on both sides."""
    for key in sorted(here.keys() | there.keys()):
        mine, theirs = here.get(key), there.get(key)
        if mine == theirs:
            continue
        told = f"has {key} {mine!r} here" if mine is not None else f"has no {key} here"
        meant = f"{theirs!r}" if theirs is not None else "has none"
        report.add(span, "bounds-mismatch", f"{label} {told} but {meant} at {other}")


def symbol(value: Any) -> str:
    """An enum value as GraphQL and proto spell it: sendEmail is SEND_EMAIL."""
    text = naming.constant(str(value)) or "EMPTY"
    return f"_{text}" if text[0].isdigit() else text


def compare_values(
    report: Report,
    label: str,
    here: Mapping[str, Span],
    span: Span,
    there: Mapping[str, Any],
    other: Span,
) -> None:
    """Reports each enum value that only one side has. Keys are symbols."""
    for name in sorted(there.keys() - here.keys()):
        message = f"{label} lacks {name}, which is {there[name]!r} at {other}"
        report.add(span, "enum-mismatch", message)
    for name in sorted(here.keys() - there.keys()):
        message = f"{label} has {name}, which is not at {other}{naming.nearest(name, there)}"
        report.add(here[name], "enum-mismatch", message)


def fits_int32(type: Type) -> bool:
    """Whether 32 bits hold every value: it says so, or its bounds do."""
    bounds = type.bounds
    if type.format == "int64":
        return False
    low = bounds.minimum is None or bounds.minimum >= INT32[0]
    high = bounds.maximum is None or bounds.maximum <= INT32[1]
    return type.format == "int32" or (low and high)
