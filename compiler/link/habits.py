"""What our own OpenAPI document keeps to, beyond what OpenAPI asks."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.ir import Field, Type
from compiler.link.types import Known
from compiler.parse.openapi import OpenApi
from compiler.source import Report


def check_habits(openapi: OpenApi, known: Known, report: Report) -> None:
    """Objects are closed, so that a misspelt property is refused; what may be left out may be null,
    so that the two mean the same on every protocol."""
    for schema in openapi.schemas:
        for type in _objects(schema.type):
            if not type.closed:
                message = f"{schema.name} is open: say `additionalProperties: false`"
                report.add(type.span, "open-object", message)
            for field in type.fields:
                if _unclear(field, known):
                    message = (
                        f"{schema.name}.{field.name} is optional: make it nullable, or default it"
                    )
                    report.add(field.span, "not-nullable", message)


def _unclear(field: Field, known: Known) -> bool:
    return not field.required and not field.has_default and not known.nullable(field.type)


def _objects(type: Type) -> Iterator[Type]:
    """The object types that stand in `type`, not those that it names."""
    if type.kind == "object":
        yield type
    for inner in (type.item, *type.members, *(field.type for field in type.fields)):
        if inner is not None:
            yield from _objects(inner)
