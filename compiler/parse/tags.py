"""Discriminators: which tag tells which member of a union."""

from __future__ import annotations

from dataclasses import replace

from compiler.ir import Type
from compiler.parse.deep import component
from compiler.parse.node import Node
from compiler.source import Report


def written_tags(node: Node) -> tuple[tuple[str, str], ...]:
    """A discriminator's (tag, schema name) pairs, as far as they are written."""
    rows = []
    for tag, target in node.child("mapping").items():
        text = target.value if isinstance(target.value, str) else ""
        rows.append((tag, component(text) or text))
    return tuple(rows)


def tagged(node: Node, union: Type, report: Report) -> Type:
    """The union with a tag for each member: its name where no other is written."""
    names = {member.ref for member in union.members if member.kind == "ref"}
    for tag, name in union.mapping:
        if name not in names:
            place = node.child("mapping").child(tag).key
            message = f"{tag!r} stands for {name!r}, which is no member"
            report.add(place, "bad-discriminator", message)
    if len(names) < len(union.members):
        message = "with a discriminator every member is a $ref to a schema of its own"
        report.add(node.key, "bad-discriminator", message)
    written = {name for _, name in union.mapping}
    rest = tuple((name, name) for name in sorted(filter(None, names - written)))
    return replace(union, mapping=tuple(sorted((*union.mapping, *rest))))
