"""`allOf`: the one type that is several types at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields as fields_of
from dataclasses import replace
from typing import Any

from compiler.ir import Bounds, Field, Kind, Type
from compiler.source import Span


class Conflict(Exception):
    """Nothing can be of both types."""


Expand = Callable[[Type], Type]


def merge(parts: list[Type], span: Span, expand: Expand) -> Type:
    """What is of all `parts`. Raises Conflict when they contradict each other."""
    result = expand(parts[0])
    for part in parts[1:]:
        result = _both(result, expand(part), expand)
    return replace(result, span=span)


def _both(a: Type, b: Type, expand: Expand) -> Type:
    nullable = a.nullable and b.nullable
    if a.kind == "any":
        return replace(b, nullable=nullable)
    if b.kind == "any":
        return replace(a, nullable=nullable)
    if a.kind == "union" or b.kind == "union":
        return _each(a, b, expand, nullable)
    if {a.kind, b.kind} <= {"object", "map"}:
        return _objects(a, b, expand, nullable)
    kind: Kind = a.kind
    if {a.kind, b.kind} == {"integer", "number"}:
        kind = "integer"
    elif a.kind != b.kind:
        raise Conflict(f"nothing is {a.kind} and {b.kind} at once")
    if a.format and b.format and a.format != b.format:
        raise Conflict(f"the formats {a.format} and {b.format} contradict each other")
    item = _both(expand(a.item), expand(b.item), expand) if a.item and b.item else a.item or b.item
    return replace(
        a,
        kind=kind,
        format=a.format or b.format,
        item=item,
        bounds=_bounds(a.bounds, b.bounds),
        enum=_enum(a, b),
        nullable=nullable,
    )


def _each(a: Type, b: Type, expand: Expand, nullable: bool) -> Type:
    """A union and something else: each member and the something."""
    union, other = (a, b) if a.kind == "union" else (b, a)
    members = []
    for member in union.members:
        try:
            both = _both(expand(member), other, expand)
        except Conflict:
            # A member that cannot be is no choice.
            continue
        # A class needs a place of its own: where its member stands in the union.
        members.append(replace(both, span=member.span))
    if not members:
        raise Conflict("no member of the union is of the other type too")
    plain = replace(union, discriminator=None, mapping=())
    return replace(plain, members=tuple(members), nullable=nullable)


def _objects(a: Type, b: Type, expand: Expand, nullable: bool) -> Type:
    mine = {field.name: field for field in a.fields}
    theirs = {field.name: field for field in b.fields}
    for closed, others in ((a, theirs), (b, mine)):
        known = {field.name for field in closed.fields}
        extra = sorted(others.keys() - known)
        if closed.closed and extra:
            raise Conflict(f"one part refuses unknown properties, another has {extra[0]!r}")
    merged = tuple(
        _field(mine[name], theirs[name], expand)
        if name in mine and name in theirs
        else mine.get(name) or theirs[name]
        for name in sorted(mine.keys() | theirs.keys())
    )
    item = _both(expand(a.item), expand(b.item), expand) if a.item and b.item else a.item or b.item
    closed_now = a.closed or b.closed
    kind: Kind = "object" if merged or closed_now else "map"
    return replace(
        a,
        kind=kind,
        fields=merged,
        closed=closed_now,
        item=None if closed_now else item,
        bounds=_bounds(a.bounds, b.bounds),
        discriminator=a.discriminator or b.discriminator,
        nullable=nullable,
    )


def _field(a: Field, b: Field, expand: Expand) -> Field:
    same = a.type == b.type or (a.type.kind == "ref" and a.type.ref == b.type.ref)
    type = a.type if same else _both(expand(a.type), expand(b.type), expand)
    source = a if a.has_default else b
    return replace(
        a,
        type=type,
        required=a.required or b.required,
        default=source.default,
        has_default=source.has_default,
        read_only=a.read_only or b.read_only,
        write_only=a.write_only or b.write_only,
        doc=a.doc or b.doc,
    )


def _enum(a: Type, b: Type) -> tuple[Any, ...]:
    if not a.enum or not b.enum:
        return a.enum or b.enum
    common = tuple(value for value in a.enum if value in b.enum)
    if not common:
        raise Conflict("the enums have no value in common")
    return common


_LOWER = ("min_length", "min_items", "min_properties")
_UPPER = ("max_length", "max_items", "max_properties")


def _bounds(a: Bounds, b: Bounds) -> Bounds:
    """The narrower of each."""
    if a == b:
        return a
    chosen: dict[str, Any] = {}
    for row in fields_of(Bounds):
        mine, theirs = getattr(a, row.name), getattr(b, row.name)
        if mine is None or theirs is None:
            chosen[row.name] = theirs if mine is None else mine
        elif row.name in _LOWER:
            chosen[row.name] = max(mine, theirs)
        elif row.name in _UPPER:
            chosen[row.name] = min(mine, theirs)
        elif row.name == "unique_items":
            chosen[row.name] = mine or theirs
        elif row.name in ("pattern", "multiple_of") and mine != theirs:
            raise Conflict(
                f"two different {row.name.replace('_', ' ')}s cannot be compiled into one"
            )
        else:
            chosen[row.name] = mine
    for side, pick in (("minimum", max), ("maximum", min)):
        mine, theirs = getattr(a, side), getattr(b, side)
        flags = getattr(a, f"exclusive_{side}"), getattr(b, f"exclusive_{side}")
        if mine is not None and theirs is not None:
            chosen[side] = pick(mine, theirs)
            winners = [
                flag
                for value, flag in zip((mine, theirs), flags, strict=True)
                if value == chosen[side]
            ]
            chosen[f"exclusive_{side}"] = any(winners)
        else:
            chosen[f"exclusive_{side}"] = flags[0] if mine is not None else flags[1]
    return Bounds(**chosen)
