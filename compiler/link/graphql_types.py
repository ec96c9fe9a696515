"""Holds GraphQL's types to the schemas of their names: fields, bounds, defaults, enum values."""

from __future__ import annotations

from collections.abc import Iterator
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
from compiler.parse.graphql import Graph, GraphMember, GraphType
from compiler.source import Report, Span

# OpenAPI's formats that have a scalar of their own.
_SCALARS = {"decimal": "Decimal", "date": "Date", "date-time": "DateTime"}


@dataclass
class GraphTypes:
    """Compares each named type once for each use, as input and as output."""

    graph: Graph
    known: Known
    report: Report
    compared: set[tuple[str, str]] = field(default_factory=set)

    def names(self, type: Type, side: str) -> tuple[str, ...]:
        """What GraphQL may call a type that is no list, the usual first; none: it cannot say it."""
        real = self.known.real(type)
        name = self.known.name(type)
        if real.kind in ("object", "union") and name:
            return (name,) if side == "output" else (name, f"{name}Input")
        if real.kind == "string" and real.enum:
            return (name,) if name else self._enums_like(real)
        if real.kind == "string":
            scalar = _SCALARS.get(real.format or "")
            return (scalar,) if scalar else ("String", "ID")
        if real.kind == "integer":
            return ("Int",) if fits_int32(real) else ("BigInt", "Long", "Int64")
        return {
            "number": ("Float",),
            "boolean": ("Boolean",),
            "any": ("JSON",),
            "map": ("JSON",),
        }.get(real.kind, ())

    def _enums_like(self, type: Type) -> tuple[str, ...]:
        wanted = {symbol(value) for value in type.enum}
        return tuple(
            name
            for name, row in self.graph.types.items()
            if row.kind == "enum" and {value for value, _ in row.values} == wanted
        )

    def compare(self, label: str, here: GraphMember, type: Type, other: Span, side: str) -> None:
        """A field's or an argument's type against OpenAPI's."""
        real, wrap = self.known.real(type), "{}"
        leaf = type
        while real.kind == "array" and real.item:
            inner = "{}" if self.known.nullable(real.item) else "{}!"
            wrap = wrap.format(f"[{inner}]")
            leaf = real.item
            real = self.known.real(leaf)
        names = self.names(leaf, side)
        if not names:
            message = f"{label} is {real.kind} at {other}, which GraphQL cannot say"
            self.report.add(here.span, "type-mismatch", message)
            return
        wanted = [wrap.format(name) for name in names]
        actual = here.type[:-1] if here.type.endswith("!") else here.type
        if actual not in wanted:
            message = f"{label} is {actual} here but {wanted[0]} at {other}"
            self.report.add(here.span, "type-mismatch", message)
            return
        self.compare_named(leaf, side, here.named)
        named = self.graph.types.get(here.named)
        own = named.bounds if named else {}
        there = bounds_of(self.known, type)
        compare_bounds(self.report, label, {**own, **here.bounds}, here.span, there, other)

    def compare_required(self, label: str, here: GraphMember, required: bool, other: Span) -> None:
        actual = here.type.endswith("!")
        if actual == required:
            return
        mine, theirs = ("required", "optional") if actual else ("optional", "required")
        message = f"{label} is {mine} here but {theirs} at {other}"
        self.report.add(here.span, "required-mismatch", message)

    def compare_default(
        self, label: str, here: GraphMember, type: Type, default: Any, has: bool, other: Span
    ) -> None:
        wanted = symbol(default) if self.known.real(type).enum and has else default
        if here.has_default == has and here.default == wanted:
            return
        if here.has_default != has and default is None and here.default is None:
            # A default of null says what an optional argument says anyway.
            return
        mine = (
            f"has the default {here.default!r} here" if here.has_default else "has no default here"
        )
        theirs = f"{wanted!r}" if has else "has none"
        self.report.add(here.span, "default-mismatch", f"{label} {mine} but {theirs} at {other}")

    def compare_named(self, type: Type, side: str, actual: str | None = None) -> None:
        """A named type against the schema of its name, once."""
        name = self.known.name(type)
        real = self.known.real(type)
        actual = actual or name
        here = self.graph.types.get(actual or "")
        if here is None or (here.name, side) in self.compared:
            return
        self.compared.add((here.name, side))
        place = self.known.schemas[name].span if name in self.known.schemas else type.span
        if real.kind == "string" and real.enum:
            self._compare_enum(here, real, place)
        elif real.kind == "object":
            self._compare_object(here, real, place, side)

    def _compare_enum(self, here: GraphType, type: Type, place: Span) -> None:
        if here.kind != "enum":
            message = f"{here.name} is of kind {here.kind} here but an enum at {place}"
            self.report.add(here.span, "type-mismatch", message)
            return
        there = {symbol(value): value for value in type.enum}
        compare_values(self.report, here.name, dict(here.values), here.span, there, place)

    def _compare_object(self, here: GraphType, type: Type, place: Span, side: str) -> None:
        wanted = "input" if side == "input" else "object"
        if here.kind != wanted:
            message = f"{here.name} is of kind {here.kind} here but {wanted} by its use"
            self.report.add(here.span, "type-mismatch", message)
            return
        hidden = {f.name for f in type.fields if (f.read_only if side == "input" else f.write_only)}
        there = {f.name: f for f in type.fields if f.name not in hidden}
        mine = {m.name: m for m in here.members if m.operation is None}
        for name in sorted(there.keys() - mine.keys()):
            message = f"{here.name} lacks {name}, which is at {there[name].span}"
            self.report.add(here.span, "missing-field", message)
        for name in sorted(mine.keys() - there.keys()):
            message = f"{here.name}.{name} is not at {place}{naming.nearest(name, there)}"
            self.report.add(mine[name].span, "unknown-field", message)
        for name in sorted(mine.keys() & there.keys()):
            member, row = mine[name], there[name]
            label = f"{here.name}.{name}"
            self.compare(label, member, row.type, row.span, side)
            required = row.required and not self.known.nullable(row.type)
            if side == "input":
                required = required and not row.has_default
                self.compare_default(
                    label, member, row.type, row.default, row.has_default, row.span
                )
            self.compare_required(label, member, required, row.span)

    def unused(self) -> None:
        """What has a schema's name is that schema, used or not; what is neither is forgotten."""
        used = {name for name, _ in self.compared} | set(self.graph.roots.values())
        used |= set(self._mentioned())
        for name, type in self.graph.types.items():
            if type.kind == "scalar" or name in used:
                continue
            schema = self.known.schemas.get(name)
            if schema is None:
                message = f"{name} is used by nothing, and no schema has its name"
                self.report.add(type.span, "unused-type", message)
            else:
                side = "input" if type.kind == "input" else "output"
                self.compare_named(Type("ref", schema.span, ref=name), side)

    def _mentioned(self) -> Iterator[str]:
        for type in self.graph.types.values():
            for member in type.members:
                yield member.named
                yield from (argument.named for argument in member.arguments)
