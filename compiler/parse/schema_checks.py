"""What can be checked of schemas once every name is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from compiler.ir import Type
from compiler.parse.node import Node
from compiler.parse.values import misfit
from compiler.source import Report


@dataclass
class SchemaChecks:
    """`named` gives a schema's type by name, `expand` what a type stands for."""

    report: Report
    named: Callable[[str], Type]
    expand: Callable[[Type], Type]

    def values(self, listed: list[tuple[Node, Type]], code: str, what: str) -> None:
        """Reports values that are not of their type."""
        for node, type in listed:
            reason = misfit(node.plain(), type, self.named)
            if reason:
                self.report.add(node.span, code, f"{what} is not of its type: {reason}")

    def tags(self, unions: list[tuple[Node, Type]]) -> None:
        """Reports discriminators that do not tell the members apart."""
        for node, union in unions:
            self._check_tags(node, union)

    def repeated(self, repeats: list[tuple[Node, Type, str]]) -> None:
        """Reports repeated types that differ from what their x-type names."""
        for node, told, name in repeats:
            self._check_repeat(node, told, name)

    def _check_tags(self, node: Node, union: Type) -> None:
        for tag, name in union.mapping:
            target = self.expand(Type("ref", node.span, ref=name))
            if target.kind == "any":
                continue
            fields = {field.name: field for field in target.fields}
            field = fields.get(union.discriminator or "")
            if field is None or not field.required:
                message = f"{name!r} does not require {union.discriminator!r}"
                self.report.add(node.key, "bad-discriminator", message)
                continue
            values = self.expand(field.type).enum
            if values and tag not in values:
                message = f"the tag {tag!r} is none of the values of {name}.{field.name}"
                self.report.add(node.key, "bad-discriminator", message)

    def _check_repeat(self, node: Node, repeated: Type, name: str) -> None:
        target = self.named(name)
        told = (repeated.kind, repeated.format, repeated.bounds, frozenset(repeated.enum))
        meant = (target.kind, target.format, target.bounds, frozenset(target.enum))
        # An enum too long to repeat may stand as a pattern that lets all of its values through.
        loose = replace(repeated, nullable=True)
        listed = target.enum and not repeated.enum and repeated.kind == target.kind
        fits = listed and all(misfit(value, loose, self.named) is None for value in target.enum)
        if told != meant and not fits:
            message = f"differs from {name} at {target.span}, which x-type says it is"
            self.report.add(node.child("x-type").key, "type-repeat", message)
