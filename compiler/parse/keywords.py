"""One schema's own keywords: its type, its enum, its bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from compiler.ir import Bounds, Kind, Scalar
from compiler.naming import nearest
from compiler.parse.node import Node
from compiler.parse.values import compiled, kind_of_value, shown
from compiler.source import Report

_KINDS: tuple[Kind, ...] = ("string", "integer", "number", "boolean", "array", "object")
_FORMATS = {
    "integer": ("int32", "int64"),
    "number": ("double", "float"),
    "string": (
        *("binary", "byte", "date", "date-time", "decimal", "duration", "email", "hostname"),
        *("ipv4", "ipv6", "password", "time", "uri", "uri-reference", "uuid"),
    ),
}
# Keywords that narrow, and the one kind of value that each is about.
BOUNDS: dict[str, Kind] = {
    "minLength": "string",
    "maxLength": "string",
    "pattern": "string",
    "minimum": "number",
    "maximum": "number",
    "exclusiveMinimum": "number",
    "exclusiveMaximum": "number",
    "multipleOf": "number",
    "minItems": "array",
    "maxItems": "array",
    "uniqueItems": "array",
    "items": "array",
    "minProperties": "object",
    "maxProperties": "object",
    "properties": "object",
    "required": "object",
    "additionalProperties": "object",
}


def _enum_values(node: Node) -> list[Any]:
    if node.get("const") is not None:
        return [node.child("const").plain()]
    return [element.plain() for element in node.child("enum").elements()]


@dataclass
class Keywords:
    """Reads them. `strict`: the document is ours; `modern`: it is JSON Schema, not OpenAPI 3.0."""

    report: Report
    strict: bool
    modern: bool

    def kinds(self, node: Node) -> tuple[list[Kind], bool]:
        """What kinds of value a schema allows, said or meant, and whether null."""
        listed = [kind for kind in _KINDS if kind in node.texts("type")]
        nullable = "null" in node.texts("type") if self.modern else node.flag("nullable")
        if listed:
            return listed, nullable
        if nullable and self.modern:
            return ["any"], True
        for key in ("properties", "additionalProperties", "required", "items"):
            if node.get(key) is not None:
                return ["array" if key == "items" else "object"], nullable
        values = _enum_values(node)
        kinds = {kind_of_value(value) for value in values if value is not None}
        if len(kinds) == 1:
            kind = next(k for k in _KINDS if k in kinds)
            return [kind], nullable
        if len(kinds) > 1:
            place = node.child("enum" if node.get("enum") else "const").key
            self.report.add(place, "bad-enum", "the values are of several types: give the type")
        for key, kind in BOUNDS.items():
            if node.get(key) is not None:
                return [kind], nullable
        return ["any"], nullable

    def format(self, node: Node, kind: str) -> str | None:
        """The format. One that nobody knows checks nothing; in our own specs it is a misprint."""
        found = node.maybe_text("format")
        known = _FORMATS.get(kind, ())
        if found is not None and self.strict and found not in known:
            message = f"{found!r} is no format of {kind} values{nearest(found, known)}"
            self.report.add(node.child("format").span, "bad-format", message)
        return found

    def misplaced(self, node: Node, kind: str) -> None:
        """A bound on another type has no effect; in our own specs it is a slip of the pen."""
        if not self.strict:
            return
        kind = "number" if kind == "integer" else kind
        for key, about in BOUNDS.items():
            if node.get(key) is not None and kind not in (about, "any"):
                place = node.child(key).key
                self.report.add(place, "misplaced-bound", f"{key!r} has no effect on {kind} values")

    def enum(self, node: Node, kind: str) -> tuple[tuple[Scalar, ...], bool]:
        """The values of an enum or a const, and whether null is one."""
        elements = node.child("enum").elements()
        if node.get("const") is not None:
            elements = [node.child("const")]
        values: list[Scalar] = []
        has_null = False
        for element in elements:
            value = element.plain()
            found = kind_of_value(value)
            if value is None:
                has_null = True
                if not node.flag("nullable") and "null" not in node.texts("type"):
                    message = "null among the values needs `nullable: true`"
                    self.report.add(element.span, "bad-enum", message)
            elif found != kind and not (kind == "number" and found == "integer") and kind != "any":
                message = f"{shown(value)} is no {kind}"
                self.report.add(element.span, "bad-enum", message)
            elif isinstance(value, dict | list):
                self.report.add(element.span, "bad-enum", "only scalars can be compiled")
            elif any(value == other and type(value) is type(other) for other in values):
                self.report.add(element.span, "bad-enum", f"{shown(value)} stands twice")
            else:
                values.append(int(value) if kind == "integer" else value)
        return tuple(values), has_null

    def bounds(self, node: Node) -> Bounds:
        """What narrows the value."""
        low, high = node.number("minimum"), node.number("maximum")
        exclusive = [node.flag("exclusiveMinimum"), node.flag("exclusiveMaximum")]
        if self.modern:
            over, under = node.number("exclusiveMinimum"), node.number("exclusiveMaximum")
            if over is not None and (low is None or over >= low):
                low, exclusive[0] = over, True
            if under is not None and (high is None or under <= high):
                high, exclusive[1] = under, True
        bounds = Bounds(
            min_length=node.integer("minLength"),
            max_length=node.integer("maxLength"),
            pattern=node.maybe_text("pattern"),
            minimum=low,
            maximum=high,
            exclusive_minimum=exclusive[0],
            exclusive_maximum=exclusive[1],
            multiple_of=node.number("multipleOf"),
            min_items=node.integer("minItems"),
            max_items=node.integer("maxItems"),
            unique_items=node.flag("uniqueItems"),
            min_properties=node.integer("minProperties"),
            max_properties=node.integer("maxProperties"),
        )
        for least, most, key in (
            (bounds.min_length, bounds.max_length, "minLength"),
            (low, high, "minimum"),
            (bounds.min_items, bounds.max_items, "minItems"),
            (bounds.min_properties, bounds.max_properties, "minProperties"),
        ):
            if least is not None and most is not None and least > most:
                message = f"nothing is at least {least} and at most {most}"
                self.report.add((node.get(key) or node).key, "bad-bounds", message)
        if bounds.pattern is not None and compiled(bounds.pattern) is None:
            message = "the pattern is no regular expression that Python knows"
            self.report.add(node.child("pattern").span, "bad-pattern", message)
        return bounds
