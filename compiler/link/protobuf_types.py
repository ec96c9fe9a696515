"""Holds proto's messages and enums to the schemas of their names; numbers are kept for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler import naming
from compiler.ir import Type
from compiler.link.types import (
    Known,
    bounds_of,
    compare_bounds,
    compare_values,
    fits_int32,
    symbol,
)
from compiler.parse.protobuf import Proto, ProtoEnum, ProtoField, ProtoMessage
from compiler.source import Report, Span

_RULE_NAMES = {
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_items": "minItems",
    "max_items": "maxItems",
    "unique_items": "uniqueItems",
    "exclusive_minimum": "exclusiveMinimum",
    "exclusive_maximum": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}
_INT32 = ("int32", "sint32", "uint32", "sfixed32", "fixed32")
_INT64 = ("int64", "sint64", "uint64", "sfixed64", "fixed64")


def rule_bounds(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A proto rule in JSON Schema's words."""
    return {_RULE_NAMES.get(key, key): value for key, value in rule.items() if key != "required"}


@dataclass
class ProtoTypes:
    """Compares each named type once for each use, as input and as output."""

    proto: Proto
    known: Known
    report: Report
    compared: set[tuple[str, str]] = field(default_factory=set)

    def names(self, type: Type) -> tuple[str, ...]:
        """What proto may call a type that is no list, the usual first; none: it cannot say it."""
        real = self.known.real(type)
        name = self.known.name(type)
        if name and (real.kind == "object" or (real.kind == "string" and real.enum)):
            return (name,)
        if real.kind == "string":
            return ("bytes",) if real.format in ("binary", "byte") else ("string",)
        if real.kind == "integer":
            if real.format == "int32":
                return _INT32
            return (*_INT32, *_INT64) if fits_int32(real) else _INT64
        if real.kind == "number":
            return ("float",) if real.format == "float" else ("double",)
        if real.kind == "any":
            return ("google.protobuf.Value",)
        return ("bool",) if real.kind == "boolean" else ()

    def compare(self, label: str, here: ProtoField, type: Type, other: Span, side: str) -> None:
        real, leaf = self.known.real(type), type
        if real.kind == "map" and here.type == "map":
            inner = self.names(real.item) if real.item else ()
            if here.value not in inner:
                wanted = inner[0] if inner else "something proto cannot say"
                message = f"{label} maps to {here.value} here but to {wanted} at {other}"
                self.report.add(here.span, "type-mismatch", message)
            return
        repeated = real.kind == "array" and real.item is not None
        if repeated and real.item:
            leaf = real.item
        names = self.names(leaf)
        if real.kind == "map":
            names = ("google.protobuf.Struct", "map")
        mine = f"repeated {here.type}" if here.repeated else here.type
        prefix = "repeated " if repeated else ""
        if mine not in [f"{prefix}{name}" for name in names]:
            wanted = f"{prefix}{names[0]}" if names else f"{real.kind}, which proto cannot say,"
            message = f"{label} is {mine} here but {wanted} at {other}"
            self.report.add(here.span, "type-mismatch", message)
            return
        self.compare_named(leaf, side)
        rule = rule_bounds(here.rule)
        compare_bounds(self.report, label, rule, here.span, bounds_of(self.known, type), other)

    def compare_required(
        self, label: str, here: ProtoField, type: Type, required: bool, other: Span, side: str
    ) -> None:
        """Scalars are required without `optional`; messages by their rule, where clients send."""
        if here.repeated or here.type == "map" or here.oneof:
            return
        if here.type in self.proto.messages:
            actual = bool(here.rule.get("required"))
            if side == "output" and (actual or not here.optional):
                actual = required
        else:
            actual = not here.optional
        if actual != required:
            mine, theirs = ("required", "optional") if actual else ("optional", "required")
            message = f"{label} is {mine} here but {theirs} at {other}"
            self.report.add(here.span, "required-mismatch", message)

    def compare_named(self, type: Type, side: str) -> None:
        name = self.known.name(type)
        if name is None or (name, side) in self.compared:
            return
        self.compared.add((name, side))
        real, place = self.known.real(type), self.known.schemas[name].span
        if real.kind == "string" and real.enum and name in self.proto.enums:
            self._compare_enum(self.proto.enums[name], real, place)
        elif real.kind == "object" and name in self.proto.messages:
            self._compare_object(self.proto.messages[name], real, place, side)

    def _compare_enum(self, here: ProtoEnum, type: Type, place: Span) -> None:
        prefix = naming.constant(here.name.rpartition(".")[2])
        nothing = f"{prefix}_UNSPECIFIED"
        values = {name: span for name, _, span in here.values}
        if here.values and here.values[0][0] != nothing:
            message = f"{here.name} begins with {here.values[0][0]}, not with {nothing} = 0"
            self.report.add(here.values[0][2], "enum-mismatch", message)
        values.pop(nothing, None)
        there = {f"{prefix}_{symbol(value).lstrip('_')}": value for value in type.enum}
        compare_values(self.report, here.name, values, here.span, there, place)

    def _compare_object(self, here: ProtoMessage, type: Type, place: Span, side: str) -> None:
        hidden = {f.name for f in type.fields if (f.read_only if side == "input" else f.write_only)}
        there = {naming.snake(f.name): f for f in type.fields if f.name not in hidden}
        mine = {row.name: row for row in here.fields}
        every = {naming.snake(f.name) for f in type.fields}
        for name in sorted(there.keys() - mine.keys()):
            message = f"{here.name} lacks {name}, which is at {there[name].span}"
            self.report.add(here.span, "missing-field", message)
        for name in sorted(mine.keys() - every):
            message = f"{here.name}.{name} is not at {place}{naming.nearest(name, every)}"
            self.report.add(mine[name].span, "unknown-field", message)
        for name in sorted(mine.keys() & there.keys()):
            row = there[name]
            label = f"{here.name}.{name}"
            self.compare(label, mine[name], row.type, row.span, side)
            required = row.required and not self.known.nullable(row.type)
            if side == "input":
                required = required and not row.has_default
            self.compare_required(label, mine[name], row.type, required, row.span, side)

    # ---- names and numbers

    def rest(self) -> None:
        """What holds for every message and enum, whether an rpc uses it or not."""
        for message in self.proto.messages.values():
            numbers = [(row.number, row.name, row.span) for row in message.fields]
            self._numbers(message.name, numbers, message)
            self._same_name(message.name, message.span)
        for enum in self.proto.enums.values():
            self._numbers(enum.name, [(row[1], row[0], row[2]) for row in enum.values], enum)
            self._same_name(enum.name, enum.span)

    def _same_name(self, name: str, span: Span) -> None:
        """What has a schema's name is that schema, whether an rpc uses it or not."""
        schema = self.known.schemas.get(name)
        if schema is not None and not any(
            (name, side) in self.compared for side in ("input", "output")
        ):
            self.compare_named(Type("ref", span, ref=name), "output")

    def _numbers(
        self, name: str, rows: list[tuple[int, str, Span]], owner: ProtoMessage | ProtoEnum
    ) -> None:
        """A number left out was a field once: reserved, no new field can be misread for it."""
        taken = {number for number, _, _ in rows}
        top = max(taken, default=0)
        low = 0 if isinstance(owner, ProtoEnum) else 1
        if top - low > 10 * len(taken) + 1000:
            return
        kept = {n for first, last in owner.reserved for n in range(first, min(last, top) + 1)}
        gaps = [n for n in range(low, top) if n not in taken and n not in kept]
        if gaps:
            numbers = ", ".join(map(str, gaps[:5]))
            message = f"{name} does not use {numbers}: reserve what is dropped"
            self.report.add(owner.span, "field-gap", message)
